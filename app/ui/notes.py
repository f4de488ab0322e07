"""What the program remembers: proposed under an answer, listed on the profile. Static HTML; the script is notes.js."""

from __future__ import annotations

import gradio as gr

from app.services.notes import LONGEST
from app.ui.people import field, section
from app.ui.upload import STARTED

ABOUT = (
    "Facts you told in a conversation are offered here, and used in answers once you confirm them. Change or forget any of them "
    "at any time."
)
LISTS = (
    '<ul class="rows" id="notes" aria-label="What is remembered"></ul>'
    '<p class="facts" id="notes-none" hidden>Nothing yet. Say something of yourself in the chat, or write it here.</p>'
    '<p class="said" id="notes-said" role="status"></p>'
    '<form id="note-form" class="line" novalidate>'
    f"{field('note-text', 'New note', most=LONGEST, more='autocomplete=off')}"
    '<button type="submit" class="plain">Add note</button></form>'
)


def notes_section() -> str:
    """For the profile page, whose script fills it."""
    return section("remembered", "What is remembered", LISTS, ABOUT)


def proposals() -> gr.HTML:
    """Under the last answer: what the last question said of the user, to confirm or not. Empty where it said nothing."""
    return gr.HTML(
        '<section class="remember" aria-label="Worth remembering" hidden></section>',
        elem_id="remember",
        js_on_load=STARTED.format(what="remember"),
    )
