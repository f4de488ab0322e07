"""IntentSelector: what a question needs, by the language model first and by rules when it is absent, late or unclear."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence

from llama_index.core.base.base_selector import BaseSelector, SelectorResult, SingleSelection
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts.mixin import PromptDictType
from llama_index.core.schema import QueryBundle
from llama_index.core.tools.types import ToolMetadata
from loguru import logger

from app.errors import AppError
from app.llms import ChatModel
from app.models import Intent
from app.retrievers.rules import Classification, classify

INTENTS: tuple[Intent, ...] = ("personal", "global", "hybrid")
ANSWER_TOKENS = 60
SYSTEM = (
    "You classify the intent of one message sent to a music manager program. Answer with JSON alone, like "
    '{"intent": "personal", "direct": false}.\n'
    "personal: it can be answered from the user's own documents or profile (their contract, statement, bio, lyrics).\n"
    "global: it is about how the music industry works, with no reference to the user's own facts.\n"
    "hybrid: advice on the user's own situation that also needs industry knowledge.\n"
    "direct is true for small talk, and for writing or editing help and work on pasted text that need no look-up."
)
_JSON = re.compile(r"\{[^{}]*\}", re.DOTALL)


class IntentSelector(BaseSelector):
    """Built per request. Remembers its classification, so that the engine it chose can ask for the direct flag.

    `forced` skips the choice (design 6: `intent` of a search).
    """

    def __init__(self, model: ChatModel | None = None, seconds: float = 1.5, forced: Intent | None = None) -> None:
        self._model, self._seconds, self._forced = model, seconds, forced
        self._known: dict[str, Classification] = {}

    def classify(self, question: str) -> Classification:
        """By rules; for callers without an event loop."""
        if question not in self._known:
            self._known[question] = self._force(classify(question))
        return self._known[question]

    async def aclassify(self, question: str) -> Classification:
        """By the language model within its budget, else by rules. Never raises."""
        if question not in self._known:
            ruled = classify(question)
            small_talk = ruled.direct and ruled.reason == "small talk"
            asked = (
                None if self._model is None or self._forced or small_talk else await self._ask(self._model, question)
            )
            self._known[question] = self._force(asked or ruled)
        return self._known[question]

    def _force(self, found: Classification) -> Classification:
        return Classification(self._forced, False, "chosen by the caller", "caller") if self._forced else found

    async def _ask(self, model: ChatModel, question: str) -> Classification | None:
        messages = [ChatMessage(role="system", content=SYSTEM), ChatMessage(role="user", content=question[:2000])]
        try:
            async with asyncio.timeout(self._seconds):
                text = await model.complete(messages, seconds=self._seconds, max_tokens=ANSWER_TOKENS)
        except (AppError, TimeoutError) as error:
            logger.bind(error=type(error).__name__).info("intent by rules")
            return None
        return parse(text)

    def _select(self, choices: Sequence[ToolMetadata], query: QueryBundle) -> SelectorResult:
        return _selection(choices, self.classify(query.query_str))

    async def _aselect(self, choices: Sequence[ToolMetadata], query: QueryBundle) -> SelectorResult:
        return _selection(choices, await self.aclassify(query.query_str))

    def _get_prompts(self) -> PromptDictType:
        return {}

    def _update_prompts(self, prompts_dict: PromptDictType) -> None:
        """There are none to update."""


def parse(text: str) -> Classification | None:
    """The classification in a model's answer, or None when there is none."""
    for found in _JSON.findall(text):
        try:
            data = json.loads(found)
        except json.JSONDecodeError:
            continue
        if data.get("intent") in INTENTS and isinstance(data.get("direct", False), bool):
            return Classification(data["intent"], data.get("direct", False), "chosen by the language model", "model")
    return None


def _selection(choices: Sequence[ToolMetadata], found: Classification) -> SelectorResult:
    names = [choice.name for choice in choices]
    return SelectorResult(
        selections=[SingleSelection(index=names.index(found.intent), reason=f"{found.by}: {found.reason}")]
    )
