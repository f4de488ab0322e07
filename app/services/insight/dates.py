"""The dates of a document: those it names, and those that follow from it, such as "60 days before the end".

Every day is found or reckoned by code over the calendar, from words that stand in the document; no language model dates anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.services.insight.days import SPAN, Span, last_day, moved, span_of, spoken, written_days
from app.services.insight.page_texts import PageText, Place, around, sentences

SAYS_BEFORE = 110  # characters before a date in which its meaning is looked for
SLACK_DAYS = 1  # "for two years" and "ends on" may mean the last day or the one after it
MOST = 40  # dates of one document

AGREED, STARTS, ENDS, SIGNED = "Date of the agreement", "Start of the term", "End of the term", "Signed"
OPTION, NOTICE = "Last day to exercise the option", "Last day to give notice"

# What stands before a date tells what it is for; the first that fits.
_I = re.IGNORECASE | re.DOTALL
_MEANING: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (label, re.compile(pattern, _I))
    for label, pattern in (
        (OPTION, r"\boption\b.{0,90}\b(?:by|before|until|till|no\s+later\s+than|not\s+later\s+than|on)\W*$"),
        (NOTICE, r"\bnotice\b.{0,70}\b(?:by|before|until|no\s+later\s+than|not\s+later\s+than)\W*$"),
        ("Delivery due", r"\b(?:deliver\w*|hand(?:ed|s)?\s+over|submit\w*|masters?)\b.{0,70}\b(?:by|before|until|on|than|due)\W*$"),
        ("Payment due", r"\b(?:pay\w*|paid|due|balance|invoice|deposit)\b.{0,60}\b(?:by|before|until|on|than|due|date)\W*$"),
        ("Statement due", r"\b(?:statements?|accounts?|accounting)\b.{0,50}\b(?:by|before|until|on|than)\W*$"),
        ("Due date", r"\b(?:due\s+(?:date|on|by)|deadline|no\s+later\s+than|not\s+later\s+than|closes?\s+on)\W{0,4}$"),
        ("Release", r"\b(?:release\s+date|releases?|released|street\s+date|out|comes\s+out)\b(?:\s+(?:on|is|for|set|scheduled|"
         r"planned|worldwide|:))*\W*$"),
        ("Concert", r"\b(?:concert|show|performance|gig|festival|engagement|event)(?:\s+date)?s?\b.{0,30}(?:on|is|:|takes\s+place)\W*$"),
        ("Recording session", r"\b(?:recording|studio|session)s?\b.{0,40}\b(?:on|from|begins?|starts?)\W*$"),
        (ENDS, r"\b(?:(?:term|agreement|contract|licen[cs]e|it|period)\b.{0,80}\b(?:ends?|ending|expir\w+|terminat\w+|until|through|"
         r"thru)|ends?\s+on|expir(?:es|ing|y\s+date|ation\s+date)(?:\s+on)?|valid\s+(?:until|till|to)|end\s+date)\b"
         r"(?:\s+(?:on|at|midnight|the|close|of|business|and|including|date))*\W*$"),
        (STARTS, r"\b(?:commenc\w+|begin(?:s|ning)?|starts?|start\s+date|starting|from|effective\s+date|effective)\b"
         r"(?:\s+(?:on|as|of|is|the|date|from))*\W*$"),
        (AGREED, r"\b(?:made|dated|entered\s+into|executed|as\s+of|agreement\s+date|date\s+of\s+(?:this\s+)?agreement|concluded)\b"
         r".{0,40}$"),
        (SIGNED, r"\b(?:signed|signature|by:|name:)\b.{0,60}$|(?:^|\n)\W*date(?:d)?\W{0,4}$"),
        ("Invoice date", r"\binvoice\s+date\W{0,4}$|\bdate\s+of\s+(?:the\s+)?invoice\W{0,4}$"),
    )
)  # fmt: skip
_LINE_DATE = re.compile(r"\bdate\W{0,4}$", re.IGNORECASE)

_TERM = re.compile(
    r"\b(?:(?:(?:initial|first|contract|licen[cs]e)\s+)?(?:term|duration|period)\b(?P<between>[^.;]{0,140}?)\b(?:of|for|is|be|"
    r"continues?|runs?|lasts?)|(?:agreement|contract|deal|appointment|licen[cs]e)\s+(?:runs|lasts|continues|is|shall\s+(?:continue|run|"
    r"last|remain\s+in\s+(?:force|effect)|be\s+in\s+(?:force|effect))|remains\s+in\s+(?:force|effect))(?P<between2>[^.;]{0,60}?)\s+for)"
    rf"\s+(?:approximately\s+)?(?:an?\s+(?:initial\s+)?(?:period|term)\s+of\s+)?{SPAN}(?P<behind>[^.;]{{0,40}})",
    _I,
)
_NO_TERM = re.compile(
    r"\b(?:renew|additional|successive|exten|option|notice|sunset|retention|after|follow|prior|before|payment|cure)", _I
)

_BEFORE = re.compile(
    rf"\b{SPAN}\s*(?:(?:prior\s+|advance\s+)?(?:written\s+)?notice\s+)?(?:before|prior\s+to|in\s+advance\s+of|preceding|ahead\s+of)\s+"
    r"(?P<what>[^.;:()]{1,90})",
    _I,
)
_AFTER = re.compile(rf"\b{SPAN}\s*(?P<how>after|following|from|of)\s+(?P<what>[^.;:()]{{1,90}})", _I)
_RECURRING = re.compile(r"\b(?:each|every|any|such|quarter|calendar|semi|half|month|receipt|request|default|breach|invoice|its|their|"
                        r"demand|notification)\b", _I)  # fmt: skip
_NOTICE_GIVEN = re.compile(r"^(?:the\s+)?(?:date\s+of\s+)?(?:a\s+|an\s+)?(?:written\s+)?(?:notice|warning)", _I)
# What a length of time is counted from -> the words for it, and how a rule calls it.
_ANCHORS: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (name, re.compile(pattern, _I), words)
    for name, pattern, words in (
        ("end", r"^(?:the\s+|its\s+|this\s+)?(?:[\w’'-]+\s+){0,3}?(?:end|expir\w*|terminat\w*|conclusion|close|renewal)\b", "the end of the term"),
        ("end", r"^(?:the\s+)?(?:then[\s-]current|current|initial|first)\s+(?:term|period)\b", "the end of the term"),
        ("start", r"(?:date\s+(?:hereof|of\s+(?:this|the)\s+(?:agreement|contract))|effective\s+date|commencement|execution|"
         r"sign(?:ing|ature)\b|start\s+of\s+the\s+term|(?:its|the\s+agreement['’]s)\s+date)", "the date of the agreement"),
        ("release", r"\brelease\b", "the release"),
        ("delivery", r"\bdeliver", "the delivery"),
    )
)  # fmt: skip
_PURPOSE: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (label, re.compile(pattern, _I))
    for label, pattern in (
        (OPTION, r"\boption"),
        (NOTICE, r"\b(?:notice|notif\w+|renew\w*|cancel\w*|terminat\w+\s+by)\b"),
        ("Re-recording allowed", r"\bre-?record"),
        ("Sell-off period ends", r"\bsell[\s-]?off\b"),
        ("Delivery due", r"\bdeliver"),
        ("Payment due", r"\b(?:pay|paid|payment|invoice)"),
        ("Commission after the term ends", r"\bcommission"),
        ("Rights come back", r"\b(?:revert|reversion|return\s+of\s+(?:the\s+)?rights)"),
    )
)


@dataclass(frozen=True, slots=True)
class Dated:
    """A date of a document. `day` is None where the document gives a rule for it, but no day to count from."""

    label: str
    day: date | None
    place: Place
    value: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """How long an agreement lasts, as it says itself."""

    span: Span
    place: Place


@dataclass(frozen=True, slots=True)
class Dates:
    """What a document says of time: its dates, in the order of their pages; its term; where it contradicts itself."""

    dates: list[Dated]
    term: Term | None = None
    apart: tuple[Dated, Dated] | None = None  # the end it names, and the one that follows from its term


def find_dates(pages: Sequence[PageText]) -> Dates:
    """The days a document names, then those that follow from them by its own rules."""
    named = _named(pages)
    term = _term(pages)
    anchors = {
        "start": _first(named, STARTS) or _first(named, AGREED),
        "end": _first(named, ENDS),
        "release": _first(named, "Release"),
        "delivery": _first(named, "Delivery due"),
    }
    reckoned, apart = None, None
    if term is not None and anchors["start"] is not None and anchors["start"].day is not None:
        end = last_day(anchors["start"].day, term.span)
        if end is not None:
            rule = f"{term.span.words} from {spoken(anchors['start'].day)}, its last day"
            reckoned = Dated(ENDS, end, term.place, term.place.quote, rule)
    stated = anchors["end"]
    if stated is None:
        anchors["end"] = reckoned
    elif reckoned is not None and stated.day and reckoned.day:
        if abs((stated.day - reckoned.day).days) > SLACK_DAYS and stated.day > (anchors["start"] or stated).day:  # type: ignore[operator]
            apart = (stated, reckoned)
        reckoned = None
    found = [*named, *([reckoned] if reckoned else []), *_derived(pages, anchors)]
    return Dates(_once(found)[:MOST], term, apart)


def _first(found: Sequence[Dated], label: str) -> Dated | None:
    return next((one for one in found if one.label == label), None)


def _named(pages: Sequence[PageText]) -> list[Dated]:
    found: list[Dated] = []
    for page in pages:
        spans = list(sentences(page))
        for written in written_days(page.text):
            inside = next((one for one in spans if one.start <= written.start < one.end), None)
            left = max(inside.start if inside else 0, written.start - SAYS_BEFORE)
            label = _meaning(page.text[left : written.start])
            if not label and _LINE_DATE.search(page.text[max(0, written.start - 24) : written.start]):
                label = SIGNED if page is pages[-1] and found else "Date"
            place = around(page, written.start, written.end)
            found.append(Dated(label or "Date named", written.day, place, written.text))
    return found


def _meaning(before: str) -> str:
    """By the words nearest before the date: of several that fit, the one that begins last."""
    best, at = "", -1
    for label, pattern in _MEANING:
        for match in pattern.finditer(before):
            if match.start() > at:
                best, at = label, match.start()
    return best


def _term(pages: Sequence[PageText]) -> Term | None:
    for page in pages:
        for match in _TERM.finditer(page.text):
            between = (match["between"] or match["between2"] or "") + match["behind"]
            span = span_of(match)
            if span and span.days >= 28 and not _NO_TERM.search(between):
                return Term(span, around(page, match.start(), match.end("unit")))
    return None


def _derived(pages: Sequence[PageText], anchors: dict[str, Dated | None]) -> list[Dated]:
    found = []
    for page in pages:
        for place in sentences(page):
            for pattern, sign in ((_BEFORE, -1), (_AFTER, 1)):
                for match in pattern.finditer(place.quote):
                    if (one := _follows(page, place, match, sign, anchors)) is not None:
                        found.append(one)
    return found


def _follows(
    page: PageText, place: Place, match: re.Match[str], sign: int, anchors: dict[str, Dated | None]
) -> Dated | None:
    span, what = span_of(match), match["what"]
    if span is None or _NOTICE_GIVEN.search(what):
        return None
    if sign > 0:
        lead = place.quote[max(0, match.start() - 24) : match.start()].lower()
        if match["how"].lower() in ("of", "from") and "within" not in lead and "than" not in lead:
            return None
    literal = written_days(what)
    if literal and literal[0].start <= 12:
        base, words = literal[0].day, spoken(literal[0].day)
    else:
        anchor = next(((name, says) for name, pattern, says in _ANCHORS if pattern.search(what)), None)
        if anchor is None or _RECURRING.search(what[:45]):
            return None
        dated = anchors.get(anchor[0])
        base, words = (dated.day, f"{anchor[1]}, {spoken(dated.day)}") if dated and dated.day else (None, anchor[1])
    side = "before" if sign < 0 else "after"
    day = moved(base, span, sign) if base else None
    if base and day is None:
        words += "; nobody's holidays are known here, so no day is reckoned" if span.business else ""
    rule = f"{span.words} {side} {words}" if base else f"{span.words} {side} {words}; the document names no such day"
    label = next((name for name, pattern in _PURPOSE if pattern.search(place.quote)), "")
    shown = around(page, place.start + match.start(), place.start + match.end("unit"))
    return Dated(label or f"{span.words} {side} {words.split(',')[0]}", day, shown, match.group()[:120], rule)


def _once(found: Sequence[Dated]) -> list[Dated]:
    """Each day of a meaning once; one that is only named gives way to one that is explained."""
    explained = {one.day for one in found if one.label != "Date named"}
    seen: set[tuple[str, date | str]] = set()
    kept = []
    for one in found:
        key = (one.label, one.day or one.rule)
        if key in seen or (one.label == "Date named" and one.day in explained):
            continue
        seen.add(key)
        kept.append(one)
    return kept


def is_near(day: date, today: date, past_days: int = 0) -> bool:
    """Whether a calendar still has use for it."""
    return day >= today - timedelta(days=past_days)
