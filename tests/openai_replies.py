"""What the test server answers when nothing is scripted: simple rules over the prompt, and hashed embeddings."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Body = dict[str, Any]

NO_SOURCES = "I cannot find that in your documents."
LABEL = re.compile(r"^\[([PG]\d+)\][ \t]*(.*)$", re.MULTILINE)
MINE = re.compile(r"\b(my|mine|our|ours|me|i|i've|we)\b", re.IGNORECASE)
INDUSTRY = re.compile(
    r"\b(usual|usually|typical|typically|standard|normal|fair|industry|market|compare|average)\b", re.I
)
DIRECT = re.compile(
    r"^\W*(hi|hello|hey|thanks|thank you|good (morning|evening|night))\b|\bhow are you\b"
    r"|\b(rewrite|rephrase|proofread|chorus|lyrics?|verse|caption)\b",
    re.IGNORECASE,
)


def default_reply(body: Body) -> str:
    """JSON for a prompt that asks for an intent; else the first source quoted with its label; else `NO_SOURCES`."""
    texts = [_text(message) for message in body.get("messages", [])]
    system = " ".join(_text(message) for message in body.get("messages", []) if message.get("role") == "system")
    source = next(filter(None, map(_first_source, reversed(texts))), None)
    if "intent" in system.lower() and "json" in system.lower() and source is None:
        return json.dumps(_intent(texts[-1] if texts else ""))
    if source is None:
        return NO_SOURCES
    label, sentence = source
    speaker = "Your contract says" if label.startswith("P") else "The industry guide says"
    return f'{speaker}: "{sentence}" [{label}].'


def embed(text: str, dimensions: int) -> NDArray[np.float32]:
    """A unit vector: every word, and every pair of words at half the weight, adds 1 at a hashed place.

    Texts with the same words are near (cosine), texts with none in common are almost orthogonal.
    """
    words = re.findall(r"\w+", text.lower())
    vector = np.zeros(dimensions, dtype=np.float32)
    for weight, grams in ((1.0, words), (0.5, [" ".join(pair) for pair in zip(words, words[1:], strict=False)])):
        for gram in grams:
            digest = int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=8).digest(), "little")
            vector[(digest >> 1) % dimensions] += weight if digest & 1 else -weight
    if not vector.any():
        vector[0] = 1.0
    unit: NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def tokens(text: str) -> list[str]:
    """Words with the space after them; joined they are the text again."""
    return re.findall(r"\s*\S+\s*", text)


def _intent(question: str) -> Body:
    direct = bool(DIRECT.search(question))
    mine, industry = bool(MINE.search(question)), bool(INDUSTRY.search(question))
    if direct or not mine:
        return {"intent": "global", "direct": direct}
    return {"intent": "hybrid" if industry else "personal", "direct": False}


def _first_source(text: str) -> tuple[str, str] | None:
    """Label and first sentence of the first section; the lines under a label are its text, else its own line."""
    match = LABEL.search(text)
    if not match:
        return None
    under: list[str] = []
    for line in text[match.end() + 1 :].splitlines():
        if not line.strip() or LABEL.match(line):
            break
        under.append(line)
    passage = " ".join((" ".join(under) or match.group(2)).split())
    return match.group(1), re.split(r"(?<=[.!?])\s", passage, maxsplit=1)[0]


def _text(message: Body) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(str(part.get("text", "")) for part in content)
