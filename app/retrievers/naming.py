"""Which of the user's documents a question calls by name: "the governing law of the Tideline agreement"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WHOLE_TITLE_WORDS = 2  # a title of fewer words stands in a question by chance
NAME_CHARS = 4  # shorter parts of titles name nothing
NEAR_WORDS = 3  # between a name and the paper it names

PAPERS = frozenset(
    "contract agreement deal licence license statement rider sheet kit bio document file pdf note notes offer letter draft "
    "invoice lyrics report amendment schedule addendum lease settlement".split()
)
# Words of titles that every second document has.
COMMON = PAPERS | frozenset(
    "the and for with from into about music artist label record recording publishing management distribution exclusive "
    "signed final version copy scan page split press royalty royalties 2020 2021 2022 2023 2024 2025 2026 2027 joint filing "
    "sponsorship endorsement content collaboration cooperation co operation marketing promotion tour song single album".split()
)
_WORD = re.compile(r"[A-Za-zÀ-ÿ]+|\d+")
_QUOTED = re.compile(r"[\"“]([^\"”]{3,80})[\"”]")


@dataclass(frozen=True, slots=True)
class Titled:
    """A document by the names it has."""

    id: str
    title: str
    filename: str = ""


def named(question: str, documents: Iterable[Titled]) -> tuple[str, ...]:
    """Ids of the documents that `question` names: by their whole title, in quotation marks, or by a telling word of the title
    next to what kind of paper it is. A name that fits many fits them all.
    """
    asked = _words(question)
    quoted = [_words(text) for text in _QUOTED.findall(question)]
    names = _names(question)
    found = []
    for document in documents:
        words = _words(document.title)
        whole = len(words) >= WHOLE_TITLE_WORDS and _within(words, asked)
        if whole or any(_within(part, words) for part in quoted) or any(_told(name, words) for name in names):
            found.append(document.id)
    return tuple(found)


def _names(question: str) -> list[str]:
    """Words of the question that may name a paper: none that titles share, each with the word for a paper near it."""
    words = _WORD.findall(question)
    places = [place for place, word in enumerate(words) if word.lower() in PAPERS]
    return [
        word.lower()
        for place, word in enumerate(words)
        if len(word) >= NAME_CHARS
        and word.lower() not in COMMON
        and word[0].isupper()
        and place > 0
        and any(0 < abs(other - place) <= NEAR_WORDS for other in places)
    ]


def _told(name: str, title: Sequence[str]) -> bool:
    """Whether a word of the title is that name, or begins with it: file names run words together."""
    return any(word == name or (len(name) > NAME_CHARS and word.startswith(name)) for word in title)


def _within(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether the words stand in the other text, one after the other."""
    size = len(part)
    return size > 0 and any(list(whole[start : start + size]) == list(part) for start in range(len(whole) - size + 1))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
