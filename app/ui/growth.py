"""Growth on the dashboard: a choice of what is shown, its lines with words and a table, and forms to enter and import figures.

The forms speak to the REST API (growth.js); only the plot needs an event of Gradio's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from typing import NamedTuple

import gradio as gr

from app.models import now
from app.principal import Principal
from app.services.growth import METRICS, Line, Metric
from app.services.services import Services
from app.ui.format import count, one_line
from app.ui.people import field
from app.ui.plots import COLOURS, lines, of_growth
from app.ui.shared import PRIVATE, Updates, in_thread, principal_of, told
from app.ui.status import table
from app.ui.upload import STARTED
from app.ui.users import text_of

PERIODS = {"90": "3 months", "365": "12 months", "": "All"}
MONTH = 28  # days that a change is told over, at the least
MOST_LINES = len(COLOURS)
PLATFORMS = (
    "Spotify", "Apple Music", "YouTube", "YouTube Music", "Amazon Music", "Deezer", "Tidal", "SoundCloud", "Bandcamp",
    "Instagram", "TikTok", "Facebook", "Twitch", "Beatport", "Shop", "Live",
)  # fmt: skip
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CAD", "AUD", "JPY")
# Hides the plot by style: one that Gradio takes away while it is being drawn breaks its script.
UNDRAWN = '<span class="undrawn" hidden></span>'
EMPTY = (
    '<p class="nothing" data-asked="{asked}">No figures yet. Enter listeners, followers, streams or income below, or import the '
    "table that your distributor or platform exports: they become lines over time.</p>"
)


class Chosen(NamedTuple):
    """What is shown: one metric, of income one currency, of one artist or all, of a period; and the number of the question, by
    which the page knows its last answer."""

    metric: Metric
    currency: str = ""
    artist_id: str | None = None
    days: int | None = 365
    asked: int = 0


@dataclass(frozen=True)
class GrowthPart:
    choice: gr.HTML
    plot: gr.LinePlot
    text: gr.HTML

    @property
    def view(self) -> list[gr.HTML | gr.LinePlot]:
        return [self.choice, self.plot, self.text]


def lay_out() -> GrowthPart:
    choice = gr.HTML("", elem_id="growth-choice", js_on_load=STARTED.format(what="growthChoice"))
    plot = lines("Day", "Figure", "growth-plot", color="Line", visible=False)
    text = gr.HTML("", elem_id="growth-text", js_on_load=None)
    gr.HTML(_forms(), elem_id="growth-forms", elem_classes="people", js_on_load=STARTED.format(what="growthForms"))
    return GrowthPart(choice, plot, text)


def wire(services: Services, part: GrowthPart) -> None:
    # Each choice counts: by itself Gradio leaves out what comes while an answer is on its way.
    grown = told(GrowthHandlers(services, part).grown)
    part.choice.click(grown, None, part.view, trigger_mode="multiple", **PRIVATE)


class GrowthHandlers:
    def __init__(self, services: Services, part: GrowthPart) -> None:
        self._growth, self._part = services.growth, part

    async def grown(self, asked: gr.EventData, request: gr.Request) -> Updates:
        """What the choice says; the service decides whose."""
        principal = principal_of(request)
        metric = text_of(asked, "metric") or ""
        name, _, currency = metric.partition(" ")
        days = text_of(asked, "days") or ""
        wanted = Chosen(
            name if name in METRICS else METRICS[0], currency[:3], text_of(asked, "artist"),
            int(days) if days in PERIODS and days else None, _number(text_of(asked, "asked")),
        )  # fmt: skip
        return await in_thread(self.show, principal, wanted)

    def show(self, principal: Principal, wanted: Chosen | None = None) -> Updates:
        """Without a wish, what was added to last."""
        artist = wanted.artist_id if wanted else None
        everything = self._growth.lines(principal)
        found = self._growth.lines(principal, artist_id=artist) if artist else everything
        part = self._part
        if not everything:
            return {part.choice: EMPTY.format(asked=wanted.asked if wanted else 0), part.text: UNDRAWN}
        known = {(line.metric, line.currency) for line in everything}
        if wanted is None or (wanted.metric, wanted.currency) not in known:
            newest = max(everything, key=lambda line: line.points[-1][0])
            wanted = (wanted or Chosen("listeners"))._replace(metric=newest.metric, currency=newest.currency)
        shown = chosen(found, wanted, now().date())
        drawn = {part.plot: of_growth(named(shown[:MOST_LINES]))} if shown else {}
        return {part.choice: choice_html(everything, wanted), part.text: text_html(shown, wanted), **drawn}


def chosen(found: Sequence[Line], wanted: Chosen, today: date) -> list[Line]:
    """The lines of a choice, the longest first, without the days before its period."""
    first = today - timedelta(days=wanted.days) if wanted.days else date.min
    same = [line for line in found if (line.metric, line.currency) == (wanted.metric, wanted.currency)]
    cut = [line.model_copy(update={"points": [one for one in line.points if one[0] >= first]}) for line in same]
    return sorted((line for line in cut if line.points), key=lambda line: -len(line.points))


def named(found: Sequence[Line]) -> list[tuple[str, Line]]:
    """Each with what tells it from the others: the artist where there are several, the platform."""
    several = len({line.artist_id for line in found}) > 1
    names: list[tuple[str, Line]] = []
    for line in found:
        artist = [line.artist or "All artists"] if several else []
        name = ", ".join([*artist, line.platform] if line.platform else artist) or metric_words(
            line.metric, line.currency
        )
        taken = {other for other, _ in names}
        names.append((name if name not in taken else f"{name} ({len(names) + 1})", line))
    return names


def metric_words(metric: str, currency: str) -> str:
    return f"{metric.capitalize()} in {currency}" if currency else metric.capitalize()


def choice_html(everything: Sequence[Line], wanted: Chosen) -> str:
    """Only what there are figures of can be chosen."""
    kinds = list(dict.fromkeys((line.metric, line.currency) for line in everything))
    figures = [(f"{metric} {currency}".strip(), metric_words(metric, currency)) for metric, currency in kinds]
    artists = dict(
        sorted(
            {(line.artist_id or "", line.artist or "") for line in everything if line.artist_id}, key=lambda one: one[1]
        )
    )
    selects = _select("metric", "Figure", figures, f"{wanted.metric} {wanted.currency}".strip())
    if artists and len({line.artist_id for line in everything}) > 1:
        selects += _select("artist", "Artist", [("", "All"), *artists.items()], wanted.artist_id or "")
    selects += _select("days", "Period", list(PERIODS.items()), str(wanted.days or ""))
    return f'<form class="choice" data-asked="{wanted.asked}" aria-label="What is shown">{selects}</form>'


def _number(told: str | None) -> int:
    return int(told) if told and told.isascii() and told.isdigit() and len(told) < 10 else 0


def _select(name: str, label: str, pairs: Sequence[tuple[str, str]], chosen: str) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{one_line(words)}</option>'
        for value, words in pairs
    )
    return f'<label>{label} <select name="{name}">{options}</select></label>'


def text_html(found: Sequence[Line], wanted: Chosen) -> str:
    """A sentence for each line, and the figures as a table."""
    if not found:
        return f'<p class="summary">There are no figures of this period.</p>{UNDRAWN}'
    items = "".join(f"<li>{sentence(name, line)}</li>" for name, line in named(found))
    left = (
        f'<p class="hint">The plot shows the {MOST_LINES} longest of {len(found)} lines.</p>'
        if len(found) > MOST_LINES
        else ""
    )
    rows = sorted(((day, name, value) for name, line in named(found) for day, value in line.points), reverse=True)
    cells = [[f"{day:%d %b %Y}", one_line(name), number(value)] for day, name, value in rows]
    body = table(metric_words(wanted.metric, wanted.currency), ("Day", "Line", "Figure"), cells[:400])
    cut = '<p class="hint">The newest 400; the file has all.</p>' if len(cells) > 400 else ""
    return (
        f'<ul class="sentences">{items}</ul>{left}<details><summary>Show the figures</summary>{body}{cut}'
        '<p class="file"><a href="/api/growth.csv" download>Download all figures as CSV</a></p></details>'
    )


def sentence(name: str, line: Line) -> str:
    """Where a line stands, and how it changed over the last four weeks or more of it."""
    day, value = line.points[-1]
    words = f"<b>{one_line(name)}</b>: {number(value)} on {day:%d %b %Y}"
    before = [one for one in line.points if (day - one[0]).days >= MONTH]
    since, old = before[-1] if before else line.points[0]
    if since == day:
        return f"{words}, the only figure."
    change = value - old
    share = f" ({change / abs(old) * 100:+.1f} %)" if old else ""
    grown = "unchanged" if not change else f"{'+' if change > 0 else '−'}{number(abs(change))}{share.replace('-', '−')}"
    return f"{words}, {grown} since {since:%d %b %Y}; {count(len(line.points), 'figure')}."


def number(value: Decimal) -> str:
    return f"{value:,}".replace(",", " ")


def _forms() -> str:
    metrics = "".join(f'<option value="{one}">{one.capitalize()}</option>' for one in METRICS)
    platforms = "".join(f'<option value="{one}">' for one in PLATFORMS)
    currencies = "".join(f'<option value="{one}">' for one in CURRENCIES)
    figure = (
        '<div class="field"><label for="growth-metric">Figure</label>'
        f'<select id="growth-metric" name="metric">{metrics}</select></div>'
    )
    artist = (
        '<div class="field artist" hidden><label for="growth-artist">Artist</label><select id="growth-artist" name="artist">'
        '<option value="">All artists</option></select></div>'
    )
    day = field("growth-day", "Day", kind="date", most=10, more="required")
    value = field("growth-value", "Number", most=24, more="required inputmode=decimal autocomplete=off")
    money = field(
        "growth-currency", "Currency", most=3, more="autocomplete=off list=growth-currencies placeholder='such as EUR'"
    )
    platform = field("growth-platform", "Platform", most=60, more="autocomplete=off list=growth-platforms")
    entry = f'{day}{figure}{value}<div class="currency" hidden>{money}</div>{platform}{artist}'
    return (
        f'<datalist id="growth-platforms">{platforms}</datalist><datalist id="growth-currencies">{currencies}</datalist>'
        '<div class="doors"><button type="button" class="plain" data-open="growth-entry" aria-expanded="false" '
        'aria-controls="growth-entry">Enter a figure</button><button type="button" class="plain" data-open="growth-import" '
        'aria-expanded="false" aria-controls="growth-import">Import a table</button><button type="button" class="plain" '
        'data-open="growth-list" aria-expanded="false" aria-controls="growth-list">Change or delete</button></div>'
        f'<form id="growth-entry" novalidate aria-label="Enter a figure" hidden><div class="grid">{entry}</div><div class="end">'
        '<button type="submit" class="plain">Keep</button><button type="button" class="plain" data-cancel hidden>Cancel</button>'
        f'<p class="said" role="status"></p></div></form>{IMPORT}'
        '<section id="growth-list" aria-label="Your figures" hidden><ul class="rows"></ul>'
        '<button type="button" class="plain more" hidden>Show more</button><p class="said" role="status"></p></section>'
    )


IMPORT = """<section id="growth-import" aria-label="Import a table" hidden>
<p class="hint">A CSV file with a first line that names its columns, such as date, listeners, followers. Nothing is kept before
you have seen what was read.</p>
<div class="end"><label class="plain file" for="growth-file">Choose a file</label>
<input id="growth-file" class="unseen" type="file" accept=".csv,.tsv,.txt,text/csv,text/plain">
<button type="button" class="plain" data-paste>Paste a table</button><span class="facts name"></span></div>
<div class="field pasted" hidden><label for="growth-paste">The table</label><textarea id="growth-paste" rows="6"
spellcheck="false" placeholder="date,listeners&#10;2026-03-01,1840"></textarea></div>
<p class="said" role="status"></p><div class="read" hidden></div></section>"""
