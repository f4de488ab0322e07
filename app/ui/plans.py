"""The plans page: what is due, the plans, a new one, and the days that documents name. The scripts deadlines.js, steps.js,
plan.js, plans.js and dates.js fill it from the REST API.
"""

from __future__ import annotations

import gradio as gr

from app.ui.header import header
from app.ui.people import field, section
from app.ui.upload import STARTED

INTRO = (
    "<h1>Plans</h1><p>From a goal and a day to dated steps, each with its reason and what it rests on, checked against the "
    'contracts you added.</p><p class="end"><a class="primary" href="/app/plans#new">New plan</a></p>'
)
GOAL = "What should have happened at the end, in your words. Name a budget and it is shared out."
DAYS = "min=2000-01-01 max=2100-12-31"
FORM = (
    '<form id="plan-form" class="panel" novalidate hidden aria-labelledby="plan-form-heading">'
    '<h1 id="plan-form-heading" tabindex="-1">A new plan</h1>'
    '<p class="lead">Every day is reckoned back from the one you name. All of it can be changed afterwards.</p>'
    '<fieldset class="choices templates" id="templates" aria-describedby="template-wrong"><legend>What is it for?</legend>'
    '<p class="wrong" id="template-wrong" role="alert" hidden></p></fieldset>'
    f"{field('plan-goal', 'Goal', lines=3, most=2000, about=GOAL)}"
    f'<div class="pair">{field("plan-date", "Target day", kind="date", more=DAYS)}'
    '<div class="field" id="plan-artist-field" hidden><label for="plan-artist">Artist</label>'
    '<select id="plan-artist" name="plan-artist"><option value="">All artists</option></select></div></div>'
    '<p class="hint" id="plan-near" role="status"></p>'
    f"{field('plan-title', 'Name of the plan', about='May stay empty: the plan is then named after what it is for.')}"
    '<div class="end"><button type="submit" class="primary">Make the plan</button><a class="plain" href="/app/plans#">Cancel</a>'
    '<p class="said" role="status"></p></div></form>'
)
PLANS = section(
    "plans-panel",
    "Your plans",
    '<ul class="rows" id="plan-list" aria-label="Plans under way"></ul>'
    '<details class="closed" id="plans-closed" hidden><summary></summary>'
    '<ul class="rows" aria-label="Closed plans"></ul></details>'
    '<p class="said" id="plans-said" role="status">Looking up your plans …</p>',
)
DATES = section(
    "dates-panel",
    "Dates found in your documents",
    '<ul class="rows" id="dates-proposed" aria-label="Dates to confirm"></ul>'
    '<details class="closed" id="dates-confirmed" hidden><summary></summary>'
    '<ul class="rows" aria-label="Confirmed dates"></ul></details>'
    '<details class="closed" id="dates-away" hidden><summary></summary>'
    '<ul class="rows" aria-label="Dates put away"></ul></details>'
    '<p class="said" id="dates-said" role="status"></p>'
    '<details class="closed" id="date-own"><summary>Add a date of your own</summary>'
    '<form id="date-form" class="line" novalidate>'
    f"{field('date-label', 'What happens')}{field('date-day', 'Day', kind='date', more=DAYS)}"
    '<button type="submit" class="plain">Add date</button></form></details>',
    "Read by rules, with the clause they stand in. A date counts among your deadlines only when you confirm it. "
    "Not legal advice: read the clause.",
)
STRIP = (
    '<section class="deadlines" aria-labelledby="deadlines-heading" aria-busy="true"><div class="top">'
    '<h2 id="deadlines-heading">Next deadlines</h2><span class="facts" role="status"></span></div>'
    '<ol aria-label="Next deadlines"></ol><p class="facts none" hidden></p>'
    '<button type="button" class="plain more" aria-expanded="false" hidden>Show all</button></section>'
)


def build() -> None:
    """Lay the page out inside the present page of Gradio's Blocks. It has no events: the scripts speak to the REST API."""
    header("Plans")
    with gr.Column(elem_id="plans-page", elem_classes="people"):
        gr.HTML(f'<div class="intro">{INTRO}</div>', elem_classes="overview", js_on_load=None)
        deadline_strip()
        gr.HTML(
            f'{FORM}<div id="plan" hidden></div><div class="overview">{PLANS}</div>',
            js_on_load=STARTED.format(what="plansPage"),
        )
        gr.HTML(DATES, elem_classes="overview", js_on_load=STARTED.format(what="foundDates"))


def deadline_strip() -> gr.HTML:
    """The next open steps of plans and the confirmed dates, with the days left; for any page."""
    return gr.HTML(STRIP, elem_classes="deadline-strip", js_on_load=STARTED.format(what="deadlineStrip"))
