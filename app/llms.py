"""The chat model: any server that speaks the OpenAI protocol, through LlamaIndex, with limits a person can live with.

Importing this module is cheap; LlamaIndex's OpenAI packages (1.7 s) are imported when a model is first used.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from loguru import logger

from app.config import LLMSettings
from app.errors import AppError, ConfigError
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
from app.llm_client import (
    Answer,
    Call,
    Lane,
    begin_answer,
    close_with_loop,
    key_of,
    open_client,
    open_wire,
    short_answer,
)
from app.llm_lanes import Lanes

if TYPE_CHECKING:
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.openai import OpenAI
    from openai import AsyncOpenAI

__all__ = ["PROVIDERS", "BrokenAnswer", "ChatModel", "ModelUnavailable", "ProviderFault", "chat_model"]

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4o-mini"
CHECK_SECONDS = 5.0  # a health report should not outlast a person's patience

T = TypeVar("T")


def _import_lists() -> None:
    """490 modules more, which a list of models would import on the loop; an answer needs none of them."""
    import openai.resources.models  # noqa: F401


def _openai(settings: LLMSettings, model: str, client: AsyncOpenAI) -> OpenAI:
    from llama_index.llms.openai import OpenAI

    try:
        llm = OpenAI(**_arguments(settings, model, client))
        _ = llm.metadata  # raises ValueError for a model this package does not list
    except ValueError:  # newer than the package, or not OpenAI's: the provider itself says so
        return _openai_like(settings, model, client)
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
        self._lanes = Lanes(self._open_lane)
        self._tells_usage = True  # until the provider refuses to be asked for it

    @property
    def settings(self) -> LLMSettings:
        return self._settings

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

    async def stream(self, messages: Sequence[ChatMessage], call: Call | None = None) -> AsyncGenerator[str, None]:
        """Text deltas, never empty. Closing the generator, or cancelling, closes the provider's HTTP stream at once.
        What it took is noted in `call`.

        Raises `ModelUnavailable` before the first delta (after retries, within `first_token_seconds`) and
        `BrokenAnswer` after it (also when the whole takes longer than `timeout_seconds`).
        """
        call = call or Call()
        async with self._noted(call, messages):
            started = asyncio.get_running_loop().time()
            end = started + self._settings.timeout_seconds
            answer, delta = await self._first(messages, min(started + self._settings.first_token_seconds, end))
            deltas = 0
            try:
                while delta is not None:
                    if delta:
                        deltas += 1
                        call.said.append(delta)
                        yield delta
                    delta = await self._following(answer, end, began=deltas > 0)
            finally:
                call.told = answer.told
                await answer.aclose()
        if not deltas:
            call.failed = True
            raise ModelUnavailable(EMPTY, about="empty")
        self._log_answer(started, deltas)

    async def complete(
        self, messages: Sequence[ChatMessage], *, seconds: float, max_tokens: int, call: Call | None = None
    ) -> str:
        """The whole answer, within `seconds` including retries. Raises `ModelUnavailable`.

        Running out of `seconds` is no fault in the breaker's eyes: the limit is the caller's.
        """

        call = call or Call()

        async def attempt() -> str:
            text, call.told = await short_answer(await self._named(), messages, max_tokens)
            return text

        async with self._noted(call, messages):
            started = asyncio.get_running_loop().time()
            late = f"The language model took longer than {seconds:g} seconds; ask again shortly."
            slow = ModelUnavailable(late, about="slow")
            text = await self._patiently(attempt, started + seconds, slow, self._settings.retries)
        call.said.append(text)
        if not text.strip():
            raise ModelUnavailable(EMPTY, about="empty")
        self._log_answer(started, 1)
        return text

    async def check(self) -> float:
        """Milliseconds the provider takes to list its models, once, past the breaker. Raises `ModelUnavailable`."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        await self.names()
        return (loop.time() - started) * 1000

    async def names(self) -> list[str]:
        """The models that the provider lists, asked once, past the breaker. Raises `ModelUnavailable`."""
        late = f"The language model's server took longer than {CHECK_SECONDS:g} seconds; check its load."
        async with self._lanes.in_use() as lane:
            deadline = asyncio.get_running_loop().time() + CHECK_SECONDS
            return await self._patiently(lane.model_names, deadline, ProviderFault(late, about="slow"), retries=0)

    async def ready(self) -> None:
        """What the first call would import, for a second or more: for callers whose own time limit is about the provider."""
        await self._lanes.ready()
        await asyncio.to_thread(_import_lists)

    async def aclose(self) -> None:
        """Closes this event loop's connections; a later call opens new ones."""
        await self._lanes.aclose()

    def retire(self) -> None:
        """Another model has taken this one's place: close the connections as soon as no call uses them. From any thread."""
        self._lanes.retire()

    @asynccontextmanager
    async def _noted(self, call: Call, messages: Sequence[ChatMessage]) -> AsyncIterator[None]:
        """One call under the breaker's eyes; how it ended stands in `call`."""
        call.asked = messages
        try:
            with self._breaker.watch():
                async with self._lanes.in_use():
                    call.sent = True
                    yield
        except AppError:
            call.failed = True
            raise

    async def _first(self, messages: Sequence[ChatMessage], deadline: float) -> tuple[Answer, str | None]:
        """An answer under way and its first delta ("" when the model thinks first, None when it says nothing)."""

        async def attempt() -> tuple[Answer, str | None]:
            lane = await self._named()
            if not self._tells_usage:
                return await begin(lane)
            try:
                return await begin(lane, stream_options={"include_usage": True})
            except failures() as error:
                if "stream_options" not in str(error):
                    raise
            self._tells_usage = False  # a server that does not know the option
            return await begin(lane)

        async def begin(lane: Lane, **options: Any) -> tuple[Answer, str | None]:
            answer = await begin_answer(lane, messages, **options)
            return answer, await answer.next()  # an error or a cancellation in here closes the response on its way out

        late = "The language model is taking too long to begin; ask again, or an admin chooses a faster one."
        return await self._patiently(attempt, deadline, ProviderFault(late, about="slow"), self._settings.retries)

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

    async def _named(self) -> Lane:
        """This loop's lane, its model under its real name, asked of the server where the settings leave it open."""
        lane = self._lane()
        if self._model is None:
            names = await lane.model_names()
            if not names:
                raise ModelUnavailable(
                    "The language model's server has no model; load one there or choose one.", about="model"
                )
            self._model = names[0]
            lane.llm.model = self._model
        return lane

    def _lane(self) -> Lane:
        lane = self._lanes.here()
        lane.llm.model = self.model
        return lane

    def _open_lane(self) -> Lane:
        client = open_client(self._settings)
        wire = open_wire(self._settings, client)
        llm = PROVIDERS[self.provider](self._settings, self.model, client)
        return Lane(client, wire, llm, close_with_loop(client, wire))

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
