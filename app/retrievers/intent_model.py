"""The intent of a question without a language model: a linear model over MiniLM's vector of it and the cues in its wording.

Trained by `benchmarks/intent.py --write` from the labelled questions in `tests/retrievers/intents.yaml`.
"""

from __future__ import annotations

import json
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

    By wording alone a bare topic looks like small talk: only a wish for a text is direct then.
    """
    of = dict(zip(CLASSES, probabilities.tolist(), strict=True))
    asks_for_text = CUES["asks for text"].search(question) or CUES["writing"].search(question)
    if of.pop("direct") > DIRECT_AT and (asks_for_text or not by_wording):
        return Classification("personal", True, REASONS["direct"])
    if CUES["mine"].search(question):
        del of["global"]
    intent = cast(Intent, max(of, key=lambda name: of[name]))
    return Classification(intent, False, REASONS[intent])


@cache
def _shipped(kind: str) -> Coefficients:
    data: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))[kind]
    return Coefficients(np.array(data["weights"], dtype=np.float32), np.array(data["bias"], dtype=np.float32))
