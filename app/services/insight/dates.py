"""The dates of a document: those it names, and those that follow from it, such as "60 days before the end".

Every day is found or reckoned by code over the calendar, from words that stand in the document; no language model dates anything.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.services.insight.days import SPAN, Span, last_day, moved, span_of, spoken, written_days
from app.services.insight.page_texts import PageText, Place, around, sentences

SAYS_BEFORE = 150  # characters before a date in which its meaning is looked for
SLACK_DAYS = 1  # "for two years" and "ends on" may mean the last day or the one after it
MOST = 40  # dates of one document
SHORTEST_TERM = 28  # days
FOOTER_PAGES = 3  # on which the same date stands without a meaning: a page's foot
NAMED, DUE, DELIVERY = "Date named", "Due date", "Delivery due"

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
        (DUE, r"\b(?:due\s+(?:date|on|by)|deadline|no\s+later\s+than|not\s+later\s+than|closes?\s+on)\W{0,4}$"),
        ("Release", r"\b(?:release\s+date|releases?|released|street\s+date|out|comes\s+out)\b(?:\s+(?:on|is|for|set|scheduled|"
         r"planned|worldwide|:))*\W*$"),
        ("Concert", r"\b(?:concert|show|performance|gig|festival|engagement|event)(?:\s+date)?s?\b.{0,30}(?:on|is|:|"
         r"takes\s+place)\W*$"),
        ("Recording session", r"\b(?:recording|studio|session)s?\b.{0,40}\b(?:on|from|begins?|starts?)\W*$"),
        (ENDS, r"\b(?:(?:term|agreement|contract|licen[cs]e|it|period)\b.{0,120}\b(?:ends?|ending|expir\w+|terminat\w+|until|"
         r"through|thru|conclud\w+)|ends?\s+on|expir(?:es|ing|y\s+date|ation\s+date)(?:\s+on)?|valid\s+(?:until|till|to)|"
         r"end\s+date)\b(?:\s+(?:on|at|midnight|the|close|of|business|and|including|date))*\W*$"),
        (STARTS, r"\b(?:(?:term|agreement|contract|licen[cs]e|period|appointment)\b.{0,90}\b(?:commenc\w+|begin(?:s|ning)?|starts?|"
         r"starting|from|effective)|effective\s+date|start\s+date|commencement\s+date(?:\s+(?:will|shall)\s+be)?|effective)\b"
         r"(?:\s+(?:on(?:\s+or\s+about)?|as|of|is|the|date|from))*\W*$"),
(AGREED, r"\b(?:agreement|contract|amendment|licen[cs]e|deed|memo|sheet)\b.{0,150}\b(?:made|dated|entered\s+into|executed|"
         r"effective\s+as\s+of|signed|concluded)\b(?:[\s,]+(?:on|as|of|this|the|and|effective|in|at|by|date|made|entered|"
         r"into))*[\s,]*$|"
         r"^\W*dated(?:\s+as\s+of)?\W*$|\b(?:agreement|contract)\s+date\W*$|\bdate\s+of\s+(?:this\s+)?agreement\W*$"),
        (SIGNED, r"\b(?:signed|signature|by:|name:)\b.{0,60}$"),
        ("Invoice date", r"\binvoice\s+date\W{0,4}$|\bdate\s+of\s+(?:the\s+)?invoice\W{0,4}$"),
    )
)  # fmt: skip
_WEEKDAY = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)day\W*$", re.IGNORECASE)
_DATED = re.compile(r"^\W*dated\W*$", re.IGNORECASE)
_LINE_DATE = re.compile(r"\bdate\W{0,4}$", re.IGNORECASE)

_TERM = re.compile(
    r"(?P<lead>.{0,28})\b(?:(?:term|(?:contract|licen[cs]e|initial|agreement)\s+period)\b(?P<between>[^.;]{0,120}?)\b(?:of|for|is|be|"
    r"continues?|runs?|lasts?)|(?:agreement|contract|deal|appointment|licen[cs]e)\b(?P<between2>[^.;]{0,70}?)\b(?:runs|lasts|"
    r"is|continues?|"
    r"(?:in|into)\s+(?:full\s+)?(?:force|effect))\s+for)\s+(?:approximately\s+)?(?:an?\s+(?:initial\s+)?(?:period|term)\s+of\s+)?"
    rf"{SPAN}(?P<behind>[^.;]{{0,60}})",
    _I,
)
_NO_TERM = re.compile(
    r"\b(?:renew|additional|successive|exten|option|notice|sunset|retention|following|prior|before|payment|cure|neither|confidential)",
    _I,
)
_NOT_BEFORE_TERM = re.compile(
    r"\b(?:during|throughout|after|beyond|renewal|extended|option|end\s+of)\W+(?:the\W+|this\W+)?$", _I
)
_NOT_AFTER_TERM = re.compile(
    r"^\W*(?:\w+\W+){0,2}?(?:thereafter|or\s+more|prior|notice|(?:after|following)(?!\s+(?:the\s+)?(?:effective|commencement|"
    r"date\b))|before)\b|"
    r"^\W*from\s+(?:the\s+)?(?:date\s+of\s+)?(?:disclosure|allotment|termination|expir\w+|initial\s+release|receipt|invoice)",
    _I,
)

_BEFORE = re.compile(
    rf"\b{SPAN}\s*(?:(?:prior\s+|advance\s+)?(?:written\s+)?notice\s+)?(?:before|prior\s+to|in\s+advance\s+of|preceding|ahead\s+of)\s+"
    r"(?P<what>[^.;:()]{1,90})",
    _I,
)
_AFTER = re.compile(rf"\b{SPAN}\s*(?P<how>after|following|from|of)\s+(?P<what>[^.;:()]{{1,90}})", _I)
_RECURRING = re.compile(
    r"\b(?:each|every|any|such|quarter|calendar|semi|half|month|receipt|request|default|breach|invoice|its|their|demand|"
    r"notification|arbitration)\b",
    _I,
)
_NOTICE_GIVEN = re.compile(r"^(?:the\s+)?(?:date\s+of\s+)?(?:a\s+|an\s+)?(?:written\s+)?(?:notice|warning)", _I)
_OF_TERM = (
    r"(?:the\s+|this\s+|such\s+|its\s+)?(?:(?:initial|current|running|then[\s-]current|applicable|renewal|first|contract|licen[cs]e|"
    r"option)\s+)*"
    r"(?:term|agreement|contract|licen[cs]e|deal|(?<=\w\s)period)\b"
)
# What a length of time is counted from -> the words for it, and how a rule calls it.
_ANCHORS: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (name, re.compile(pattern, _I), words)
    for name, pattern, words in (
        ("end", r"^(?:the\s+|its\s+)?(?:effective\s+date\s+of\s+)?(?:(?:scheduled|natural|stated)\s+)?(?:end|expiry|expiration|"
         r"termination|"
         r"conclusion|close|renewal)(?:\s+date|\s+(?:or|and)\s+(?:earlier\s+)?(?:termination|expiration|expiry))*\s*"
         rf"(?:of\s+{_OF_TERM}|$|,|\b(?:unless|to|in|or|and|by|that)\b)", "the end of the term"),
        ("end", rf"^{_OF_TERM}\s+(?:would\s+(?:otherwise\s+)?)?(?:ends?|expires?|renews?|runs\s+out)|^it\s+ends|"
         r"^(?:the\s+)?(?:then[\s-]current|current|running|initial|first)\s+(?:term|period)\b", "the end of the term"),
        ("commencement", r"^(?:the\s+)?(?:commencement(?:\s+date|\s+of\s+(?:the\s+|this\s+)?(?:term|agreement))?|"
         r"start\s+of\s+the\s+term)"
         r"(?!\s+of)\b", "the start of the term"),
        ("start", r"^(?:the\s+)?(?:date\s+(?:hereof|of\s+(?:this|the)\s+(?:agreement|contract))|effective\s+date|execution|"
         r"sign(?:ing|ature)\b|"
         r"(?:its|the\s+agreement['’]s)\s+date)", "the date of the agreement"),
        ("release", r"^(?:the\s+)?(?:(?:initial|first|commercial|worldwide|us|uk|physical|digital)\s+){0,3}release\b", "the release"),
        ("delivery", r"^(?:the\s+)?(?:(?:complete|final|satisfactory)\s+)?delivery\b", "the delivery"),
    )
)  # fmt: skip
_ROW = re.compile(r"(?:(?<=\n)|^)[^\n]{1,60}\n(?=[A-Z])")
PURPOSE_CHARS = 90  # on either side of a length of time in which its purpose is looked for
_PURPOSE: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (label, re.compile(pattern, _I))
    for label, pattern in (
        (OPTION, r"\boption"),
        (NOTICE, r"\b(?:notice|notif\w+|renew\w*|cancel\w*|terminat\w+\s+by)\b"),
        ("Re-recording allowed", r"\bre-?record"),
        ("Sell-off period ends", r"\bsell[\s-]?off\b"),
        (DELIVERY, r"\bdeliver"),
        ("Right to look at the books ends", r"\b(?:audit|inspect)"),
        ("Exclusivity ends", r"\b(?:exclusiv|compet)"),
        ("Payment due", r"\b(?:pay|paid|payment|invoice)"),
        ("Commission after the term ends", r"\bcommission"),
        ("Right to collect ends", r"\bcollect"),
        ("Rights come back", r"\b(?:revert|reversion|re-?assign\w*|return\s+of\s+(?:the\s+)?rights)"),
    )
)

# What comes after the delivery is not the delivery.
DELIVERY_COMES = re.compile(
    r"(?:the\s+|its\s+|such\s+)?(?:(?:complete|final|satisfactory|date\s+of)\s+)*delivery\b", _I
)
_AFTER_DELIVERY = (
    ("Re-recording allowed", re.compile(r"\bre-?record", _I)),
    ("Rights come back", re.compile(r"\b(?:revert|reversion|re-?assign)", _I)),
    ("Last day to accept or object", re.compile(r"\b(?:accept|approv|reject|object)", _I)),
    ("Release due", re.compile(r"\breleas", _I)),
    ("Payment due", re.compile(r"\b(?:pay|paid|payment|invoice)", _I)),
)
EXERCISE_CHARS = 200  # before a length of time, in which an option and its exercise are spoken of
_BY_NOTICE = re.compile(r"\boptions?\b.*\bexercis\w+\s+(?:\w+\s+){0,2}by\b|\bexercis\w+\b.*\boptions?\b", _I)


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
        "start": _first(named, AGREED) or _first(named, STARTS) or _first(named, SIGNED),
        "commencement": _first(named, STARTS) or _first(named, AGREED),
        "end": _first(named, ENDS),
        "release": _first(named, "Release"),
        "delivery": _first(named, "Delivery due"),
    }
    stated, reckoned, apart = anchors["end"], _end(term, anchors["commencement"]), None
    if stated is None:
        anchors["end"] = reckoned
    elif reckoned is not None and stated.day and reckoned.day:
        if abs((stated.day - reckoned.day).days) > SLACK_DAYS:
            apart = (stated, reckoned)
        reckoned = None
    found = [*named, *([reckoned] if reckoned else []), *_derived(pages, anchors)]
    return Dates(_once(found)[:MOST], term, apart)


_ENDS_BEFORE = re.compile(r"\b(?:ends?|ending|until|till|through|conclud\w*|expir\w*|to)\b", re.IGNORECASE)


def _end(term: Term | None, start: Dated | None) -> Dated | None:
    """The last day of the term, counted from the day its own sentence names, else from the start."""
    if term is None:
        return None
    written = [
        day
        for own in re.finditer(r"\b(?:commenc|begin|start|from)\w*\b(.{0,80})", term.place.quote, _I)
        for day in written_days(own[1])[:1]
        if not _ENDS_BEFORE.search(own[1][: day.start])
    ]
    first = written[0].day if written else start.day if start else None
    end = last_day(first, term.span) if first else None
    if first is None or end is None:
        return None
    value = " ".join(term.place.quote.split())[:120]
    return Dated(ENDS, end, term.place, value, f"{term.span.words} from {spoken(first)}, its last day")


def _first(found: Sequence[Dated], label: str) -> Dated | None:
    return next((one for one in found if one.label == label), None)


def _named(pages: Sequence[PageText]) -> list[Dated]:
    found: list[Dated] = []
    written = [(page, one) for page in pages for one in written_days(page.text)]
    repeated = Counter(text for _, text in {(page.page, one.text) for page, one in written})
    for page, one in written:
        inside = next((place for place in sentences(page) if place.start <= one.start < place.end), None)
        left = max(inside.start if inside else 0, one.start - SAYS_BEFORE)
        label = _meaning(_WEEKDAY.sub("", page.text[left : one.start]))
        if not label and _LINE_DATE.search(page.text[max(0, one.start - 24) : one.start]):
            label = SIGNED if page is pages[-1] and found else "Date"
        if not label and repeated[one.text] >= FOOTER_PAGES:
            continue
        if label == AGREED and page is not pages[0] and _DATED.search(page.text[left : one.start]):
            label = SIGNED
        if label == AGREED and _first(found, AGREED):  # another paper's, which this one speaks of
            label = ""
        found.append(Dated(label or NAMED, one.day, around(page, one.start, one.end), one.text))
    return found


def _meaning(before: str) -> str:
    """By the words nearest before the date: of several meanings that fit, the one that begins last, and a general one only
    where no other does.
    """
    found = [(label != DUE, match.start(), label) for label, pattern in _MEANING for match in pattern.finditer(before)]
    return max(found)[2] if found else ""


def _term(pages: Sequence[PageText]) -> Term | None:
    for page in pages:
        for match in _TERM.finditer(page.text):
            span = span_of(match)
            if (
                span is not None
                and span.days >= SHORTEST_TERM
                and not _NO_TERM.search(match["between"] or match["between2"] or "")
                and not _NOT_BEFORE_TERM.search(match["lead"])
                and not _NOT_AFTER_TERM.search(match["behind"])
            ):
                return Term(span, around(page, match.end("lead"), match.end("unit")))
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
    base: date | None
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
    first, last = _own_lines(place.quote, match.start(), match.end("unit"))
    near = place.quote[max(first, match.start() - PURPOSE_CHARS) : min(last, match.end() + PURPOSE_CHARS)]
    purposes = _AFTER_DELIVERY if DELIVERY_COMES.match(what) else _PURPOSE
    label = next((name for name, pattern in purposes if pattern.search(near)), "")
    if _AFTER_DELIVERY[0][1].search(place.quote):
        label = _AFTER_DELIVERY[0][0]
    if label == NOTICE and _BY_NOTICE.search(place.quote[: match.start()][-EXERCISE_CHARS:]):
        label = OPTION
    shown = around(page, place.start + match.start(), place.start + match.end("unit"))
    return Dated(label or f"{span.words} {side} {words.split(',')[0]}", day, shown, match.group()[:120], rule)


def _own_lines(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the lines begin and end that belong together: a short one before a capital is a row of a form by itself."""
    ends = [one.end() for one in _ROW.finditer(text)]
    return max((at for at in ends if at <= start), default=0), min((at for at in ends if at >= end), default=len(text))


def _once(found: Sequence[Dated]) -> list[Dated]:
    """Each day of a meaning once; one that is only named gives way to one that is explained."""
    explained = {one.day for one in found if one.label != NAMED}
    seen: set[tuple[str, date | str]] = set()
    kept = []
    for one in found:
        key = (one.label, one.day or one.rule)
        if key in seen or (one.label == NAMED and one.day in explained):
            continue
        seen.add(key)
        kept.append(one)
    return kept
