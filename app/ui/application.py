"""The Gradio application: its pages, and how it is mounted."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import queueing, route_utils, routes
from loguru import logger

from app.services.services import Services
from app.ui import account, admin, chat, dashboard, first_run, knowledge, plans, profile, writing
from app.ui.header import ASIDE, PAGES
from app.ui.lean import LeanBlocks, trim
from app.ui.theme import build_theme

HERE = Path(__file__).parent
RUNNING_EVENTS = (
    1200  # Gradio stops at 40 otherwise, `concurrency_limit` or not (gradio.md 4.4); a thousand users and room
)

_COMMENT = re.compile(r"(?m)^[ \t]*// .*\n")
_STYLE_COMMENT = re.compile(r"(?s)[ \t]*/\*.*?\*/\n?")

# No address is looked up before it is clicked: an answer's link must not reach the network by itself.
HEAD = """<link rel="icon" href="/static/favicon.svg" type="image/svg+xml">
<meta name="color-scheme" content="dark">
<meta name="theme-color" content="#0a0a0c">
<meta http-equiv="x-dns-prefetch-control" content="off">"""

STYLES = (
    "style.css", "parts.css", "header.css", "chat.css", "rows.css", "side.css", "composer.css", "documents.css", "forms.css",
    "library.css", "viewer.css", "insight.css", "dashboard.css", "admin.css", "models.css", "fields.css", "people.css",
    "welcome.css", "roles.css", "plans.css", "plan.css", "steps.css", "deadlines.css", "chat_plans.css", "writing.css",
    "draft.css", "analytics.css", "growth.css", "goals.css", "exports.css",
)  # fmt: skip
# Each stands on the ones before it. The last one tells the components, which may have started earlier, that all are there.
SCRIPTS = (
    "page.js", "header.js", "rest.js", "dialogs.js", "people.js", "rows.js", "exports.js", "documents.js", "viewer.js",
    "insight.js", "why.js", "chat.js", "side.js", "composer.js", "dashboard.js", "growth_import.js", "growth.js", "notes.js",
    "worth.js", "profile.js", "account.js", "first_run.js", "admin.js", "models.js", "draft.js", "writing.js", "deadlines.js",
    "proposals.js", "steps.js", "plan.js", "plans.js", "dates.js", "chat_plans.js", "upload.js",
)  # fmt: skip


class _Traces:
    """Stands where Gradio has `traceback`: it prints what fails around our handlers with the text, which may hold words
    of a user, such as a value that is not among the choices."""

    @staticmethod
    def print_exc() -> None:
        logger.opt(exception=True).error("page event failed")


# Beside the first one; the guard lets in the pages it is told of.
PAGE_PATHS = tuple(page.path for page in (*PAGES, *ASIDE) if page.path)


def build_application(services: Services) -> gr.Blocks:
    """Every page of the web interface over `services`; mount it with `mount_options`."""
    for module in (queueing, routes, route_utils):
        module.traceback = _Traces  # type: ignore[attr-defined]
    demo = LeanBlocks(title="AI Manager", analytics_enabled=False, fill_width=True)
    with demo:
        chat.build(services, demo)
    with demo.route("Knowledge", "knowledge"):
        knowledge.build(services)
    with demo.route("Plans", "plans"):
        plans.build()
    with demo.route("Writing", "writing"):
        writing.build()
    with demo.route("Dashboard", "dashboard"):
        dashboard.build(services, demo)
    with demo.route("Profile", "profile"):
        profile.build(services)
    with demo.route("Account", "account"):
        account.build()
    with demo.route("Admin", "admin"):
        admin.build(services, demo)
    with demo.route("Welcome", "welcome"):
        first_run.build(services)
    demo.queue(default_concurrency_limit=None)
    # `mount_gradio_app` has no parameter for these; they are read when the queue starts.
    demo.max_threads = RUNNING_EVENTS
    demo._queue.max_thread_count = RUNNING_EVENTS
    trim(demo)
    return demo


def mount_options() -> dict[str, Any]:
    """Keyword arguments for `gr.mount_gradio_app`: the look, our scripts, and Gradio's extra doors shut."""
    # Said of every mounted application with several pages, also where `ssr_mode` is off as here.
    warnings.filterwarnings("ignore", "SSR mode is not supported with multi-page apps", UserWarning)
    return {
        "ssr_mode": False,
        "run_history": False,
        "footer_links": [],
        "enable_monitoring": False,
        "show_error": False,
        "mcp_server": False,
        "pwa": False,
        "max_file_size": 1,  # byte: files go to /api/documents, never through Gradio
        "theme": build_theme(),
        # Without comments: every page carries both (6 kB of 74 compressed).
        "css": _STYLE_COMMENT.sub("", _texts(*STYLES)),
        "head": f"{HEAD}\n<script>\n{_COMMENT.sub('', _texts(*SCRIPTS))}\n</script>",
    }


def _texts(*names: str) -> str:
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)
