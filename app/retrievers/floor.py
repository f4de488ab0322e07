"""The relevance floor: a passage that neither means nor says what the question asks is no context (design 5)."""

from __future__ import annotations

import re

from app.config import RetrievalSettings
from app.models import Chunk
from app.retrievers.fusion import Fused

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


def is_relevant(question: str, chunk: Chunk, title: str, fused: Fused, settings: RetrievalSettings) -> bool:
    """True when meaning (highest calibrated similarity) and wording together pass the floor of `retrieval.floor_*`."""
    similarity = max(
        (value for name, value in fused.similarities.items() if name in settings.floor_models), default=0.0
    )
    said = coverage(question, f"{title} {chunk.heading} {chunk.text}")
    return similarity + settings.floor_coverage_weight * said >= settings.floor


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
