"""The relevance floor: a passage that neither means nor says what the question asks is no context (design 5)."""

from __future__ import annotations

import re

from app.config import RetrievalSettings

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_STOP = frozenset(
    """
    a about after all also am an and any are as at be because been before being between both but by can could
    did do does doing for from had has have having he her here him his how i if in into is it its just like
    may me might more most much must my no not of off on one or other our out over own per please say says she
    should so some such tell than that the their them then there these they this those through to under until
    up us was we were what when where which while who whom whose why will with would you your
    """.split()
)


def words(text: str) -> set[str]:
    """Content words, lower-cased and cut to a crude stem: enough to see whether a passage speaks of the same things."""
    return {
        _stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP and (len(word) > 1 or word.isdigit())
    }


def coverage(question: str, text: str) -> float:
    """The share of the question's content words that `text` holds, 0 to 1; 0 for a question without content words."""
    asked = words(question)
    return len(asked & words(text)) / len(asked) if asked else 0.0


def relevance(question: str, text: str, similarities: dict[str, float], settings: RetrievalSettings) -> float:
    """How much a passage has to do with the question: the highest calibrated similarity plus a weight for shared words.

    About 0 to 1.35; comparable between questions, which fused scores are not. `text` includes title and heading.
    """
    similarity = max((value for name, value in similarities.items() if name in settings.floor_models), default=0.0)
    return similarity + settings.floor_coverage_weight * coverage(question, text)


def _stem(word: str) -> str:
    for suffix in (
        "ingly",
        "ations",
        "ation",
        "ings",
        "ing",
        "ments",
        "ment",
        "ies",
        "ers",
        "ed",
        "es",
        "er",
        "ly",
        "s",
    ):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word
