"""A question that leans on the conversation, made to stand alone for the search: the subject of earlier ones is carried over."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.retrievers.cues import CUES
from app.retrievers.naming import PAPERS
from app.retrievers.rules import direct_reason
from app.retrievers.wording import words

CARRIED_WORDS = 12  # more would drown what is asked now
SHORT = 3  # a question with no more telling words than this asks about what was spoken of
LEANING_WORDS = 5  # a pronoun in a longer question is likelier to mean something in the question itself

_OPENS = re.compile(
    r"^\W*(and|but|so|also|then|or|what about|how about|what if|same for|why|for how long)\b", re.IGNORECASE
)
_PRONOUN = re.compile(
    r"\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|there|that|this|those|these|the (same|other|latter|former|second|"
    r"first|last) one|one)\b",
    re.IGNORECASE,
)
_OWN_SUBJECT = re.compile(r"\b(the|an?|my|our)\s+\w", re.IGNORECASE)
_TERM = re.compile(r"[\"“][^\"”]{2,60}[\"”]|[\w][\w'&.-]*")


def standalone(question: str, earlier: Sequence[str]) -> str | None:
    """`question` with the subject of the user's earlier questions (oldest first) behind it, or None when it needs none.

    "And for how long?" after "What is the term of the Tideline contract?" becomes "And for how long? (term Tideline contract)";
    "And who is the publisher?" asks for something of its own, and is given the contract alone.
    """
    subject = ""
    for asked in earlier:
        if direct_reason(asked) is not None:
            continue
        subject = _joined(asked, subject) if leans(asked) and subject else asked
    if not subject or direct_reason(question) is not None or not leans(question):
        return None
    return _joined(question, subject)


def leans(question: str) -> bool:
    """Whether the question cannot be understood alone: it opens like a continuation, points back, or says next to nothing."""
    telling = words(question)
    if _OPENS.search(question) and len(telling) <= LEANING_WORDS:
        return True
    if _PRONOUN.search(question) and len(telling) <= LEANING_WORDS:
        return True
    defines = CUES["asks to explain"].search(question)
    return len(telling) < SHORT and "?" in question and not defines and not _named(question)


def _joined(question: str, subject: str) -> str:
    said = words(question)
    carried: list[str] = []
    whose_alone = _OWN_SUBJECT.search(question) is not None and _PRONOUN.search(question) is None
    for term in _TERM.findall(subject):
        stems = words(term)
        if whose_alone and not _names(term, subject):
            continue
        if stems and not stems <= said:
            said |= stems
            carried.append(term)
    return f"{question} ({' '.join(carried[:CARRIED_WORDS])})" if carried else question


def _names(term: str, subject: str) -> bool:
    """Whether a word of the earlier question tells whose or which paper's fact was asked."""
    return term[0] in '"“' or term.lower() in PAPERS or (term[0].isupper() and not subject.startswith(term))


def _named(question: str) -> bool:
    """Whether something is called by its name: a quoted title, or a capital that does not open the sentence."""
    return bool(re.search(r"[\"“][^\"”]+[\"”]|(?<=[a-z,] )[A-Z]\w", question))
