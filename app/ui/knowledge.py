"""The knowledge page: one's own documents with what is happening to them, and the industry's to look at."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from app.principal import Principal
from app.services.services import Services
from app.ui.documents import documents_html, is_unfinished
from app.ui.shared import PRIVATE, Updates, header, in_thread, principal_of, told
from app.ui.upload import STARTED, drop_area

LOOK_SECONDS = 1.5  # between two looks at documents that are being read
SHOWN = 200  # newest documents of a list
INTRO = "<h1>Your documents</h1><p>Contracts, bios, press kits, statements, lyrics. Only you can see them.</p>"


@dataclass(frozen=True)
class KnowledgePage:
    drop: gr.HTML
    own: gr.HTML
    industry: gr.HTML
    timer: gr.Timer


def build(services: Services, demo: gr.Blocks) -> None:
    """Lay the page out inside the present page of `demo`, then wire it."""
    page = _lay_out(services)
    _wire(page, KnowledgeHandlers(services, page), demo)


def _lay_out(services: Services) -> KnowledgePage:
    header("Knowledge")
    with gr.Column(elem_id="knowledge-page"):
        gr.HTML(INTRO, js_on_load=None, elem_classes="intro")
        drop = drop_area(services.settings.ingestion.max_bytes, "knowledge-drop")
        own = gr.HTML("", elem_id="own", js_on_load=STARTED.format(what="documents"))
        with gr.Accordion("Industry knowledge base", open=False, elem_id="industry"):
            gr.HTML("<p>Everyone here can ask about these; admins write them.</p>", js_on_load=None)
            industry = gr.HTML("", js_on_load=None)
    return KnowledgePage(drop, own, industry, gr.Timer(LOOK_SECONDS, active=False))


def _wire(page: KnowledgePage, handlers: KnowledgeHandlers, demo: gr.Blocks) -> None:
    demo.load(told(handlers.opened), None, [page.own, page.industry, page.timer], **PRIVATE)
    gr.on([page.timer.tick, page.drop.submit], told(handlers.looked), None, [page.own, page.timer], **PRIVATE)
    page.own.click(told(handlers.acted), None, [page.own, page.timer], **PRIVATE)


class KnowledgeHandlers:
    """One per page. Each asks who is asking, calls a service with it, and says what to show."""

    def __init__(self, services: Services, page: KnowledgePage) -> None:
        self._documents, self._page = services.documents, page

    async def opened(self, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return await in_thread(self._own, principal) | await in_thread(self._industry, principal)

    async def looked(self, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return await in_thread(self._own, principal)

    async def acted(self, asked: gr.EventData, request: gr.Request) -> Updates:
        """Delete, retry or cancel, or look again; which document is only what the browser says, and the service decides
        whose it is. New versions and standings go to the REST API from the browser.
        """
        principal = principal_of(request)
        documents = self._documents
        actions = {"delete": documents.delete, "retry": documents.retry, "cancel": documents.cancel}
        if (action := actions.get(str(asked._data.get("action")))) is not None:
            await in_thread(action, principal, str(asked._data.get("id")))
        return await in_thread(self._own, principal)

    def _own(self, principal: Principal) -> Updates:
        listing = self._documents.list(principal, kb="personal", limit=SHOWN)
        return {
            self._page.own: documents_html(listing.items, own=True, more=listing.next is not None),
            self._page.timer: gr.update(active=any(is_unfinished(document) for document in listing.items)),
        }

    def _industry(self, principal: Principal) -> Updates:
        listing = self._documents.list(principal, kb="global", limit=SHOWN)
        return {self._page.industry: documents_html(listing.items, own=False, more=listing.next is not None)}
