"""The chat model: any server that speaks the OpenAI protocol, through LlamaIndex, with limits a person can live with.

Importing this module is cheap; LlamaIndex's OpenAI packages (1.7 s) are imported when a model is first used.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from loguru import logger

from app.config import LLMSettings
from app.errors import ConfigError
from app.llm_breaker import (
    EMPTY,
    Breaker,
    BrokenAnswer,
    ModelUnavailable,
    ProviderFault,
    explain,
    failures,
    pause_before_retry,
)
from app.llm_client import Answer, Lane, close_with_loop, key_of, open_client

if TYPE_CHECKING:
    from llama_index.core.llms import ChatMessage, ChatResponse
    from llama_index.llms.openai import OpenAI
    from openai import AsyncOpenAI

__all__ = ["PROVIDERS", "BrokenAnswer", "ChatModel", "ModelUnavailable", "ProviderFault", "chat_model"]

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4o-mini"
CHECK_SECONDS = 5.0  # a health report should not outlast a person's patience

T = TypeVar("T")


def _openai(settings: LLMSettings, model: str, client: AsyncOpenAI) -> OpenAI:
    from llama_index.llms.openai import OpenAI

    try:
        llm = OpenAI(**_arguments(settings, model, client))
        _ = llm.metadata  # raises ValueError for a model this package does not list
    except ValueError:
        raise ConfigError(
            f"LlamaIndex does not know the OpenAI model '{model}'; correct llm.model, "
            f"or set llm.provider to openai_like and llm.base_url to {OPENAI_URL}."
        ) from None
    return llm


def _openai_like(settings: LLMSettings, model: str, client: AsyncOpenAI) -> OpenAI:
    from llama_index.llms.openai_like import OpenAILike

    arguments = _arguments(settings, model, client)
    return OpenAILike(**arguments, is_chat_model=True, context_window=settings.context_tokens)


PROVIDERS: dict[str, Callable[[LLMSettings, str, AsyncOpenAI], OpenAI]] = {
    "openai": _openai,
    "openai_like": _openai_like,
}


def chat_model(settings: LLMSettings) -> ChatModel | None:
    """The configured model, or None when there is none. Touches no network; raises `ConfigError`."""
    provider = _provider(settings)
    if provider == "none":
        return None
    if provider == "openai" and settings.api_key is None:
        raise ConfigError("llm.provider is openai but no key is set; set OPENAI_API_KEY, or llm.provider to none.")
    if provider == "openai_like" and settings.base_url is None:
        raise ConfigError("llm.provider is openai_like but llm.base_url is empty; set it to the server's address.")
    if settings.base_url is not None and urlsplit(settings.base_url).scheme not in ("http", "https"):
        raise ConfigError("llm.base_url must start with http:// or https://; correct it.")
    return ChatModel(settings.model_copy(update={"provider": provider, "base_url": settings.base_url or OPENAI_URL}))


class ChatModel:
    """One language model, asked from any number of tasks; every event loop gets its own connections.

    A circuit breaker over all calls but `check()` refuses at once while the provider keeps failing.
    """

    def __init__(self, settings: LLMSettings) -> None:
        self.provider: str = settings.provider
        self._settings = settings
        self._asks_for_model = settings.model == "auto" and self.provider == "openai_like"
        default = OPENAI_MODEL if self.provider == "openai" else None
        self._model = default if settings.model == "auto" else settings.model
        self._breaker = Breaker(settings.breaker_failures, settings.breaker_seconds)
        self._lanes: dict[asyncio.AbstractEventLoop | None, Lane] = {}

    @property
    def model(self) -> str:
        """The model's name; "auto" until the first call has asked an OpenAI-like server what it serves."""
        return self._model or "auto"

    @property
    def llm(self) -> OpenAI:
        """LlamaIndex's model for the running event loop, or for synchronous use where none runs.

        Touches no network, so its name may still be "auto" before the first call (see `model`). Bypasses the retries,
        the limits and the breaker. The first use imports for 1.7 s. Raises `ConfigError`.
        """
        return self._lane().llm

    async def stream(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[str, None]:
        """Text deltas, never empty. Closing the generator, or cancelling, closes the provider's HTTP stream at once.

        Raises `ModelUnavailable` before the first delta (after retries, within `first_token_seconds`) and
        `BrokenAnswer` after it (also when the whole takes longer than `timeout_seconds`).
        """
        with self._breaker.watch():
            await self._ready()
            started = asyncio.get_running_loop().time()
            end = started + self._settings.timeout_seconds
            answer, delta = await self._first(messages, min(started + self._settings.first_token_seconds, end))
            deltas = 0
            try:
                while delta is not None:
                    if delta:
                        deltas += 1
                        yield delta
                    delta = await self._following(answer, end, began=deltas > 0)
            finally:
                await answer.aclose()
        if not deltas:
            raise ModelUnavailable(EMPTY)
        self._log_answer(started, deltas)

    async def complete(self, messages: Sequence[ChatMessage], *, seconds: float, max_tokens: int) -> str:
        """The whole answer, within `seconds` including retries. Raises `ModelUnavailable`.

        Running out of `seconds` is no fault in the breaker's eyes: the limit is the caller's.
        """

        async def attempt() -> str:
            llm = await self._named()
            # A copy, because LlamaIndex lets the model's own max_tokens override a call's; it shares the client.
            reply = await llm.model_copy(update={"max_tokens": max_tokens}).achat(messages)
            return reply.message.content or ""

        with self._breaker.watch():
            await self._ready()
            started = asyncio.get_running_loop().time()
            slow = ModelUnavailable(f"The language model took longer than {seconds:g} seconds; ask again shortly.")
            text = await self._patiently(attempt, started + seconds, slow, self._settings.retries)
        if not text.strip():
            raise ModelUnavailable(EMPTY)
        self._log_answer(started, 1)
        return text

    async def check(self) -> float:
        """Milliseconds the provider takes to list its models, once, past the breaker. Raises `ModelUnavailable`."""
        lane = await self._ready()
        loop = asyncio.get_running_loop()
        started = loop.time()
        slow = ProviderFault(f"The language model's server took longer than {CHECK_SECONDS:g} seconds; check its load.")
        await self._patiently(lane.model_names, started + CHECK_SECONDS, slow, retries=0)
        return (loop.time() - started) * 1000

    async def aclose(self) -> None:
        """Closes this event loop's connections; a later call opens new ones."""
        lane = self._lanes.pop(asyncio.get_running_loop(), None)
        if lane:
            await lane.client.close()
            await lane.keeper.aclose()

    async def _first(self, messages: Sequence[ChatMessage], deadline: float) -> tuple[Answer, str | None]:
        """An answer under way and its first delta ("" when the model thinks first, None when it says nothing)."""

        async def attempt() -> tuple[Answer, str | None]:
            llm = await self._named()
            answer = Answer(cast("AsyncGenerator[ChatResponse, None]", await llm.astream_chat(messages)))
            return answer, await answer.next()  # an error or a cancellation in here closes the response on its way out

        slow = ProviderFault("The language model is taking too long to begin; ask again, or set a faster llm.model.")
        return await self._patiently(attempt, deadline, slow, self._settings.retries)

    async def _following(self, answer: Answer, deadline: float, *, began: bool) -> str | None:
        kind = BrokenAnswer if began else ProviderFault
        kept = "; what had come is kept" if began else ""
        try:
            async with asyncio.timeout_at(deadline):
                return await answer.next()
        except TimeoutError:
            seconds = self._settings.timeout_seconds
            sentence = f"The language model's answer took longer than {seconds:g} seconds{kept}; ask again."
        except failures():
            sentence = f"The language model's answer broke off{kept}; ask again."
        raise kind(sentence)

    async def _patiently(
        self, attempt: Callable[[], Awaitable[T]], deadline: float, slow: ModelUnavailable, retries: int
    ) -> T:
        """Runs `attempt` until it works, the retries are used up, or the deadline (loop time) comes: raises `slow`."""
        loop = asyncio.get_running_loop()
        tried = 0
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await attempt()
            except TimeoutError:
                raise slow from None
            except failures() as error:
                told = explain(error, self.model)
                pause = pause_before_retry(error, tried) if tried < retries else None
                if self._asks_for_model and getattr(error, "status_code", None) == 404:
                    self._model = None  # the server may serve another by now
                log = logger.bind(provider=self.provider, tried=tried, error=type(error).__name__)
            if pause is None or loop.time() + pause >= deadline:
                log.warning("language model failed")
                raise told
            tried += 1
            log.bind(milliseconds=round(pause * 1000)).info("language model retry")
            await asyncio.sleep(pause)

    async def _named(self) -> OpenAI:
        """This loop's model under its real name, asked of the server where the settings leave it open."""
        lane = self._lane()
        if self._model is None:
            names = await lane.model_names()
            if not names:
                raise ModelUnavailable("The language model's server has no model; load one there or set llm.model.")
            self._model = names[0]
            lane.llm.model = self._model
        return lane.llm

    async def _ready(self) -> Lane:
        """This loop's lane, the import done in a thread, so that the loop goes on, and closed when the loop ends."""
        if asyncio.get_running_loop() not in self._lanes:
            await asyncio.to_thread(importlib.import_module, "llama_index.llms.openai_like")
        lane = self._lane()
        if not lane.kept:
            lane.kept = True
            await anext(lane.keeper)
        return lane

    def _lane(self) -> Lane:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop not in self._lanes:
            for ended in [key for key in list(self._lanes) if key is not None and key.is_closed()]:
                self._lanes.pop(ended, None)
            client = open_client(self._settings)
            llm = PROVIDERS[self.provider](self._settings, self.model, client)
            self._lanes[loop] = Lane(client, llm, close_with_loop(client))
        lane = self._lanes[loop]
        lane.llm.model = self.model
        return lane

    def _log_answer(self, started: float, deltas: int) -> None:
        milliseconds = round((asyncio.get_running_loop().time() - started) * 1000)
        logger.bind(provider=self.provider, milliseconds=milliseconds, deltas=deltas).info("language model answered")


def _arguments(settings: LLMSettings, model: str, client: AsyncOpenAI) -> dict[str, Any]:
    return {
        "model": model,
        "temperature": settings.temperature,
        "max_tokens": settings.max_tokens,
        "max_retries": 0,
        "timeout": settings.timeout_seconds,
        "api_key": key_of(settings),
        "api_base": settings.base_url,
        "async_openai_client": client,
    }


def _provider(settings: LLMSettings) -> str:
    if settings.provider != "auto":
        return settings.provider
    if settings.base_url is None:
        return "none" if settings.api_key is None else "openai"
    at_openai = urlsplit(settings.base_url).hostname == urlsplit(OPENAI_URL).hostname
    return "openai" if at_openai and settings.api_key is not None else "openai_like"
