"""The intent of a question without a language model: a linear model over MiniLM's vector of it and the cues in its wording.

Trained by `benchmarks/intent.py --write` from the labelled questions in `tests/retrievers/intents.yaml`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from app.models import Intent
from app.retrievers.cues import CUES, cues
from app.retrievers.rules import direct_reason

ENCODER = "minilm"  # whose vectors the coefficients belong to
CLASSES = ("personal", "global", "hybrid", "direct")
VECTOR_WEIGHT = 4.0  # a unit vector's 384 small numbers beside the cues' zeros and ones
DIRECT_AT = 0.5  # a probability: an answer without sources is the worse mistake
SURE, LIKELY = 0.9, 0.6  # probabilities, of what has not the form of a question
FOREIGN_WORDS = 3  # more than that without a common English word is another language, or no sentence
_FORMS = (
    "begins with a question word", "begins with a verb", "asks for text", "asks to show", "asks to explain", "wants advice",
)  # fmt: skip
_ENGLISH = re.compile(
    r"\b(the|an?|of|to|in|is|are|was|do|does|did|what|how|who|when|where|which|why|for|my|our|your|you|me|i|we|it|this|that|and|"
    r"or|on|with|can|should|please|write|give|make|tell|show|explain|draft|help)\b",
    re.IGNORECASE,
)
FILE = Path(__file__).with_name("intent_model.json")
REASONS = {
    "personal": "asks for a fact from your own papers",
    "global": "asks how the industry works",
    "hybrid": "asks for advice on your own situation",
    "direct": "needs no look-up",
}


@dataclass(frozen=True, slots=True)
class Classification:
    """What a question needs (design 2). `by` is model (the language model), examples, rules or caller; `reason` is for the trace.

    `standalone` is the question as it is searched, where it leant on the conversation.
    """

    intent: Intent
    direct: bool
    reason: str
    by: str = "examples"
    standalone: str | None = None


@dataclass(frozen=True, slots=True)
class Coefficients:
    """`weights` has shape (features, 4) and `bias` (4,), in the order of `CLASSES`."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of the classes, for features of shape (features,)."""
        logits = features @ self.weights + self.bias
        exponents = np.exp(logits - logits.max())
        return cast(NDArray[np.float32], exponents / exponents.sum())


def features(question: str, vector: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Cues, after the vector where there is one."""
    wording = cues(question)
    return wording if vector is None else np.concatenate([VECTOR_WEIGHT * vector, wording]).astype(np.float32)


def classify(question: str, vector: NDArray[np.float32] | None = None) -> Classification:
    """Intent and direct flag of `question`; `vector` is MiniLM's, of shape (384,). Without one the wording alone decides."""
    if (reason := direct_reason(question)) is not None:
        return Classification("global" if reason == "small talk" else "personal", True, reason, "rules")
    model = _shipped("wording" if vector is None else "meaning")
    return decide(question, model.probabilities(features(question, vector)), by_wording=vector is None)


def decide(question: str, probabilities: NDArray[np.float32], *, by_wording: bool = False) -> Classification:
    """The likeliest intent; direct only where it is likelier than not, global only where nothing is called one's own.

    By wording alone a bare topic looks like small talk: only a wish for a text is direct then. What is no question or
    request in English, such as a line out of a document, is looked for everywhere unless the model is very sure.
    """
    of = dict(zip(CLASSES, probabilities.tolist(), strict=True))
    asked = _asks(question)
    asks_for_text = CUES["asks for text"].search(question) or CUES["writing"].search(question)
    foreign = not _ENGLISH.search(question) and len(question.split()) > FOREIGN_WORDS
    if of.pop("direct") > (DIRECT_AT if asked else SURE) and (asks_for_text or not by_wording) and not foreign:
        return Classification("personal", True, REASONS["direct"])
    if CUES["mine"].search(question):
        del of["global"]
    intent = cast(Intent, max(of, key=lambda name: of[name]))
    if not asked and (of[intent] < LIKELY or (intent == "global" and of[intent] < SURE)):
        return Classification("hybrid", False, "could be about your papers or the industry")
    return Classification(intent, False, REASONS[intent])


def _asks(question: str) -> bool:
    """Whether it has the form of a question or request, in the language that the model knows."""
    return bool(_ENGLISH.search(question)) and ("?" in question or any(CUES[name].search(question) for name in _FORMS))


@cache
def _shipped(kind: str) -> Coefficients:
    data: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))[kind]
    return Coefficients(np.array(data["weights"], dtype=np.float32), np.array(data["bias"], dtype=np.float32))
