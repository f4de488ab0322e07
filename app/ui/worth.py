"""Papers worth adding, by the user's role: on the empty Knowledge page, on the dashboard, in the guided start. The script is
worth.js."""

from __future__ import annotations

import gradio as gr

from app.ui.upload import STARTED

# `data-place` says how much is shown: everything, or the next few that are missing.
HTML = '<section class="worth" data-place="{place}" aria-label="Papers worth adding" hidden></section>'


def worth_adding(place: str) -> gr.HTML:
    """`place`: knowledge (all, ticked as they come) or dashboard (what is missing)."""
    return gr.HTML(HTML.format(place=place), elem_classes="worth-adding", js_on_load=STARTED.format(what="worth"))
