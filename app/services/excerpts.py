"""Sentences and excerpts: exact substrings of a passage, chosen by the words they share with what is asked."""

from __future__ import annotations

import math
import re

from app.retrievers.wording import words

_END = re.compile(r"(?<=[.!?;:])\s+(?=[\"“(\[A-Z0-9])|\n{2,}")
_HEADING = re.compile(r"(?m)^#{1,6} [^\n]*(?:\n+|\Z)")
_ITEM = re.compile(r"(?:[-*•–]|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)])\s")
# A clause's number and heading, such as "H. Governing Law." or "12. Limitation of Liability:".
_CLAUSE = re.compile(
    r"(?:\(?[A-Za-z0-9]{1,3}(?:\.\d+)*[.)]|\d+(?:\.\d+)+)\s+"
    r"[A-Z][\w'’-]*(?:[ ,&/]+(?:[A-Z][\w'’-]*|of|and|the|to|or|in|for|on|by|with)){0,9}[.:](?=\s|$)"
)
SENTENCE_CHARS = 40  # shorter ones are headings and numbers
QUOTE_CHARS = 320
WINDOWS = 40  # places tried in a sentence that is too long; each costs 40 microseconds


def sentences(text: str) -> list[str]:
    """Sentences of `text`, each an exact substring. What is too short to stand alone, like a clause's heading, goes with
    the sentence after it; Markdown headings are left out.
    """
    return [text[start:end] for start, end in _spans(text)]


def excerpt(about: str, text: str, limit: int = QUOTE_CHARS) -> str:
    """The sentence of `text` that says most of `about`, with its neighbours as far as `limit` characters allow."""
    if len(text) <= limit:
        return text.strip()
    parts = _spans(text) or [(0, len(text))]
    best = _best(about, [text[start:end] for start, end in parts])
    first = last = best
    if parts[best][1] - parts[best][0] > limit:
        return _window(about, text[slice(*parts[best])], limit)
    while True:
        if last + 1 < len(parts) and parts[last + 1][1] - parts[first][0] <= limit:
            last += 1
        elif first > 0 and parts[last][1] - parts[first - 1][0] <= limit:
            first -= 1
        else:
            return text[parts[first][0] : parts[last][1]]


def paragraph(text: str, sentence: str, limit: int = QUOTE_CHARS) -> str:
    """The sentences of `sentence`'s paragraph in `text` from its beginning, or as near to it as `limit` characters allow."""
    at = text.find(sentence)
    parts = _spans(text)
    own = next((place for place, (start, end) in enumerate(parts) if start <= at < end), None)
    if own is None or parts[own][1] - parts[own][0] > limit:
        return sentence
    first = last = own
    while first > 0 and _joined(text, parts, first - 1) and parts[own][1] - parts[first - 1][0] <= limit:
        first -= 1
    while last + 1 < len(parts) and _joined(text, parts, last) and parts[last + 1][1] - parts[first][0] <= limit:
        last += 1
    return text[parts[first][0] : parts[last][1]]


def section(text: str, sentence: str) -> str:
    """The Markdown heading that `sentence` stands under in `text`; empty where there is none."""
    above = _HEADING.findall(text[: max(text.find(sentence), 0)])
    return above[-1].lstrip("#").strip() if above else ""


def rarities(asked: set[str], bags: list[set[str]]) -> dict[str, float]:
    """How much each asked word tells: one that few of the `bags` hold says more about which of them answers."""
    return {word: math.log(1 + len(bags) / (1 + sum(word in bag for bag in bags))) for word in asked}


def _spans(text: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    start = 0
    # "## 3. Term" is one heading, not the end of a sentence.
    inside = [match.span() for match in _HEADING.finditer(text)]
    ends = [match.start() for match in _END.finditer(text)]
    for end in [end for end in ends if not any(first < end < last for first, last in inside)] + [len(text)]:
        while start < end and text[start].isspace():
            start += 1
        while heading := _HEADING.match(text, start):
            start = heading.end()
        part = text[start:end].strip()
        if _CLAUSE.fullmatch(part) and end < len(text):
            continue  # a heading, however long, is quoted with its sentence
        if len(part) < SENTENCE_CHARS and _CLAUSE.match(text[end:].lstrip()):
            if found and not text[found[-1][1] : start].strip():  # what is left of the clause before stays with it
                found[-1] = (found[-1][0], start + len(text[start:end].rstrip()))
            start = end
        elif len(part) >= SENTENCE_CHARS or (end == len(text) and len(part) > 2):
            found.append((start, start + len(text[start:end].rstrip())))
            start = end
        elif text[end:].lstrip().startswith("#"):
            start = end  # a short line before a heading is not that heading's
    return found


def _joined(text: str, parts: list[tuple[int, int]], place: int) -> bool:
    """Whether the sentence there and the next one are of one paragraph, or of one list and what leads to it."""
    (start, end), (following, _) = parts[place : place + 2]
    listed = _ITEM.match(text, following) and (text[end - 1] == ":" or _ITEM.match(text, start))
    return bool(listed) or "\n\n" not in text[end:following]


def _best(about: str, parts: list[str]) -> int:
    bags = [words(part) for part in parts]
    worth = rarities(words(about), bags)
    return max(range(len(parts)), key=lambda i: (sum(worth.get(word, 0.0) for word in bags[i]), -i))


def _window(about: str, text: str, limit: int) -> str:
    """The stretch of a long sentence, cut at words, that shares most words with `about`."""
    asked = words(about)
    starts = [0] + [match.end() for match in re.finditer(r"\s+", text) if match.end() + limit / 2 < len(text)]
    starts = starts[:: 1 + len(starts) // WINDOWS]
    best = max(starts, key=lambda start: (len(asked & words(_whole_words(text, start, limit))), -start))
    return _whole_words(text, best, limit).strip()


def _whole_words(text: str, start: int, limit: int) -> str:
    """At most `limit` characters from `start`, cut before the word that would not fit."""
    window = text[start : start + limit]
    cut = window.rfind(" ") if start + limit < len(text) else -1
    return window[:cut] if cut > 0 else window
