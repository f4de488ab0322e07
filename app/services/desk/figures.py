"""Numbers, amounts, dates and times as they stand in a text, each with the values it can mean. Pure functions.

A figure keeps its unit: 20 % is no 20, € 300 is no $ 300, the 12 of "12 May" counts nothing. Grouping is read as English and
as continental European ("1,200", "1.200", "1 200", "1'200"), suffixes and English words as numbers ("1.2k", "twelve").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from app.retrievers.numerals import TENS, UNITS
from app.services.desk.calendar_words import DATES, MONTH_ALONE, WEEKDAY, read_date, read_month, read_weekday

# number, percent, ordinal, decade, vague: a value; money: (currency, value); date: (year, month, day) with None for what is
# not said; weekday: 0 is Monday; time: minutes (or seconds of a duration, which look alike).
Key = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """`keys` are its readings: one is enough. `parts` are smaller numbers it may be instead ("12 300"), all of them."""

    start: int
    end: int
    keys: tuple[Key, ...]
    parts: tuple[Key, ...] = ()

    @property
    def kind(self) -> str:
        return self.keys[0][0]


CURRENCIES = {
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP", "gbp": "GBP", "pound": "GBP", "pounds": "GBP",
    "quid": "GBP", "$": "dollar", "dollar": "dollar", "dollars": "dollar", "bucks": "dollar", "usd": "USD", "us$": "USD",
    "aud": "AUD", "a$": "AUD", "cad": "CAD", "c$": "CAD", "nzd": "NZD", "¥": "JPY", "jpy": "JPY", "yen": "JPY",
    "chf": "CHF", "fr.": "CHF", "francs": "CHF", "sek": "SEK", "nok": "NOK", "dkk": "DKK", "kr": "krone", "pln": "PLN",
    "czk": "CZK", "huf": "HUF", "₹": "INR", "inr": "INR", "rupees": "INR", "₩": "KRW", "krw": "KRW", "₽": "RUB", "rub": "RUB",
    "₺": "TRY", "zar": "ZAR", "brl": "BRL", "r$": "BRL", "mxn": "MXN", "₦": "NGN", "ngn": "NGN",
}  # fmt: skip
ALIKE = {"dollar": {"USD", "AUD", "CAD", "NZD"}, "krone": {"SEK", "NOK", "DKK"}}
_SIGNS = r"(?:us\$|a\$|c\$|r\$|[€£$¥₹₩₽₺₦])"
_CODES = (
    "eur|usd|gbp|chf|aud|cad|nzd|jpy|sek|nok|dkk|pln|czk|huf|inr|krw|rub|zar|brl|mxn|ngn|kr|euros?|pounds?|quid|dollars?|"
    "bucks|yen|francs|rupees"
)
CURRENCY = re.compile(rf"{_SIGNS}|(?<![^\W\d_])(?:{_CODES})(?![^\W\d_])", re.IGNORECASE)

_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "dozen": 12}
_ORDINALS = {
    "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10,
    "eleventh": 11, "twelfth": 12,
}  # fmt: skip
# "first" counts where it counts works; "at first" does not.
_WORKS = (
    "album ep lp single record release tour show concert gig festival song track video collaboration headline tape mixtape "
    "remix demo performance"
).split()

# 1,200.50 and its like: groups of three behind one and the same sign; else digits with at most one decimal sign.
_GROUPED = r"\d{1,3}(?P<sign>[ ,.'’])\d{3}(?:(?P=sign)\d{3})*(?:[.,]\d{1,2})?(?![\d])"
_NUMBER = re.compile(
    rf"(?<![\w.,:/-])(?P<digits>{_GROUPED}|\d+(?:[.,]\d+)?)"
    r"(?:(?P<suffix>[kKmM]|bn|mn)(?![^\W_])|\s(?P<scale>thousand|million|billion|mio\.?|mrd\.?)(?!\w)"
    r"|(?P<ordinal>st|nd|rd|th)(?!\w)|(?P<decade>[’']?s)(?!\w))?",
    re.IGNORECASE,
)
_LOOSE = re.compile(r"(?<=[-–—/:x×#+(])\d+(?:[.,]\d+)*")  # the second half of "2-3", "4/4", "2x500"
_TIME = re.compile(
    r"(?<![\w.,])(?:(?P<h>\d{1,2})(?:[:h](?P<m>\d{2}))(?::\d{2})?(?![\d])(?:\s?(?P<half>[ap]\.?m\b\.?))?"
    r"|(?P<h2>\d{1,2})\s?(?P<half2>[ap]\.?m\b\.?)|(?P<h3>\d{1,2})\s?(?:uhr|o['’]clock)\b)",
    re.IGNORECASE,
)
_SMALL = "|".join([*UNITS, *TENS])
_WORDS = re.compile(
    rf"(?<![\w-])(?:(?:a|half\s+a)\s+(?:hundred|thousand|million|billion|dozen)|(?:{_SMALL}))"
    rf"(?:(?:[\s-]+|(?<=hundred)\s+and\s+|(?<=thousand)\s+and\s+)(?:{_SMALL}|hundred|thousand|million|billion|dozen))*(?!\w)",
    re.IGNORECASE,
)
_ORDINAL = re.compile(
    rf"(?<!\ba\s)(?<!\bper\s)(?<!\bevery\s)(?<!\beach\s)(?<!\bsplit\s)(?<![\w-])(?:(?P<word>{'|'.join(_ORDINALS)})"
    rf"(?!\s+(?:to\s+none|half|thought|chance|nature|hand|person|verse|chorus|line))|(?P<first>first|debut)"
    rf"(?=(?:\s+[a-z-]+)?\s+(?:{'|'.join(_WORKS)})s?\b))(?!\w)",
    re.IGNORECASE,
)
_VAGUE = re.compile(
    r"\b(?:dozens|hundreds|thousands|millions|billions|(?:a|one|two)[- ]thirds?(?=\s+(?:of|more|less|up|down|each)\b|[.,;:!?]|$)"
    r"|(?:a|one|three)[- ]quarters?(?=\s+(?:of|more|less|each)\b|[.,;:!?]|$))",
    re.IGNORECASE | re.MULTILINE,
)
_PERCENT = re.compile(r"\s?(?:%|percent\b|per\s+cent\b|pct\b|prozent\b|pour\s+cent\b|por\s+ciento\b)", re.IGNORECASE)
_BEFORE = re.compile(rf"(?:{_SIGNS}|(?<![^\W\d_])(?:{_CODES}))\s?$", re.IGNORECASE)
_AFTER = re.compile(rf"\s?(?:{_SIGNS}(?!\d)|(?:{_CODES})(?![^\W\d_]))", re.IGNORECASE)
_TO = re.compile(r"\s?(?:-|–|—|to|and|or|bis|à|until)\s?", re.IGNORECASE)
_IDIOMS = re.compile(
    r"\b24/7\b|\bfour[- ](?:on|to)[- ]the[- ]floor\b|\btwo-step\b|\b(?:1|one)[- ]to[- ](?:1|one)\b", re.I
)
_SPACES = {ord(space): " " for space in "\u00a0\u2007\u2009\u202f"}


def even(text: str) -> str:
    """`text` with the digits of every script as 0 to 9 and narrow spaces as spaces, its length unchanged."""
    if text.isascii():
        return text
    shifted = (str(unicodedata.decimal(one, one)) if one.isdecimal() else one for one in text)
    return "".join(shifted).translate(_SPACES)


def figures(text: str) -> list[Figure]:
    """Every figure of `text`, in order, none overlapping another. Lengths and offsets are those of `text`."""
    text = even(text)
    free = [True] * len(text)
    found: list[Figure] = []

    def take(figure: Figure | None) -> None:
        if figure is not None and figure.keys and all(free[figure.start : figure.end]):
            free[figure.start : figure.end] = [False] * (figure.end - figure.start)
            found.append(figure)

    for idiom in _IDIOMS.finditer(text):
        free[idiom.start() : idiom.end()] = [False] * len(idiom[0])
    for match in _dates(text):
        take(match)
    for time in _TIME.finditer(text):
        take(_time(time))
    for match in _amounts(text):
        take(match)
    for weekday in WEEKDAY.finditer(text):
        if weekday[0][0].isupper():
            take(Figure(weekday.start(), weekday.end(), (("weekday", read_weekday(weekday[0])),)))
    return _shared_units(text, sorted(found, key=lambda one: one.start))


def currencies(text: str) -> set[str]:
    """The currencies that `text` names, with or without an amount."""
    return {CURRENCIES.get(found[0].lower(), found[0].upper()) for found in CURRENCY.finditer(even(text))}


def same_currency(one: str, other: str) -> bool:
    """`$` may stand for any dollar, kr for any krone."""
    return one == other or other in ALIKE.get(one, ()) or one in ALIKE.get(other, ())


def _dates(text: str) -> Iterator[Figure]:
    for pattern in DATES:
        for match in pattern.finditer(text):
            if readings := read_date(match):
                yield Figure(match.start(), match.end(), tuple(("date", one) for one in readings))
    for match in MONTH_ALONE.finditer(text):
        if (month := read_month(match, text)) is not None:
            yield Figure(match.start(), match.end(), (("date", (None, month, None)),))


def _time(match: re.Match[str]) -> Figure | None:
    hours = int(match["h"] or match["h2"] or match["h3"])
    minutes = int(match["m"] or 0)
    half = (match["half"] or match["half2"] or "").lower()
    if minutes > 59 or (half and hours > 12):
        return None
    if half:
        hours = hours % 12 + (12 if half.startswith("p") else 0)
    return Figure(match.start(), match.end(), (("time", hours * 60 + minutes),))


def _amounts(text: str) -> Iterator[Figure]:
    """Each number with the unit beside it, and then alone, for where another one has taken the unit ("42 €9")."""
    for figure in _numbers(text):
        yield _with_unit(text, figure)
        yield figure
    for match in _ORDINAL.finditer(text):
        word = (match["word"] or "first").lower()
        yield Figure(match.start(), match.end(), (("ordinal", Decimal(_ORDINALS.get(word, 1))),))
    for match in _VAGUE.finditer(text):
        yield Figure(match.start(), match.end(), (("vague", match[0].lower()),))


def _numbers(text: str) -> Iterator[Figure]:
    for match in _NUMBER.finditer(text):
        yield _digits(match)
    for match in _LOOSE.finditer(text):
        values = _values(match[0], "")
        yield Figure(match.start(), match.end(), tuple(("number", value) for value in values))
    for match in _WORDS.finditer(text):
        if (value := _words(match[0])) is not None and (value != 1 or _PERCENT.match(text, match.end())):
            yield Figure(match.start(), match.end(), (("number", value),))


def _digits(match: re.Match[str]) -> Figure:
    written, sign = match["digits"], match["sign"] or ""
    if match["decade"]:
        decade = int(re.sub(r"\D", "", written))
        return Figure(match.start(), match.end(), (("decade", decade if decade > 99 else 1900 + decade),))
    if match["ordinal"]:
        return Figure(match.start(), match.end(), (("ordinal", Decimal(written)),) if written.isdigit() else ())
    suffix = (match["suffix"] or match["scale"] or "").lower().rstrip(".")
    scale = {"k": 10**3, "thousand": 10**3, "m": 10**6, "mn": 10**6, "mio": 10**6, "million": 10**6}.get(suffix)
    scale = 10**9 if suffix in ("bn", "billion", "mrd") else scale or 1
    values = _values(written, sign)
    scaled = [value * scale for value in values]
    if suffix == "m":  # metres or minutes as well
        scaled += values
    parts = tuple(("number", Decimal(one.replace(",", "."))) for one in written.split(" ")) if sign == " " else ()
    return Figure(match.start(), match.end(), tuple(("number", value) for value in scaled), parts)


def _values(written: str, sign: str) -> list[Decimal]:
    """What digits with separators can mean: "1.200" is a thousand and two hundred on the continent, 1.2 elsewhere."""
    if sign:
        whole, _, rest = written.rpartition(sign)
        tail = re.fullmatch(r"(\d{3})[.,](\d{1,2})", rest)
        digits = re.sub(r"\D", "", whole) + (f"{tail[1]}.{tail[2]}" if tail else re.sub(r"\D", "", rest))
        values = [Decimal(digits)]
        if sign == "." and not tail and written.count(".") == 1:
            values.append(Decimal(written))
        return values
    plain = written.replace(",", ".")
    return [Decimal(plain if plain.count(".") < 2 else re.sub(r"\D", "", plain))]


def _words(phrase: str) -> Decimal | None:
    total, current = Decimal(0), Decimal(0)
    for word in re.findall(r"[a-z]+", phrase.lower()):
        if word == "half":
            current = Decimal("0.5")
        elif word in ("a", "and"):
            current = current or (Decimal(0) if word == "and" else Decimal(1))
        elif word in UNITS or word in TENS:
            current += UNITS.get(word, TENS.get(word, 0))
        elif word in _SCALES:
            current = (current or Decimal(1)) * _SCALES[word]
            if _SCALES[word] >= 1000:
                total, current = total + current, Decimal(0)
    return total + current


def _with_unit(text: str, figure: Figure) -> Figure:
    """The figure with the currency or percent sign beside it."""
    if not figure.keys or figure.kind != "number":
        return figure
    if percent := _PERCENT.match(text, figure.end):
        return Figure(figure.start, percent.end(), tuple(("percent", value) for _, value in figure.keys))
    before = _BEFORE.search(text[max(0, figure.start - 6) : figure.start])
    after = None if before else _AFTER.match(text, figure.end)
    beside = before or after
    if beside is not None:
        sign = beside[0].strip().lower()
        currency = CURRENCIES.get(sign, sign.upper())
        start = figure.start - len(before[0]) if before else figure.start
        end = after.end() if after else figure.end
        return Figure(start, end, tuple(("money", (currency, value)) for _, value in figure.keys))
    return figure


def _shared_units(text: str, found: list[Figure]) -> list[Figure]:
    """In "15-20 %" and "€ 300 to 500" the sign is said once and meant twice."""
    shared = list(found)
    for place in range(len(found) - 1):
        one, other = shared[place], shared[place + 1]
        if not _TO.fullmatch(text[one.end : other.start]):
            continue
        if one.kind == "number" and other.kind == "percent":
            shared[place] = replace(one, keys=tuple(("percent", value) for _, value in one.keys))
        elif one.kind == "money" and other.kind == "number":
            currency = one.keys[0][1][0]
            shared[place + 1] = replace(other, keys=tuple(("money", (currency, value)) for _, value in other.keys))
        elif one.kind == "number" and other.kind == "money":
            currency = other.keys[0][1][0]
            shared[place] = replace(one, keys=tuple(("money", (currency, value)) for _, value in one.keys))
    return [one for one in shared if one.keys]
