"""The writing page: kinds of texts, the form of one, a draft with its sources. Filled and wired by draft.js and writing.js."""

from __future__ import annotations

import gradio as gr

from app.ui.header import header
from app.ui.people import section
from app.ui.upload import STARTED

INTRO = (
    "<h1>Writing</h1><p>Texts from your own facts. A number, name, link or quotation that stands in none of your documents, not "
    "in your profile and in nothing you typed reads <span class=to-confirm>[to confirm]</span>.</p>"
)
START = '<p class="notice" id="desk-notice" role="status" hidden></p><div id="desk-kinds"></div>'
FORM = '<p class="lead" id="desk-about"></p><form id="desk-form" novalidate></form>'
ROWS = (
    '<ul class="rows" id="desk-rows" aria-label="Your drafts"></ul>'
    '<button type="button" class="plain" id="desk-older" hidden>Show older</button>'
    '<p class="said" id="desk-said" role="status"></p>'
)
BACK = '<p class="back"><a href="/app/writing" id="desk-back">All kinds of texts and your drafts</a></p>'


def build() -> None:
    """Lay the page out inside the present page of Gradio's Blocks. It has no events: the scripts speak to the REST API."""
    header("Writing")
    with gr.Column(elem_id="writing-page", elem_classes="people"):
        gr.HTML(
            f'<div class="intro">{INTRO}</div>{BACK}'
            f'<div data-view="start">{section("desk-new", "What shall it be?", START)}</div>'
            f'<div data-view="form" hidden>{section("desk-type", "Text", FORM)}</div>'
            '<div data-view="draft" id="desk-draft" hidden></div>'
            f'<div data-view="start">{section("desk-drafts", "Your drafts", ROWS)}</div>',
            js_on_load=STARTED.format(what="writing"),
        )
