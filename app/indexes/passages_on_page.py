"""Where on a page of a PDF a passage stands, though the reader's text and pdfium's differ in spaces, hyphens and line ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

MOST_WORDS = 20_000  # of a page that is aligned by words; a dense one has 2,000
SHARE = 0.6  # of a passage's words that must be found, or it is said to be nowhere
RUN = 3  # words in a row that count as found; fewer stand everywhere
GAP = 8  # words that may lie between two runs of one mark

Span = tuple[int, int]  # first character, and the one after the last

_WORD = re.compile(r"\w+")
_HYPHENS = frozenset("-\xad\u2010\u2011\ufffe\x02")


def find(passage: str, near: int, page: Sequence[str]) -> list[Span]:
    """The stretches of `page` (pdfium's characters, one string each) that hold `passage`; of equal ones the one that begins
    nearest to character `near`. Empty where it is not on the page.
    """
    wanted, _ = _solid(passage)
    solid, places = _solid(page)
    starts = [*_all(wanted, solid)] if wanted else []
    if starts:
        start = min(starts, key=lambda at: abs(places[at] - near))
        return [(places[start], places[start + len(wanted) - 1] + 1)]
    return _by_words(passage, page)


def _solid(characters: Sequence[str]) -> tuple[str, list[int]]:
    """What both sides have alike, and where each character of it stands."""
    places = [at for at, sign in enumerate(characters) if sign.isprintable() and not sign.isspace() and _is_kept(sign)]
    return "".join(characters[at] for at in places), places


def _is_kept(sign: str) -> bool:
    # Beyond U+FFFF one side may count two characters.
    return sign not in _HYPHENS and ord(sign) < 0x10000


def _all(wanted: str, solid: str) -> Iterator[int]:
    at = solid.find(wanted)
    while at >= 0:
        yield at
        at = solid.find(wanted, at + 1)


def _by_words(passage: str, page: Sequence[str]) -> list[Span]:
    text = "".join(sign if len(sign) == 1 else " " for sign in page)
    found = [(match.group(), match.start(), match.end()) for match in _WORD.finditer(text)][:MOST_WORDS]
    wanted = _WORD.findall(passage)[:MOST_WORDS]
    if not wanted:
        return []
    matcher = SequenceMatcher(None, [word for word, _, _ in found], wanted, autojunk=False)
    runs = [(block.a, block.a + block.size) for block in matcher.get_matching_blocks() if block.size >= RUN]
    if sum(end - start for start, end in runs) < SHARE * len(wanted):
        return []
    merged: list[Span] = []
    for start, end in runs:
        if merged and start - merged[-1][1] <= GAP:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return [(found[start][1], found[end - 1][2]) for start, end in merged]
