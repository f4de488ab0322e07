"""Proper names as they stand in a text: runs of capitalised words that are no habit of writing. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.services.desk.words import CONNECTORS, FUNCTION, GENERIC, GENRES, is_everyday, plain

_TOKEN = re.compile(r"(?<!\w)[^\W\d_]\.(?=\s?[^\W\d_])|[^\W_]+(?:[’'&+.\-/][^\W_]+)*(?:[’'](?=\s|$|[^\w\s]))?|&")
_OPENING = re.compile(
    r"(?:^|[.!?…:;|]|[.!?…][\"”’)\]*_]+|[\n\r])[\s\"“”„«‘(\[*_#>–—•·\-]*$|^[\s\d.)]*$|[(\[“„«]$|\*\*$"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:st|mr|mrs|ms|dr|prof|feat|ft|vs|no|vol|pt|op|approx|e\.g|i\.e|inc|ltd|[A-Z])\.\s*$", re.I
)
_GAP = re.compile(r"[ \u00a0]|\s?&\s?|, (?=(?:Inc|Ltd|LLC|Jr|Sr)\b)")
_FORMAT = re.compile(
    r"^(?:mp[34]|h26[45]|[234]d|[248]k|b2b|(?:720|1080)p|\d+(?:-?bit|hz|khz|kbps|bpm|db|mm|cm|px|min|sec|[hx]))$", re.I
)
_GREETING = re.compile(r"^\W*(?:dear|hi|hello|hey|greetings|good (?:morning|day|afternoon|evening))\s+$", re.IGNORECASE)
HEADING_SHARE = 0.6  # of the longer words of a line are capitalised: a heading, in which capitals mean nothing
LONGEST_HEADING = 14  # words
WINDOW = 60  # characters before a word that tell whether it begins a sentence


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text. `name`: capitalised where running text would not be."""

    start: int
    end: int
    text: str
    name: bool
    opening: bool  # the first word of a sentence, where a capital means nothing by itself

    @property
    def word(self) -> str:
        """Without the possessive ending."""
        return re.sub(r"[’']s$|[’']$", "", self.text)

    @property
    def owns(self) -> bool:
        return self.word != self.text


Run = tuple[Token, ...]


def runs(text: str, taken: Sequence[tuple[int, int]] = (), *, nouns: bool = False) -> list[Run]:
    """The names of a line or a text, each as its words. `taken` are places that are no names: dates, links.

    `nouns`: in this language every noun is capitalised (German), so that one word alone is no sign of a name.
    """
    found: list[Run] = []
    start, places = 0, sorted(taken)
    for line in text.split("\n"):
        end = start + len(line)
        while places and places[0][1] <= start:
            places.pop(0)
        inside: list[tuple[int, int]] = []
        for a, b in places:
            if a >= end:
                break
            inside.append((a - start, b - start))
        found += [_moved(run, start) for run in _of_line(line, inside, nouns)]
        start = end + 1
    return found


def tokens(line: str, taken: Sequence[tuple[int, int]] = ()) -> list[Token]:
    """Its words with what their capitals mean."""
    free = bytearray(b"\1") * len(line)
    for a, b in taken:
        free[max(0, a) : b] = bytes(len(free[max(0, a) : b]))
    words = [match for match in _TOKEN.finditer(line) if all(free[match.start() : match.end()])]
    heading = _is_heading(line)
    made = []
    for match in words:
        word = match[0]
        # A window is enough, and a line of any length stays cheap; the sign keeps its edge from looking like the line's.
        before = (
            line[: match.start()] if match.start() < WINDOW else f"\0{line[match.start() - WINDOW : match.start()]}"
        )
        opening = bool(_OPENING.search(before)) and not _ABBREVIATION.search(before)
        made.append(Token(match.start(), match.end(), word, _is_name(word, before, opening, heading), opening))
    return made


def is_caseless(character: str) -> bool:
    """A letter of a script without capitals."""
    return character.isalpha() and character.lower() == character.upper() and character not in "ªº"


def foreign_runs(text: str) -> Iterator[tuple[int, int]]:
    """Stretches in scripts without capitals: in a text that is otherwise Latin each is a name or a quotation."""
    start = None
    for place, one in enumerate(f"{text} "):
        inside = is_caseless(one) or (start is not None and (one == "ー" or "\u0300" <= one <= "\u036f"))
        if inside and start is None:
            start = place
        elif not inside and start is not None:
            yield start, place
            start = None


def _of_line(line: str, taken: Sequence[tuple[int, int]], nouns: bool) -> Iterator[Run]:
    words = tokens(line, taken)
    place = 0
    while place < len(words):
        end = _run_end(line, words, place)
        if end is None:
            place += 1
            continue
        run = _trimmed(words[place:end])
        if run and not (nouns and len(run) == 1 and not _odd(run[0].text)):
            yield run
        place = end


def _run_end(line: str, words: Sequence[Token], place: int) -> int | None:
    """Behind the last word of the run that begins at `place`; None where none does."""
    first = words[place]
    leads = first.opening and first.text[:1].isupper() and first.text.lower() not in FUNCTION
    following = place + 1 < len(words) and _touch(line, first, words[place + 1]) and words[place + 1].name
    if not first.name and not (leads and following and not _habit(first.text)):
        return None
    end = place + 1
    while end < len(words) and _touch(line, words[end - 1], words[end]) and not words[end - 1].owns:
        step = end
        while step < len(words) and words[step].text.lower() in CONNECTORS and not words[step].name:
            step += 1
            if step < len(words) and not _touch(line, words[step - 1], words[step]):
                step = len(words)
        if step >= len(words) or not (words[step].name or _inside(words[step])) or step - end > 3:
            break
        end = step + 1
    return end


def _touch(line: str, one: Token, other: Token) -> bool:
    return bool(_GAP.fullmatch(line[one.end : other.start]))


def _inside(token: Token) -> bool:
    """Capitalised by habit, yet part of a name when it stands within one: "Rough Trade Records", "The Night Shift EP"."""
    return token.text[:1].isupper() and not token.opening


def _trimmed(run: Sequence[Token]) -> Run:
    """Without habits of writing at its ends: "the EP", "DJ"."""
    kept = list(run)
    while kept and (_habit(kept[0].text) or (kept[0].text.lower() in CONNECTORS | FUNCTION and len(kept) > 1)):
        kept.pop(0)
    while kept and (_habit(kept[-1].text) or kept[-1].text.lower() in CONNECTORS):
        kept.pop()
    return tuple(kept)


def _habit(word: str) -> bool:
    lower = re.sub(r"[’']s$|[’']$", "", word.lower().replace("’", "'")).strip(".")
    return lower in GENERIC or lower in GENRES or bool(_FORMAT.match(lower)) or (len(lower) > 1 and _all_habits(lower))


def _all_habits(lower: str) -> bool:
    parts = re.split(r"[-/&+]", lower)
    return len(parts) > 1 and all(part in GENERIC or part in GENRES for part in parts)


def _is_name(word: str, before: str, opening: bool, heading: bool) -> bool:
    if word == "&" or not any(one.isupper() for one in word):
        return any(one.isdigit() for one in word) and any(one.isalpha() for one in word) and not _figure(word)
    if _habit(word) or _figure(word):
        return False
    if word[:1].islower() and not _odd(word):  # the capital stands behind a hyphen: "ex-Berlin"
        return any(part[:1].isupper() and not is_everyday(part) for part in word.split("-"))
    if opening or heading or _GREETING.match(before):
        if heading and word.isupper():
            return not is_everyday(word)
        return not is_everyday(word) or (_odd(word) and not word.isupper())
    return True


def _figure(word: str) -> bool:
    """A number with its unit or ending: "30s", "1st", "128bpm"; and the halves of "2x500"."""
    return bool(
        re.fullmatch(r"\d+(?:[.,]\d+)*(?:[’']?s|st|nd|rd|th|k|m|bn|mn|x\d*|am|pm|h\d*)?|\d+[-–](?:\w+)", word, re.I)
    ) or bool(_FORMAT.match(word))


def _odd(word: str) -> bool:
    """Capitals or digits where a plain noun has none: "YouTube", "BBC", "SP-404"."""
    bare = re.sub(r"[’']s$|[’']$", "", word)
    return any(one.isupper() for one in re.sub(r"(?<=[-’'&/])\w", "", bare)[1:]) or any(one.isdigit() for one in bare)


def _is_heading(line: str) -> bool:
    """A title line: few words, no full stop at the end, most of the longer ones capitalised."""
    bare = re.sub(r"^[\s#>*_\-•]+|[\s*_:]+$", "", line)
    words = [word for word in re.findall(r"[^\W\d_][\w’'-]*", bare) if len(word) > 3]
    every = re.findall(r"[^\W\d_][\w’'-]*", bare)
    if not words or len(every) > LONGEST_HEADING or bare.endswith((".", "!", "?", ",", "…")) or len(every) < 2:
        return bool(every) and line.lstrip().startswith("#")
    return line.lstrip().startswith("#") or sum(word[0].isupper() for word in words) / len(words) > HEADING_SHARE


def _moved(run: Run, by: int) -> Run:
    return tuple(Token(one.start + by, one.end + by, one.text, one.name, one.opening) for one in run)


def normal(run: Sequence[Token]) -> str:
    return plain(" ".join(one.word for one in run))
