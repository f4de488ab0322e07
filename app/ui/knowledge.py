"""The knowledge page: one's own documents with what is happening to them, and the industry's below.

What it shows and does goes over the REST API with the session cookie: a list of hundreds costs Gradio's queue nothing.
"""

from __future__ import annotations

import gradio as gr

from app.services.services import Services
from app.ui.documents import library_html
from app.ui.shared import header
from app.ui.upload import STARTED, drop_area
from app.ui.worth import worth_adding

INTRO = (
    "<h1>Your documents</h1><p>Contracts, bios, press kits, statements, lyrics. Only you can see them. "
    '<a href="#industry">Industry knowledge base</a> is below.</p>'
)
INDUSTRY = (
    "<h2>Industry knowledge base</h2><p>General knowledge that answers draw on beside your documents. "
    "Admins keep it; everyone can read it.</p>"
)


def build(services: Services) -> None:
    """Lay the page out inside the present page of the application. No event of Gradio's is needed."""
    most = services.settings.ingestion.max_bytes
    start = STARTED.format(what="documents")
    header("Knowledge")
    with gr.Column(elem_id="knowledge-page"):
        gr.HTML(INTRO, js_on_load=None, elem_classes="intro")
        drop_area(most, "knowledge-drop", choosing=True)
        worth_adding("knowledge")
        gr.HTML(library_html("personal"), elem_id="own", js_on_load=start)
        with gr.Column(elem_id="industry"):
            gr.HTML(INDUSTRY, js_on_load=None, elem_classes="intro")
            drop_area(most, "industry-drop", kb="global")
            gr.HTML(library_html("global"), elem_id="industry-list", js_on_load=start)
