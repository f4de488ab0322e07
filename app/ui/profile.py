"""The profile page: what answers should know about the user, and the roster of artists. Filled and saved by profile.js."""

from __future__ import annotations

import gradio as gr

from app.services.services import Services
from app.ui.header import header
from app.ui.notes import notes_section
from app.ui.people import STAGES, choices, field, section
from app.ui.upload import STARTED

INTRO = "<h1>Profile</h1><p>What answers should know about you. Every field may stay empty.</p>"
FORM = (
    '<form id="profile-form" novalidate>'
    "{roles}"
    f'<div class="pair">{field("artist_name", "Artist name")}{field("genres", "Genres", most=300)}</div>'
    f"{choices('stage', 'Where do you stand?', STAGES)}"
    f"{field('goals', 'Goals', lines=3, most=2000, about='What should have happened a year from now?')}"
    f"{field('audience', 'Audience', lines=3, most=2000, about='Who listens, and where?')}"
    f"{field('bio', 'Bio', lines=5, most=4000)}"
    '<div class="end"><button type="submit" class="primary">Save profile</button>'
    '<p class="said" role="status"></p></div></form>'
)
ROSTER = (
    '<ul class="rows" id="roster" aria-label="Your artists"></ul><p class="said" id="roster-said" role="status"></p>'
    '<form id="artist-form" class="line" novalidate>'
    f"{field('artist-name', 'New artist', more='autocomplete=off')}"
    '<button type="submit" class="plain">Add artist</button></form>'
)
OFFERS = '<ul class="rows" id="offers" aria-label="Artists offered to you"></ul>'


def build(services: Services) -> None:
    """Lay the page out inside the present page of Gradio's Blocks. It has no events: the script speaks to the REST API."""
    form = FORM.replace("{roles}", choices("role", "What are you?", services.roles.names))
    header("Profile")
    with gr.Column(elem_id="profile-page", elem_classes="people"):
        gr.HTML(
            f'<div class="intro">{INTRO}</div>'
            f'<div id="offered" hidden>{section("offers-panel", "Offered to you", OFFERS)}</div>'
            f"{section('about-you', 'About you', form)}{notes_section()}"
            + section(
                "artists",
                "Your artists",
                ROSTER,
                "Whom you work for: yourself, or everybody you look after. Documents and conversations can belong to one.",
            ),
            js_on_load=STARTED.format(what="profile"),
        )
