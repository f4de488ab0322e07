"""The guided start after registration, and the list of first steps for other pages. Wired by first_run.js."""

from __future__ import annotations

import gradio as gr

from app.services.samples import TITLES
from app.services.services import Services
from app.ui.header import header
from app.ui.people import STAGES, choices, field
from app.ui.upload import STARTED

NAMES = (
    f"{field('artist_name', 'Artist name', about='The name your music comes out under, or the name of your business.')}"
    f"{field('genres', 'Genres', most=300, about='In your own words, such as indie folk or drum and bass.')}"
)
SAMPLES = (
    '<div class="bring" hidden></div>'
    "<p class=lead>Answers quote your own papers. Add one of yours, or begin with our samples: "
    f"{', '.join(title.removeprefix('Sample: ') for title in TITLES.values())}. They name nobody and are gone with one click.</p>"
    '<div class="end"><button type="button" class="primary" id="samples-in">Add the samples</button>'
    '<a class="plain" href="/app/knowledge">Add my own</a></div>'
    '<p class="said" id="samples-state" role="status"></p><div id="samples-ask" hidden><p class=lead>Now ask about them:</p>'
    '<ul class="asks"></ul></div>'
)
GOALS = field("goals", "Goals", lines=4, most=2000, about="What should have happened a year from now?")
AUDIENCE = field("audience", "Audience", lines=4, most=2000, about="Who listens to you, and where do you reach them?")
SCREENS = (
    (
        "What are you?",
        "Advice for a songwriter is other advice than for a manager.",
        "{roles}",
    ),
    ("What name do you work under?", "So that answers can name it.", NAMES),
    (
        "Where do you stand?",
        "Advice for a first single is other advice than for a tenth tour.",
        choices("stage", "Your stage", STAGES),
    ),
    ("What do you want?", "Goals give answers a direction.", GOALS),
    ("Who listens?", "Your audience, as you know it.", AUDIENCE),
    ("Something to ask about", "", SAMPLES),
)


def build(services: Services) -> None:
    """The guided start: one screen after the other, each of which may be skipped."""
    roles = services.roles
    offered = choices("role", "Your role", roles.names, {name: roles.named(name).about for name in roles.names})
    header("Welcome")
    screens = "".join(
        f'<div class="screen" hidden><h1 tabindex="-1">{title}</h1>'
        f"{f'<p class=lead>{about}</p>' if about else ''}{body.replace('{roles}', offered)}</div>"
        for title, about, body in SCREENS
    )
    with gr.Column(elem_id="welcome-page", elem_classes="people"):
        gr.HTML(
            '<form id="welcome-form" novalidate aria-label="Guided start"><div class="course">'
            f'<progress max="{len(SCREENS)}" value="1" aria-hidden="true"></progress><p id="course-words"></p>'
            f'<a href="/app/">Skip all</a></div><div class="panel">{screens}'
            '<p class="said" id="welcome-said" role="status"></p>'
            '<div class="end moves"><button type="button" class="plain" id="back">Back</button>'
            '<button type="button" class="plain" id="skip">Skip</button>'
            '<button type="submit" class="primary" id="onward">Continue</button></div></div></form>',
            js_on_load=STARTED.format(what="welcome"),
        )


def first_steps() -> gr.HTML:
    """The steps that are not done yet, for the empty chat and the dashboard: empty when all are, or when put away."""
    return gr.HTML(
        '<section class="steps" aria-label="First steps" hidden></section>',
        elem_classes="first-steps",
        js_on_load=STARTED.format(what="firstSteps"),
    )
