"""Which passwords an attacker without a computer farm would try: an estimate from patterns, offline, and no strength meter."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

# Points are bytes of guessing: a word of a list of some three hundred is about 8 bits, so one point; a digit has 3.3
# bits, a letter 4.7, and which of a few signs stands somewhere is worth less than two. What is within the limit falls
# to 2^24 guesses: six days of one core at the 33 ms that one hash costs here.
LIMIT = 3.0
WORD, WALK, RUN, YEAR = 1.0, 1.0, 1.0, 1.0
DIGIT, LETTER, SIGN = 0.4, 0.6, 0.2
SHORTEST_WALK = 3

WALKS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm",
    "azertyuiop", "qsdfghjklm", "wxcvbn", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "a1s2d3f4g5h6j7k8l9", "!@#$%^&*()", "147258369", "qawsedrftgyhujikolp",
)  # fmt: skip
_WALKS = WALKS + tuple(walk[::-1] for walk in WALKS)
_LEET = [str.maketrans("@0134$57!", f"ao{one}eassti") for one in "il"]  # a 1 stands for an i or for an l
_YEAR = re.compile(r"(19|20)\d\d")


def is_guessable(password: str, email: str = "") -> bool:
    """Whether `password` is one thing repeated, holds the name of `email`, or is made of few common parts."""
    text = password.casefold()
    return _repeats(text) or _holds(text, email.casefold().partition("@")[0]) or _points(text) <= LIMIT


def _repeats(text: str) -> bool:
    """One sequence again and again, the last time perhaps not to its end."""
    return any(text == (text[:size] * (len(text) // size + 1))[: len(text)] for size in range(1, len(text) // 2 + 1))


def _holds(text: str, name: str) -> bool:
    """A short name counts only as a word of its own: `tom` is in many."""
    if len(name) >= 4:
        return name in text or _plain(name) in _plain(text)
    return bool(name) and re.search(rf"(?<![^\W\d_]){re.escape(name)}(?![^\W\d_])", text) is not None and len(name) > 1


def _plain(text: str) -> str:
    return "".join(one for one in text if one.isalnum())


def _points(text: str) -> float:
    """The cheapest way to put `text` together from words, walks over the keyboard, years, runs and single characters."""
    readings = [text, *(text.translate(table) for table in _LEET)]
    best = [0.0]
    for end in range(1, len(text) + 1):
        choices = [best[end - 1] + _single(text[end - 1])]
        for start in range(max(0, end - 40), end - 1):
            cost = _piece(text[start:end], {reading[start:end] for reading in readings})
            if cost is not None:
                choices.append(best[start] + cost)
        best.append(min(choices))
    return best[-1]


def _single(character: str) -> float:
    return DIGIT if character.isdigit() else LETTER if character.isalpha() else SIGN


def _piece(text: str, readings: set[str]) -> float | None:
    if not readings.isdisjoint(_words()):
        return WORD
    if len(set(text)) == 1:
        return RUN
    if _YEAR.fullmatch(text):
        return YEAR
    if len(text) >= SHORTEST_WALK and any(text in walk for walk in _WALKS):
        return WALK
    return None


@cache
def _words() -> frozenset[str]:
    lines = (Path(__file__).parent / "common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
