"""Split sheets: who has which share of a song, whether the shares make a whole, and who has not signed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from app.services.insight.facts import Fact
from app.services.insight.page_texts import PageText, Place, place_of, plain

WHOLE, SLACK = Decimal(100), Decimal("0.1")  # three times 33.3 is meant to be a whole
MOST_NAMED = 8  # people named in one warning

_PERCENT = r"(?P<share>\d{1,3}(?:[.,]\d{1,4})?)\s?(?:%|percent\b|per\s+cent\b)"
_HEAD_SHARE = re.compile(r"%|\b(?:shares?|splits?|percent\w*|ownership)\b", re.IGNORECASE)
_HEAD_NAME = re.compile(
    r"\b(?:names?|writers?|composers?|contributors?|parties|party|artists?|producers?|who)\b", re.IGNORECASE
)
_HEAD_SIGNED = re.compile(r"\b(?:sign\w*|initials?)\b", re.IGNORECASE)
_NO_NAME = re.compile(r"^(?:total|sum|all|together|song|title|date|share|split|percentage|ownership|writers?|publishers?|"
r"signature|signed|name|"
                      r"role|email|pro|ipi)\b", re.IGNORECASE)  # fmt: skip
_LINE = re.compile(
    rf"^[\s*•\-#>\d.)]*(?P<name>[^\W\d_][^\n:|%]{{1,70}}?)\s*(?:[:–—=|-]|\.{{2,}}|\s)\s*{_PERCENT}", re.IGNORECASE
)
_OWNS = re.compile(
    rf"(?P<name>[A-Z][\w'’.-]+(?:\s+[A-Z][\w'’.-]+){{0,3}})\s+(?:[^.;:,\n%]{{0,60}}?\band\s+)?(?:(?:will|shall)\s+)?(?:owns?|"
    rf"receives?|gets?|holds?|has|have|takes?|controls?)\s+(?:a\s+share\s+of\s+)?(?:[a-z][a-z\s-]{{2,40}}\(\s*)?{_PERCENT}"
)
_FIELD = re.compile(r"^[\s*•\-#|]*(?P<label>(?:legal\s+|full\s+|stage\s+)?name|(?:co-?)?(?:song)?writer|composer|contributor|"
r"producer|party)"
                    r"(?:\s*(?:#?\d{1,2}|[A-H]))?[\s*]*[:|]\s*(?P<name>[^\n|]{2,80})", re.IGNORECASE)  # fmt: skip
_SHARE_FIELD = re.compile(
    r"^[\s*•\-#|]*(?:[\w'’/]+\s+){0,3}?(?:share|split|percentage|ownership|%)(?:\s+of\s+[\w\s]{1,30})?\s*(?:\(%\))?[\s*]*[:|]\s*"
    r"(?P<share>\d{1,3}(?:[.,]\d{1,4})?)\s?%?",
    re.IGNORECASE,
)
_SIGN_FIELD = re.compile(
    r"\b(?:signature|signed(?:\s+by)?|sign\s+here|initials?)\b[\s*]*[:|]?(?P<rest>[^\n]*)", re.IGNORECASE
)
_EMPTY = re.compile(r"_{3,}|\.{4,}|-{4,}|…{2,}")
_UNSIGNED_WORDS = re.compile(
    r"^\W*(?:no|not\s+yet|pending|open|missing|tbd|unsigned|n/?a|x{2,}|none|outstanding|awaiting\b.*)?\W*$",
    re.IGNORECASE,
)
_SONG = re.compile(
    r"^[\s*•\-#|]*(?:song|work|composition|track)?\s*(?:title|song|work)\b[\s*]*[:|]\s*(?P<name>[^\n|]{1,100})|"
    r"\b(?:song|composition|musical\s+work)\s+(?:(?:entitled|titled|called|named)\s+)?[\"“](?P<quoted>[^\n\"”]{1,100})[\"”]",
    re.I | re.M,
)
_SECTION = re.compile(
    r"\b(?:lyrics?|music|composition|publishing|publishers?|writers?|masters?|recording|sound\s+recording)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Share:
    """`of`: what it is a share of, such as "Music"; "" where the sheet knows one whole. `signed` None: nothing is said."""

    name: str
    share: Decimal
    place: Place
    of: str = ""
    signed: bool | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    facts: list[Fact] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def find_splits(pages: Sequence[PageText]) -> Sheet:
    """The shares, and what is wrong with them; nothing where no share was found."""
    once: dict[tuple[str, str], Share] = {}
    for share in (share for page in pages for share in (_table(page) or _lines(page))):
        once.setdefault((share.of.lower(), share.name.lower()), share)
    shares = list(once.values())
    if not shares:
        return Sheet()
    facts = [
        Fact("share", one.name, f"{_said(one.share)} %{f' of {one.of}' if one.of else ''}", one.place) for one in shares
    ]
    facts += [Fact("song", "Song", plain(one["name"] or one["quoted"]), place) for one, place in _songs(pages)]
    return Sheet(facts, [*_not_whole(shares), *_unsigned(pages, shares)])


def _songs(pages: Sequence[PageText]) -> list[tuple[re.Match[str], Place]]:
    found = [
        (match, place_of(page, match.start(), match.end())) for page in pages for match in _SONG.finditer(page.text)
    ]
    return [(match, place) for match, place in found[:1] if place is not None]


def _not_whole(shares: Sequence[Share]) -> Iterator[dict[str, Any]]:
    for of in dict.fromkeys(one.of for one in shares):
        mine = [one for one in shares if one.of == of]
        total = sum((one.share for one in mine), Decimal(0))
        if abs(total - WHOLE) > SLACK:
            each = ", ".join(f"{one.name} {_said(one.share)} %" for one in mine[:MOST_NAMED])
            what = f"The shares of {of}" if of else "The shares"
            yield _warning("shares", f"{what} add up to {_said(total)} %, not 100 %: {each}.", mine[0].place)


def _unsigned(pages: Sequence[PageText], shares: Sequence[Share]) -> Iterator[dict[str, Any]]:
    people = {one.name: one for one in reversed(shares)}
    signed = {
        name: one.signed
        if one.signed is not None
        else _signed(pages, name, [other for other in people if other != name])
        for name, one in people.items()
    }
    missing = [one for one in dict.fromkeys(share.name for share in shares) if not signed[one]]
    if missing:
        names = _joined(missing[:MOST_NAMED])
        yield _warning(
            "unsigned",
            f"No signature of {names} was found. One that was drawn by hand cannot be read here: look at the page.",
            people[missing[0]].place,
        )


def _table(page: PageText) -> list[Share]:
    """Rows below a header that names people and shares; each column of shares is a whole of its own."""
    found: list[Share] = []
    header: list[str] = []
    for start, line in _text_lines(page.text):
        cells = [cell.strip(" *") for cell in line.strip().strip("|").split("|")]
        if len(cells) < 2:
            header = [] if line.strip() else header
            continue
        if (
            any(map(_HEAD_SHARE.search, cells))
            and any(map(_HEAD_NAME.search, cells))
            and not re.search(r"\d\s?%", line)
        ):
            header = cells
            continue
        place = place_of(page, start, start + len(line))
        if header and place is not None and not set(line) <= set("|-: "):
            found += _row(header, cells, place)
    return found


def _row(header: Sequence[str], cells: Sequence[str], place: Place) -> Iterator[Share]:
    at = next((i for i, cell in enumerate(header) if _HEAD_NAME.search(cell) and not _HEAD_SHARE.search(cell)), None)
    if at is None or at >= len(cells) or not plain(cells[at]) or _NO_NAME.match(plain(cells[at])):
        return
    sign = next((i for i, cell in enumerate(header) if _HEAD_SIGNED.search(cell)), None)
    signed = None if sign is None else sign < len(cells) and _is_signature(cells[sign])
    columns = [i for i, cell in enumerate(header) if _HEAD_SHARE.search(cell) and i < len(cells)]
    for i in columns:
        value = _decimal(cells[i].replace("%", ""))
        if value is not None:
            of = _what(header[i]) if len(columns) > 1 else ""
            yield Share(plain(cells[at]), value, place, of, signed)


def _lines(page: PageText) -> list[Share]:
    """ "Name: 50 %" on a line, a form of fields, or a sentence that says who owns what."""
    found: list[Share] = []
    person, section = "", ""
    for start, line in _text_lines(page.text):
        place = place_of(page, start, start + len(line))
        if place is None:
            continue
        if (own := _FIELD.match(line)) and not re.search(r"\d\s?%", line):
            person = plain(own["name"])
            continue
        if person and (given := _SHARE_FIELD.match(line)) and (value := _decimal(given["share"])) is not None:
            found.append(Share(person, value, place))
            continue
        owns = list(_OWNS.finditer(line))
        if owns:
            found += [
                Share(plain(one["name"]), value, place) for one in owns if (value := _decimal(one["share"])) is not None
            ]
        elif (match := _LINE.match(line)) and not _NO_NAME.match(match["name"].strip()):
            name = plain(re.sub(r"\s*\(.*", "", match["name"]))
            if name and (value := _decimal(match["share"])) is not None and len(name.split()) <= 6:
                found.append(Share(name, value, place, section))
        elif len(line.split()) <= 6 and _SECTION.search(line) and not re.search(r"\d\s?%|_{3}", line):
            section = _what(line)
    return found


def _signed(pages: Sequence[PageText], name: str, others: Sequence[str]) -> bool:
    """Whether anything stands where this person signs: on a line with the name, or below it before the next person's."""
    wanted = name.lower()
    for page in pages:
        lines = [line for _, line in _text_lines(page.text) if line.strip()]
        for at, line in enumerate(lines):
            if wanted not in line.lower():
                continue
            if re.search(r"/s/", line):
                return True
            for near in lines[at : at + 5]:
                if near is not line and (_FIELD.match(near) or any(one.lower() in near.lower() for one in others)):
                    break
                if (sign := _SIGN_FIELD.search(near)) and _is_signature(_without(sign["rest"], wanted)):
                    return True
    return False


def _is_signature(text: str) -> bool:
    told = _EMPTY.sub("", re.sub(r"\bdated?\b\W*", "", text, flags=re.IGNORECASE))
    return not _UNSIGNED_WORDS.match(told)


def _without(text: str, name: str) -> str:
    """A printed name beside an empty line is no signature; beside `/s/` it is."""
    return text if "/s/" in text or not _EMPTY.search(text) else re.sub(re.escape(name), "", text, flags=re.IGNORECASE)


def _text_lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _what(words: str) -> str:
    match = _SECTION.search(words)
    return match.group().capitalize() if match else ""


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return None
    return value if 0 <= value <= 100 else None


def _said(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _warning(code: str, text: str, place: Place) -> dict[str, Any]:
    return {
        "code": code,
        "text": text,
        "page": place.page,
        "start": place.start,
        "end": place.end,
        "quote": place.quote,
    }
