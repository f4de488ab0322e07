"""The automatic numbers of Word's lists and clauses, which stand in no text: "4.2(b)" is how a contract is cited.

Rules: ISO/IEC 29500-1 17.9. Bullets carry no information and are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from app.indexes.ooxml import attribute, child, local

LEVELS = 9  # 17.9.6: a list has nine
MAX_LABEL = 60  # characters; longer ones are somebody's joke
_PLACE = re.compile(r"%([1-9])")
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc")),
    *((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


@dataclass(frozen=True, slots=True)
class _Level:
    start: int = 1
    format: str = "decimal"
    text: str = ""
    style: str = ""
    is_legal: bool = False  # every number in it decimal, whatever the levels above say
    restarts: bool = True  # after a paragraph of a level above


@dataclass(slots=True)
class _List:
    """One definition and where its count stands; the lists that share it count on from each other."""

    levels: dict[int, _Level]
    counts: list[int | None] = field(default_factory=lambda: [None] * LEVELS)


class Numbering:
    """Gives each paragraph its number, in reading order."""

    def __init__(self, numbering: Element, styles: Element) -> None:
        self._styles = {attribute(style, "styleId"): style for style in styles if local(style) == "style"}
        definitions = {attribute(node, "abstractNumId"): node for node in numbering if local(node) == "abstractNum"}
        numbers = [node for node in numbering if local(node) == "num"]
        named = {attribute(node, "numId"): attribute(child(node, "abstractNumId"), "val") for node in numbers}
        lists = {key: _List(_levels(node)) for key, node in definitions.items()}
        for key, node in definitions.items():  # a definition may only point to the style that holds it (17.9.21)
            style = self._styles.get(attribute(child(node, "numStyleLink"), "val"))
            target = attribute(child(child(child(style, "pPr"), "numPr"), "numId"), "val")
            if style is not None and named.get(target) in lists:
                lists[key] = lists[named[target]]
        self._lists = {key: lists[abstract] for key, abstract in named.items() if abstract in lists}
        self._overrides = {attribute(node, "numId"): _overrides(node) for node in numbers}

    def label(self, properties: Element | None) -> str:
        """The number before a paragraph with these properties, "" for none; counts it."""
        number, level = self._place(properties)
        of = self._lists.get(number)
        if of is None or not 0 <= level < LEVELS or level not in of.levels:
            return ""
        definition = of.levels[level]
        override = self._overrides.get(number, {}).pop(level, None)  # holds for the first paragraph alone
        before = of.counts[level]
        of.counts[level] = override if override is not None else definition.start if before is None else before + 1
        for deeper in range(level + 1, LEVELS):
            if deeper not in of.levels or of.levels[deeper].restarts:
                of.counts[deeper] = None
        if definition.format in ("bullet", "none"):
            return ""

        def shown(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            above = of.levels.get(at, _Level())
            count = of.counts[at]
            return _written(above.start if count is None else count, "decimal" if definition.is_legal else above.format)

        return _PLACE.sub(shown, definition.text)[:MAX_LABEL].strip()

    def _place(self, properties: Element | None) -> tuple[str, int]:
        """Number and level of a paragraph: its own, else those of its style and of the styles that one is based on."""
        own = child(properties, "numPr")
        number, level = attribute(child(own, "numId"), "val"), attribute(child(own, "ilvl"), "val")
        key = attribute(child(properties, "pStyle"), "val")
        first = key
        for _ in range(8):  # chains of styles are short; a cycle of them ends here too
            style = self._styles.get(key)
            if number or style is None:
                break
            inherited = child(child(style, "pPr"), "numPr")
            number = attribute(child(inherited, "numId"), "val")
            level = level or attribute(child(inherited, "ilvl"), "val")
            key = attribute(child(style, "basedOn"), "val")
        if not level and number in self._lists:
            levels = self._lists[number].levels
            level = next((str(at) for at, one in levels.items() if one.style and one.style == first), "0")
        return number, int(level) if level.isdecimal() else 0


def _levels(definition: Element) -> dict[int, _Level]:
    found = {}
    for node in definition:
        if local(node) == "lvl" and (at := attribute(node, "ilvl")).isdecimal():
            found[int(at)] = _Level(
                start=_number(attribute(child(node, "start"), "val"), 0),
                format=attribute(child(node, "numFmt"), "val") or "decimal",
                text=attribute(child(node, "lvlText"), "val"),
                style=attribute(child(node, "pStyle"), "val"),
                is_legal=child(node, "isLgl") is not None,
                restarts=attribute(child(node, "lvlRestart"), "val") != "0",
            )
    return found


def _overrides(number: Element) -> dict[int, int]:
    """Level -> the number with which this list begins anew."""
    return {
        _number(attribute(node, "ilvl"), 0): _number(attribute(start, "val"), 1)
        for node in number
        if local(node) == "lvlOverride" and (start := child(node, "startOverride")) is not None
    }


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else otherwise


def _written(number: int, form: str) -> str:
    if form in ("lowerLetter", "upperLetter") and number > 0:
        times, at = divmod(number - 1, 26)
        letters = chr(ord("a") + at) * min(times + 1, 5)  # after z stands aa, then bb
        return letters if form == "lowerLetter" else letters.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        roman = ""
        for value, sign in _ROMAN:
            roman += sign * (number // value)
            number %= value
        return roman if form == "lowerRoman" else roman.upper()
    if form == "ordinal":
        teen = 10 < number % 100 < 14
        return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
    return f"{number:02d}" if form == "decimalZero" else str(number)
