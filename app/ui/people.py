"""Parts of the pages about people: labelled fields, sections. Static HTML; the scripts beside it fill it from the REST API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

STAGES = (
    "just starting",
    "first releases out",
    "playing and releasing regularly",
    "living from music",
    "label or team behind me",
)


def field(
    name: str, label: str, *, about: str = "", lines: int = 1, most: int = 200, kind: str = "text", more: str = ""
) -> str:
    """A labelled input with a place for what is wrong with it; `more` are further attributes."""
    hint = f'<p class="hint" id="{name}-hint">{escape(about)}</p>' if about else ""
    described = f"{name}-hint {name}-wrong" if about else f"{name}-wrong"
    given = f'id="{name}" name="{name}" maxlength="{most}" aria-describedby="{described}" {more}'
    control = f"<textarea {given} rows={lines}></textarea>" if lines > 1 else f'<input {given} type="{kind}">'
    wrong = f'<p class="wrong" id="{name}-wrong" role="alert" hidden></p>'
    return f'<div class="field"><label for="{name}">{escape(label)}</label>{hint}{control}{wrong}</div>'


def secret(name: str, label: str, complete: str, about: str = "") -> str:
    """A field for a password, with a button that shows what is typed."""
    inner = field(name, label, about=about, kind="password", most=1000, more=f'autocomplete="{complete}" required')
    show = (
        f'<button type="button" class="show" data-shows="{name}" aria-pressed="false">Show'
        f'<span class="unseen"> {escape(label.lower())}</span></button>'
    )
    before, after = inner.split("<input ", 1)
    tag, rest = after.split(">", 1)
    return f'{before}<span class="secret"><input {tag}>{show}</span>{rest}'


def choices(name: str, legend: str, options: Sequence[str], about: Mapping[str, str] | None = None) -> str:
    """One of several, as cards to click; the radio inputs stay there for the keyboard and screen readers. `about` says of an
    option what it means.
    """
    cards = "".join(
        f'<label><input type="radio" name="{name}" value="{escape(option)}">'
        f"<span>{escape(option[:1].upper() + option[1:])}{_small((about or {}).get(option, ''))}</span></label>"
        for option in options
    )
    return f'<fieldset class="choices"><legend>{escape(legend)}</legend>{cards}</fieldset>'


def _small(words: str) -> str:
    return f"<small>{escape(words)}</small>" if words else ""


def section(name: str, heading: str, body: str, about: str = "") -> str:
    lead = f"<p class=lead>{escape(about)}</p>" if about else ""
    return (
        f'<section class="panel" id="{name}" aria-labelledby="{name}-heading"><h2 id="{name}-heading">{escape(heading)}</h2>'
        f"{lead}{body}</section>"
    )
