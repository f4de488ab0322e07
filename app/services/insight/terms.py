"""Time limits and restrictions of a contract that a plan or a calendar must know, each with its words. Pure functions.

Rules only: a limit is a length of time (`app.services.insight.days`) with the words before and after it that say what it limits.
Days are counted here, never by a language model. Not legal advice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from app.retrievers.months import MONTHS
from app.services.insight.clauses import MORE, checklist, compiled, place_of, told_by
from app.services.insight.days import Span, moved, spans, spoken, written_days
from app.services.insight.sentences import ContractText, Sentence

AROUND = 180  # characters before and after a length of time that can say what it is for
MOST_LENGTHS = 12  # of time, looked at in one sentence
NEAR = 600  # and those in which it must say what it is about
NOT_ITS_OWN = re.compile(r"\b(?:for example|e\.g\.|such as)\s*$", re.IGNORECASE)
ENDS = re.compile(r"\b(?:until|ends?|ending|expires?|expiring|through|terminates?|up to)\b[^.;]{0,60}$", re.IGNORECASE)
YEAR_AFTER = re.compile(r"\b(first|second|third|fourth|fifth|sixth|seventh)\s+years?\b", re.IGNORECASE)
NOTHING_FROM = re.compile(
    r"\b(?:nothing|no commission|none|zero|0 ?%)[^.;]{0,30}?\b(?:from|in|after) the (\w+) year", re.IGNORECASE
)
BEYOND = re.compile(
    r"\s*(?:thereafter\b|(?:after|following)\b[^.;]{0,40}?\b(?:end|expir|terminat|term\b))", re.IGNORECASE
)
OPTION = re.compile(
    r"\b(?:options?|elect\w*)\b", re.IGNORECASE
)  # what renews by itself is ended by notice, and is no option
RADIUS = re.compile(
    r"\bwithin (?:a (?:radius|distance) of )?\d+ ?(?:km|kilomet\w+|miles?)\b[^.;]{0,120}", re.IGNORECASE
)
WHICHEVER = re.compile(r"\b(?:later|latest|longer|longest) of\b|\bwhichever\b", re.IGNORECASE)
RE_RECORDING = "re_recording"
AGREED = re.compile(r"\bagree\b|\bagreed (?:in|by)\b|\bunless\b[^.;]{0,160}\bnot(?:ice|ifi)", re.IGNORECASE)
STEP = re.compile(
    r"(?:\bfirst|\bfollowing|\bnext|\bfurther|\bsubsequent|\banother|%\s+(?:for|during)|\bfor an?)\s+(?:period\s+of\s+)?$",
    re.IGNORECASE,
)
ORDINALS = "first second third fourth fifth sixth seventh".split()


@dataclass(frozen=True, slots=True)
class Rule:
    """`before` ends where the length of time begins, `after` begins where it ends; `about` is anywhere in the sentence.
    `value` is how the limit is told, `{}` standing for the length. The first rule that fits a length of time takes it.
    """

    kind: str
    name: str
    value: str
    about: re.Pattern[str]
    before: re.Pattern[str]
    after: re.Pattern[str]
    never: re.Pattern[str]


def _rule(
    kind: str, name: str, value: str, about: str = "", before: str = "", after: str = "", never: str = r"(?!)"
) -> Rule:
    return Rule(
        kind, name, value, compiled(about), compiled(f"(?:{before})$"), compiled(f"^ ?(?:{after})"), compiled(never)
    )


_RELEASE = r"\b(?<!press\s)(?:release|publication|street date|launch|on-?sale|first broadcast|going live)"
_END = r"\b(?:expir|end\b|ends\b|ending|period|term\b|conclu|lapse|renew|anniversary)"
_AFTER = r"(?:of|after|from|following)\b"
_BEFORE = r"(?:or more )?(?:before|prior to|ahead of|in advance of|preceding)\b"
_NOTICE = r"(?:(?:of|prior|advance|written|previous|clear|the|a)[, ]*)*notice\b"
_WITHIN = (
    r"\b(?:within|in|(?:no|not) (?:later|more) than|at (?:the )?latest|has|have|for|(?:an? )?(?:additional )?period of)"
    r"(?: a (?:further )?period of| the)? "
)

_MONTHS = "|".join(MONTHS)
NOTICE = "{}’ notice"
NO_RELEASE = r"\b(?:terminat|option to|press release|announcement|advertising|promotional materials?)"
INSURED = r"\b(?:insur|certificate|polic(?:y|ies)\b)"

RULES = (
    _rule("delivery_lead_time", "Delivery before release", "{} before release",
          r"\b(?:deliver|submit|upload|hand(?:ed)? (?:over|in)|suppl|provid|furnish|send|receiv|master|artwork)",
          after=rf"{_BEFORE}[^.;]{{0,90}}?{_RELEASE}", never=NO_RELEASE),
    _rule("delivery_lead_time", "Delivery before release", "{} before release", rf"{_RELEASE}",
          before=r"\b(?:not|no|never)\b[^.;]{0,60}?\b(?:earlier|sooner|less) than ",
          after=rf"{_AFTER}[^.;]{{0,60}}?\b(?:deliver|receipt|accept|submi)"),
    _rule("release_commitment", "Release after delivery", "within {} of delivery", rf"{_RELEASE}",
          before=_WITHIN, after=rf"{_AFTER}[^.;]{{0,60}}?\b(?:deliver|accept|complet)"),
    _rule("statement_period", "Statements of account", "{} after each period", r"\b(?:statement|account|report|pa(?:y|id)\b|pay)",
          after=rf"{_AFTER}[^.;]{{0,40}}?\b(?:end|close|last day)\b[^.;]{{0,30}}?\b(?:(?:each|every|any)\b[^.;]{{0,40}}?"
                r"\b(?:quarter|half|month|period|year)|(?:calendar |fiscal |relevant |accounting )*(?:quarter|half-year|month)\b)"
                rf"|{_AFTER} (?:each|every) (?:calendar |fiscal |accounting )?(?:quarter|half-year|month)\b"
                rf"|{_AFTER} (?:(?:each|every|the) )?(?:\d{{1,2}}(?:st|th)? (?:of )?(?:{_MONTHS})|(?:{_MONTHS}) \d)",
          never=r"\bmeans\b"),
    _rule("approval_period", "Time to approve", "{} to approve", r"\b(?:approv|accept|reject|object|revision)",
          before=_WITHIN,
          after=rf"(?:{_AFTER}[^.;]{{0,80}}?\b(?:deliver|receipt|receiv|submi|request|present|notice)|"
                r"(?:in which |within which )?to (?:approve|accept|reject|object|review|comment|respond))",
          never=r"\b(?:statement|terminat|breach|shares)\b"),
    _rule("notice_period", "Notice against renewal", "{} before the period ends",
          r"\b(?:renew|exten[ds])\w*[^.;]{0,200}?\bunless\b|\bunless\b[^.;]{0,200}?\b(?:renew|extend)",
          after=rf"(?:{_NOTICE}|{_BEFORE}[^.;]{{0,90}}?{_END})"),
    _rule("option_window", "Time to exercise an option", "at least {} before the period ends",
          r"\boptions?\b|\b(?:renew|extend)\w*[^.;]{0,160}?\bnotice|\bnotice\b[^.;]{0,160}?\b(?:renew|extend)",
          after=rf"{_BEFORE}[^.;]{{0,90}}?{_END}"),
    _rule("option_window", "Time to exercise an option", "within {}",
          r"\boptions?\b[^.;]{0,250}?\b(?:exercis|notice|notif)|\b(?:exercis|notice|notif)\w*[^.;]{0,250}?\boption",
          before=_WITHIN, after=_AFTER),
    _rule("sunset_period", "Commission after the end", "{} after the end", r"\b(?:commission|sunset)",
          after=rf"{_AFTER}[^.;]{{0,60}}?\b(?:end|expir|terminat|term\b)", never=r"\bwith the commission\b|exchange commission"),
    _rule(RE_RECORDING, "Recording the songs anew", "not for {}", r"\bre-?record",
          before=rf"{_WITHIN}|\b(?:until|before)\b[^.;]{{0,120}}?", after=r""),
    _rule("cure_period", "Time to mend a breach", "{} to mend a breach",
          r"\b(?:breach|default)\w*|\b(?:cure|remed(?:y|ied)|mend)",
          before=r"[^.;]{0,180}?\b(?:cure[ds]?|remed(?:y|ied|ies)|mend(?:ed|s)?|rectif\w+|breach\w*|default\w*|uncured)\b[^.;]{0,100}?"
                 r"(?:within|for|in) (?:a period of )?", never=r"\bshares\b"),
    _rule("audit_notice", "Notice of an audit", NOTICE, r"\b(?:audit|inspect|examin|look into)", after=_NOTICE),
    _rule("audit_notice", "Notice of an audit", NOTICE, r"\b(?:audit|inspect|examin|look into)",
          before=r"\bnotice(?: in writing)? of (?:not less than |at least |no less than )?"),
    _rule("notice_period", "Notice to end the agreement", NOTICE, r"\b(?:terminat|cancel|end\b|ends\b|withdraw|leave)",
          after=_NOTICE, never=INSURED),
    _rule("notice_period", "Notice to end the agreement", NOTICE, r"\b(?:terminat|cancel|end\b|ends\b|withdraw|leave)",
          before=r"\bnotice(?: in writing)?(?: to [\w ]{1,40})? of (?:not less than |at least |no less than |a minimum of )?"),
    _rule("audit_window", "Objection to statements", "within {} of a statement",
          r"\b(?:audit|inspect|examin|object|binding|challenge|conclusive)",
          before=_WITHIN, after=rf"{_AFTER}[^.;]{{0,80}}?\bstatement", never=r"\bnegotiat"),
)  # fmt: skip


def contract_terms(pages: Sequence[tuple[int, str]], ends: date | None = None) -> list[dict[str, Any]]:
    """Facts `{kind, name, value, days, until, page, start, end, quote, by}` in the order of the text.

    `days`: an int, or None where the contract names no number; of months and years at most (31, 366), of working days those
    of the calendar (7 for 5). `until`: "YYYY-MM-DD" or None. `ends`: the agreement's last day where the caller knows it; else
    a date that the clause on the term names. Kinds: delivery_lead_time, release_commitment, approval_period, option_window,
    exclusivity, notice_period, sunset_period, cure_period, re_recording, audit_notice, audit_window, statement_period.
    """
    text = ContractText(pages)
    last = ends or _last_day(text)
    found = [fact for sentence in text.sentences for fact in _of_sentence(text, sentence, last)]
    found += _exclusivity(text, last)
    if not any(fact["kind"] == "option_window" for fact in found):
        found += _option_without_limit(text)
    # The same words on another page (a schedule, a repeated draft) are a fact of their own.
    unique = {(fact["kind"], fact["value"], fact["page"], fact["start"]): fact for fact in found}
    return sorted(unique.values(), key=lambda fact: (fact["page"], fact["start"]))


def _of_sentence(text: ContractText, sentence: Sentence, last: date | None) -> Iterator[dict[str, Any]]:
    seen = set()
    words = sentence.text
    for length, start, end in islice(spans(words), MOST_LENGTHS):
        before, after = words[max(0, start - AROUND) : start], words[end : end + AROUND]
        if NOT_ITS_OWN.search(before):
            continue
        near = words[max(0, start - NEAR) : end + NEAR]
        rule = next((rule for rule in RULES if _fits(rule, sentence.heading, near, before, after)), None)
        if rule is not None and (rule.kind, length) not in seen:
            seen.add((rule.kind, length))
            until = _not_before(length, words, after, last) if rule.kind == RE_RECORDING else None
            value = told_as(rule.value, length)
            yield _fact(text, sentence, (start, end), rule.kind, rule.name, value, _days(length), until)
    if "sunset_period" not in {kind for kind, _ in seen} and (span := _phases(words)) is not None:
        value = f"{span.words} after the end"
        yield _fact(text, sentence, (0, 1), "sunset_period", "Commission after the end", value, _days(span))


def _not_before(length: Span, words: str, after: str, last: date | None) -> date | None:
    """The last day of a time that is counted from the agreement's end; None where it may be counted from something else."""
    if last is None or not BEYOND.match(after) or WHICHEVER.search(words):
        return None
    return moved(last, length, 1)


def told_as(value: str, span: Span) -> str:
    """`"{}’ notice"` with a length: 30 days’ notice, 1 month’s notice."""
    words = span.words
    return value.replace("{}’", f"{words}’" if words.endswith("s") else f"{words}’s").replace("{}", words)


def _fits(rule: Rule, heading: str, words: str, before: str, after: str) -> bool:
    return bool(
        rule.after.search(after)
        and rule.before.search(before)
        and (rule.about.search(words) or rule.about.search(heading))
        and not rule.never.search(words)
    )


def _phases(words: str) -> Span | None:
    """How long a commission that falls in steps is paid after the end: "18 % in the first year, 9 % in the second" is two
    years, "10 % for the first two years and 5 % for the following two" four.
    """
    sunset = next(entry for entry in checklist() if entry.name == "sunset")
    if not any(pattern.search(words) for pattern in sunset.strong):
        return None
    if (nothing := NOTHING_FROM.search(words)) and nothing[1].lower() in ORDINALS:
        years = ORDINALS.index(nothing[1].lower())
    else:
        years = max((ORDINALS.index(year.lower()) + 1 for year in YEAR_AFTER.findall(words)), default=0)
    if years:
        return Span(years, "year")
    steps = [span for span, start, _ in islice(spans(words), MOST_LENGTHS) if STEP.search(words[:start])]
    if not steps or len({span.unit for span in steps}) > 1:
        return None
    return Span(sum(span.count for span in steps), steps[0].unit)


def _exclusivity(text: ContractText, last: date | None) -> Iterator[dict[str, Any]]:
    """The best sentence, and those of the next that name an end of their own."""
    for number, (sentence, told) in enumerate(told_by("exclusivity", text)[: MORE + 1]):
        own, longer = _until(sentence.text), _beyond(sentence.text)
        if number and own is None and longer is None:
            continue
        day = own or last
        if longer is not None and own is None:
            day = moved(last, longer, 1) if last else None
        running = "while the agreement runs" + (f" and {longer.words} after its end" if longer else "")
        value = f"until {spoken(day)}" if day else running
        if own is None and (radius := RADIUS.search(sentence.text)):  # of a concert: near it, and for some days
            value, day = " ".join(radius[0].split()), None
        days = _days(longer) if longer else None
        yield _fact(text, sentence, told, "exclusivity", "Exclusivity", value, days, day)


def _beyond(words: str) -> Span | None:
    """How long it binds after the agreement's end: "and for a period of six months thereafter"."""
    return next((span for span, _, end in spans(words) if BEYOND.search(words[end : end + 80])), None)


def _option_without_limit(text: ContractText) -> Iterator[dict[str, Any]]:
    """An option of which no number of days is told, with the date where one is; what both must agree on is none."""
    found = told_by("options", text)
    if not found or AGREED.search(found[0][0].text) or not OPTION.search(found[0][0].text):
        return
    sentence, told = found[0]
    day = _until(sentence.text)
    value = f"until {spoken(day)}" if day else "no time limit read"
    yield _fact(text, sentence, told, "option_window", "Time to exercise an option", value, None, day)


def _last_day(text: ContractText) -> date | None:
    found = told_by("term", text)
    return _until(found[0][0].text) if found else None


def _until(words: str) -> date | None:
    """The last day that is named as an end."""
    days = [one.day for one in written_days(words) if ENDS.search(words[max(0, one.start - 80) : one.start])]
    return max(days, default=None)


def _days(span: Span) -> int:
    return math.ceil(span.count * 7 / 5) if span.business and span.unit == "day" else span.days


def _fact(
    text: ContractText,
    sentence: Sentence,
    told: tuple[int, int],
    kind: str,
    name: str,
    value: str,
    days: int | None,
    until: date | None = None,
) -> dict[str, Any]:
    place = place_of(text, sentence, told)
    return {
        "kind": kind,
        "name": name,
        "value": value,
        "days": days,
        "until": until.isoformat() if until else None,
        "page": place.page,
        "start": place.start,
        "end": place.end,
        "quote": place.quote,
        "by": "rules",
    }
