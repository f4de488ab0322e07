"""The admin page: users, the state of the server, the audit. Its handlers ask services, which refuse whoever is no admin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr

from app.errors import Forbidden
from app.services.services import Services
from app.ui.audit import build_audit
from app.ui.metrics import build_metrics
from app.ui.models import build_models
from app.ui.shared import PRIVATE, Updates, header, in_thread, principal_of, told
from app.ui.status import system_html
from app.ui.users import UsersHandlers, UsersPanel, build_users

INTRO = '<h1>Admin</h1><p>The industry knowledge base is managed on the <a href="/app/knowledge#industry">Knowledge page</a>.</p>'
REFUSED = '<h1>Admin</h1><p>This page is for admins. <a href="/app/">Back to the chat</a></p>'
CHECK = '<button type="button" data-action="check" data-id="system">Check now</button>'

# More panels: the words on the tab, and what lays out and wires its content.
PANELS: tuple[tuple[str, Callable[[Services], object]], ...] = (("Language model", build_models),)


@dataclass(frozen=True)
class AdminPage:
    refused: gr.HTML
    content: gr.Column
    users: UsersPanel
    system: gr.HTML


def build(services: Services, demo: gr.Blocks) -> None:
    """Lay the page out inside the present page of `demo`, then wire it. Nothing is filled in before a service allowed it."""
    header("Admin")
    with gr.Column(elem_id="admin-page"):
        refused = gr.HTML(REFUSED, visible=False, js_on_load=None, elem_classes="intro")
        with gr.Column(visible=False, elem_id="admin-content") as content:
            gr.HTML(INTRO, js_on_load=None, elem_classes="intro")
            with gr.Tabs():
                with gr.Tab("Users"):
                    users = build_users(services)
                with gr.Tab("Metrics") as metrics_tab:
                    build_metrics(services, metrics_tab)
                with gr.Tab("System") as system_tab:
                    check = gr.HTML(CHECK, elem_id="system-check", js_on_load=CHECKED)
                    system = gr.HTML("", elem_id="system", js_on_load=None)
                with gr.Tab("Audit") as audit_tab:
                    audit, audit_handlers = build_audit(services)
                for words, build_panel in PANELS:
                    with gr.Tab(words):
                        build_panel(services)
    page = AdminPage(refused, content, users, system)
    handlers = AdminHandlers(services, page)
    demo.load(told(handlers.admitted), None, [refused, content, users.listed], **PRIVATE)
    system_tab.select(told(handlers.system), None, system, **PRIVATE)
    check.click(told(handlers.checked), None, system, **PRIVATE)
    audit_tab.select(told(audit_handlers.newest), None, audit.listed, **PRIVATE)


CHECKED = "element.addEventListener('click', (event) => event.target.closest('button') && trigger('click', {}));"


class AdminHandlers:
    def __init__(self, services: Services, page: AdminPage) -> None:
        self._services, self._page = services, page
        self._users = UsersHandlers(services, page.users)

    async def admitted(self, request: gr.Request) -> Updates:
        """The page for an admin; one sentence and nothing else for everybody else, which is audited as a refusal."""
        principal, page = principal_of(request), self._page
        try:
            listed = await in_thread(self._users.show, principal)
        except Forbidden:
            return {page.refused: gr.update(visible=True)}
        return {page.content: gr.update(visible=True), **listed}

    async def system(self, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return {self._page.system: system_html(await self._services.system.report(principal))}

    async def checked(self, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return {self._page.system: system_html(await self._services.system.check(principal), hurried=True)}
