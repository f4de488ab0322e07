"""What somebody says of themselves in a message: whole statements in their own words, found by the way they are worded.

Pure functions. A find is only a proposal: the user confirms it or not. Better too few than a list of everything said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST = 3  # of one message
LEAST_WORDS, LONGEST = 3, 240  # words, characters: a name alone is no fact, a paragraph is a document
MESSAGE_CHARS = 1500  # a longer message is a pasted text
LINES = 6  # as many are a pasted text or lyrics

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+|;\s+")
# "I'm a producer from Leeds, how should I price my work?": the statement ends where the question begins.
_TURN = re.compile(
    r"(?:\s*[,:–—]\s*(?:(?:and|so|but|now)\s+)?|\s+-\s+|\s+(?:and|so|but)\s+)(?=(?:how|what|when|where|which|who|why|can|could|should|"
    r"would|do|does|did|is|are|will|please|help|tell|give|write|draft|make|show|create|explain)\b)",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^\W*(?:(?:hi|hello|hey|ok|okay|well|so|and|also|yes|no|thanks|thank you|by the way|btw|fyi|just so you know|for context|"
    r"actually|please)\b[\s,:!.–—-]*)+",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"^\W*(?:please\s+)?(?:remember|note|keep in mind|don't forget|do not forget)\b(?:\s+that\b)?[\s,:]*", re.I
)
_WHO = r"(?:I|we)"
_OWN = r"(?:my|our)"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^{_WHO}(?:'m| am| are|'re|’m|’re)\s+(?:an?|the|from|in|based|signed|registered|published|managed|represented|called|born|"
        r"living|self-|not (?:an?|signed|registered|represented))\b",
        rf"^{_WHO}\s+(?:also\s+|mostly\s+|mainly\s+|usually\s+|always\s+|never\s+|only\s+|no longer\s+|currently\s+)?(?:live|work|"
        r"play|sing|write|rap|dj|produce|compose|mix|master|tour|record|release|perform|teach|manage|represent|own|run|charge|earn|"
        r"prefer|avoid|speak|belong|publish|self-release|busk)s?\b(?!\s+(?:this|that|it|these)\b)",
        rf"^{_WHO}(?:\s+have|'ve|’ve)\s+(?:an?|no|two|three|four|five|\d+|been|never|always|signed|released|played|toured|worked)\b"
        r"(?!\s+(?:questions?|problems?|ideas?|looks?|trouble|issues?|wondering|thinking|trying|looking|asked)\b)",
        rf"^{_WHO}\s+(?:do not|don't|don’t|never)\s+(?:tour|play|fly|drive|drink|work|release|sign|use|record|perform|have|own|sing|"
        r"write|travel)\b",
        rf"^{_WHO}\s+(?:signed|released|started|founded|moved|won|joined|left|registered)\b.*\b(?:in|with|to|for|by|at|as|from)\b",
        rf"^{_OWN}\s+(?:[\w'’&-]+\s+){{1,5}}(?:is|are|was|were|has|have|comes?|lives?|plays?|costs?|ends?|runs?|takes?|pays?|called)\b",
        r"^(?:call me|my name is|our name is)\s+\S",
    )
)
# Of the moment, of the task at hand, or of this conversation.
_PASSING = re.compile(
    r"\b(?:today|tonight|right now|at the moment|just now|this (?:file|document|contract|chorus|song|text|pdf|clause|question|answer|"
    r"verse|line|bio|message|one)|here(?:'s| is)|attached|uploaded|below|above|question|wondering|confused|curious|not sure|sorry|"
    r"asking|the following|my (?:question|problem|guess|point))\b",
    re.IGNORECASE,
)
_OF_ONESELF = re.compile(r"\W*(?:I|we|my|our|as an?|being an?)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“”«»]")


def statements(message: str) -> list[str]:
    """At most `MOST` statements about the asker, each an exact substring of `message` as far as its white space goes."""
    if not is_spoken(message):
        return []
    found: list[str] = []
    for sentence in _SENTENCE.split(message):
        said = _statement(sentence)
        if said and said not in found:
            found.append(said)
    return found[:MOST]


def is_spoken(message: str) -> bool:
    """Whether it is said to the program, and not pasted to be worked on."""
    lines = [line for line in message.splitlines() if line.strip()]
    return 0 < len(message.strip()) <= MESSAGE_CHARS and len(lines) < LINES


def may_state(message: str) -> bool:
    """Whether a language model is worth asking: somebody speaks of themselves, and not only in a question."""
    parts = (_LEAD.sub("", _TURN.split(sentence, maxsplit=1)[0]) for sentence in _SENTENCE.split(message))
    return is_spoken(message) and any(
        _ASKED.match(part) or (_OF_ONESELF.match(part) and not part.rstrip().endswith("?")) for part in parts
    )


def verbatim(quotes: Iterable[object], message: str) -> list[str]:
    """Those of `quotes` that stand in `message` word for word, as statements: nothing that a model made up gets through."""
    spoken = " ".join(message.split())
    found: list[str] = []
    for quote in quotes:
        said = " ".join(quote.split()).strip(" ,;:") if isinstance(quote, str) else ""
        if said and said in spoken and _telling(said) and said not in found:
            found.append(said)
    return found[:MOST]


def _statement(sentence: str) -> str:
    asked = _ASKED.match(sentence)
    rest = sentence[asked.end() :] if asked else _LEAD.sub("", sentence)
    said = " ".join(_TURN.split(rest.strip(), maxsplit=1)[0].split()).strip(" ,;:–—-")
    if not _telling(said) or (not asked and _PASSING.search(said)):
        return ""
    return said if asked or any(pattern.search(said) for pattern in _PATTERNS) else ""


def _telling(said: str) -> bool:
    return (
        len(said.split()) >= LEAST_WORDS
        and len(said) <= LONGEST
        and not said.endswith("?")
        and not _QUOTED.search(said)
    )
