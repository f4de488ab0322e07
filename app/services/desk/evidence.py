"""What a draft may say: one text that is known to be so, and whether it holds a figure or a name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from app.services.desk.calendar_words import Day, weekdays_of
from app.services.desk.figures import Figure, Key, currencies, figures, same_currency
from app.services.desk.names import Run, normal, runs
from app.services.desk.words import DEMONYMS, GENERIC, GENRES, SEPARATORS, is_everyday, plain

SHORT_VALUE_WORDS = 6  # a typed line of so few words may be a name as a whole, in whatever capitals
SHARED_WORDS = 4  # in a row: a draft that has them from a source rests on it


@dataclass(frozen=True)
class Known:
    """A text a draft may rest on. `label` is a source's (P1), empty for what the user said; `typed`: names in it may be in
    lower case."""

    text: str
    label: str = ""
    typed: bool = False

    @cached_property
    def plain(self) -> str:
        return f" {plain(self.text)} "

    @cached_property
    def keys(self) -> set[Key]:
        found = {key for figure in figures(self.text) for key in (*figure.keys, *figure.parts)}
        return found | {("number", Decimal(year)) for year, _, _ in _days(found) if year is not None}

    @cached_property
    def days(self) -> set[Day]:
        return set(_days(self.keys))

    @cached_property
    def links(self) -> str:
        return re.sub(r"https?://|www\.", "", self.text.lower())

    @cached_property
    def capitalised(self) -> set[str]:
        """Single words that stand here with a capital, wherever."""
        return {plain(word) for word in re.findall(r"\b[^\W\d_][\w’'-]*", self.text) if word[0].isupper()}

    @cached_property
    def whole(self) -> set[str]:
        """Names that stand here by themselves, not as a part of a longer one."""
        found = {normal(run) for run in runs(self.text)}
        if self.typed:
            lines = re.split(r"[\n,;]", self.text)
            found |= {plain(line) for line in lines if len(line.split()) <= SHORT_VALUE_WORDS}
        return found

    @cached_property
    def compact(self) -> set[str]:
        return {one.replace(" ", "") for one in self.whole}

    def has_figure(self, figure: Figure) -> bool:
        return any(self._has_key(key) for key in figure.keys) or (
            bool(figure.parts) and all(self._has_key(key) for key in figure.parts)
        )

    def _has_key(self, key: Key) -> bool:
        kind, value = key
        if key in self.keys:
            return True
        if kind == "money":
            currency, amount = value
            told = [held for of, held in self.keys if of == "money"]
            if any(same_currency(currency, one) and amount == much for one, much in told):
                return True
            bare = ("number", amount) in self.keys
            return bare and any(same_currency(currency, one) for one in currencies(self.text))
        if kind == "number":
            return any(of == "money" and held[1] == value for of, held in self.keys)
        if kind == "date":
            return self._has_day(value)
        if kind == "weekday":
            return value in weekdays_of(iter(self.days))
        if kind == "ordinal" and value == 1:
            return " first " in self.plain or " debut " in self.plain
        return False

    def _has_day(self, day: Day) -> bool:
        """A day is told by a fuller one: "May 2026" by "3 May 2026"."""
        year, month, number = day
        return any(
            month == m and (number is None or number == d) and (year is None or year == y) for y, m, d in self.days
        ) or (number is None and year is None and any(month == m for _, m, _ in self.days))

    def has_words(self, words: str) -> bool:
        return bool(words) and f" {words} " in self.plain

    def has_name(self, run: Run) -> bool:
        """The whole name, in a row; plural or singular, with its country for a nationality."""
        name = normal(run)
        if not name:
            return True
        alone = len(run) == 1
        if alone and is_everyday(run[0].word) and not self.typed and name not in self.capitalised:
            return False  # "hope" in a letter is not the place Hope
        if any(self.has_words(one) for one in _forms(name)):
            return True
        compact = name.replace(" ", "")
        if len(compact) > 3 and compact in self.compact:
            return True
        return alone and any(self.has_words(place) for place in DEMONYMS.get(name, ()))

    def has_link(self, link: str) -> bool:
        bare = re.sub(r"^(?:https?://)?(?:www\.)?|[/.,;:!?)]+$", "", link.lower())
        return bool(bare) and bare in self.links

    @cached_property
    def rows(self) -> set[tuple[str, ...]]:
        return rows_of(self.plain.replace(" | ", " ").split())

    def shares_words(self, rows: set[tuple[str, ...]]) -> bool:
        """One of these rows of `SHARED_WORDS` words stands here."""
        return not self.rows.isdisjoint(rows)


def rows_of(words: Sequence[str]) -> set[tuple[str, ...]]:
    """Every `SHARED_WORDS` words in a row."""
    return {tuple(words[place : place + SHARED_WORDS]) for place in range(len(words) - SHARED_WORDS + 1)}


def pieces(run: Run) -> list[Run]:
    """A run parted where two names may meet: at "and", "of", "&"."""
    parted: list[Run] = [()]
    for token in run:
        if token.text.lower() in SEPARATORS:
            parted.append(())
        else:
            parted[-1] += (token,)
    return [one for one in parted if one]


def is_whole(run: Run, known: Sequence[Known]) -> bool:
    """A name that stands by itself somewhere, or a word that says nothing."""
    name = normal(run)
    if len(run) == 1 and (name in GENERIC or name in GENRES):
        return True
    return any(form in one.whole for one in known for form in _forms(name))


def _forms(name: str) -> Iterator[str]:
    yield name
    yield name.removesuffix("s") if name.endswith("s") and len(name) > 3 else f"{name}s"
    if name.startswith("the "):
        yield name.removeprefix("the ")
    if " and " in name or " & " in name:
        yield name.replace(" and ", " & ") if " and " in name else name.replace(" & ", " and ")


def _days(keys: Sequence[Key] | set[Key]) -> Iterator[Day]:
    for kind, value in keys:
        if kind == "date":
            yield value
