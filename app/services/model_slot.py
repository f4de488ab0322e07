"""The language model of the moment: one place that everybody asks, so that a choice takes effect without a restart."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.llm_client import Call
from app.llms import ChatModel
from app.models import now
from app.services.model_choices import Choices, Current
from app.services.usage import Grant, Spent, spent_this_month

if TYPE_CHECKING:
    from llama_index.core.llms import ChatMessage

LOOK_SECONDS = 2.0  # between two looks whether another process saved a choice, and at what the month took
CAP_REACHED = "The month's limit for the language model is used up; an admin can raise it on the admin page."


class Metered:
    """A model for one question: what each call takes is noted in the question's grant."""

    def __init__(self, model: ChatModel, grant: Grant) -> None:
        self._model, self._grant = model, grant

    async def stream(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[str, None]:
        self._grant.answers.append(call := Call())
        async with aclosing(self._model.stream(messages, call)) as deltas:
            async for delta in deltas:
                yield delta

    async def complete(self, messages: Sequence[ChatMessage], *, seconds: float, max_tokens: int) -> str:
        self._grant.intents.append(call := Call())
        return await self._model.complete(messages, seconds=seconds, max_tokens=max_tokens, call=call)


class ModelSlot:
    """Holds what is in force in this process and looks every `LOOK_SECONDS`, while it is asked, whether that changed.

    An answer keeps the model it began with; a model that was replaced closes its connections after its last answer.
    """

    def __init__(self, db: Database | None, choices: Choices | None, count: Callable[[str], int] = len) -> None:
        """`count` tells the tokens of a text."""
        self._db, self._choices, self._count = db, choices, count
        self._lock = threading.Lock()
        self._looked = 0.0
        self._current = Current()
        self._spent, self._month = Spent(), (0, 0)
        self.refresh()

    @classmethod
    def of(cls, model: ChatModel | None) -> ModelSlot:
        """One that holds `model` for good."""
        slot = cls(None, None)
        slot._current = Current(model=model)
        return slot

    def get(self) -> ChatModel | None:
        """The model in force, whatever the month took. Looks at no database."""
        return self._current.model

    @property
    def current(self) -> Current:
        return self._current

    @property
    def spent(self) -> Spent:
        """This month, as far as this process knows."""
        return self._spent if self._month == _month() else Spent()

    def why_none(self) -> str | None:
        """Why no answer is written by a model though one was chosen; None where one is, or none was chosen."""
        terms, spent = self._current.terms, self.spent
        if self._current.trouble:
            return self._current.trouble
        if self._current.model is None or terms.cap is None:
            return None
        return CAP_REACHED if (spent.cost if terms.unit == "money" else spent.tokens) >= terms.cap else None

    async def grant(self) -> Grant:
        """For one question."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            await asyncio.to_thread(self.refresh)
        return self._grant()

    def grant_now(self) -> Grant:
        """The same for callers without an event loop."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self.refresh()
        return self._grant()

    def refresh(self) -> None:
        """Look whether another choice was saved. A database that does not answer leaves everything as it is."""
        if self._db is None or self._choices is None:
            return
        first = self._looked == 0.0
        self._looked = time.monotonic()  # whoever asks meanwhile goes on with what is there
        with self._lock:
            try:
                with self._db.reading() as session:
                    stamp = self._choices.stamp(session)
                    self._spent, self._month = spent_this_month(session), _month()
                if first or stamp != self._current.stamp:
                    self._take(self._choices.current())
            except SQLAlchemyError as error:
                if first:
                    raise
                logger.bind(error=type(error).__name__).warning("choice of the language model not read")

    async def aclose(self) -> None:
        if (model := self._current.model) is not None:
            await model.aclose()

    def _take(self, new: Current) -> None:
        old, self._current = self._current, new
        if old.model is not None:
            old.model.retire()
            provider = new.model.provider if new.model else "none"
            logger.bind(provider=provider).info("language model changed")

    def _grant(self) -> Grant:
        current, why = self._current, self.why_none()
        if current.model is None or why is not None:
            return Grant(why=why)
        model = current.model
        grant = Grant(name=lambda: model.model, terms=current.terms, count=self._count, spent=self._add)
        grant.model = Metered(model, grant)
        return grant

    def _add(self, tokens: int, cost: float) -> None:
        """What this process spent counts at once, before the next look."""
        with self._lock:
            self._spent = Spent(self.spent.tokens + tokens, self.spent.cost + cost)
            self._month = _month()


def _month() -> tuple[int, int]:
    today = now().date()
    return today.year, today.month
