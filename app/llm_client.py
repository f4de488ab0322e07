"""One event loop's connections to a language model, one streamed answer that can be closed at once, and what a call took."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from app.config import LLMSettings

if TYPE_CHECKING:
    from llama_index.core.llms import ChatMessage, ChatResponse
    from llama_index.llms.openai import OpenAI
    from openai import AsyncOpenAI

CONNECT_SECONDS = 5.0  # the openai package's own DEFAULT_TIMEOUT


@dataclass
class Lane:
    """One event loop's client, the LlamaIndex model over it, and the generator that closes it."""

    client: AsyncOpenAI
    llm: OpenAI
    keeper: AsyncGenerator[None, None]
    kept: bool = False
    users: int = 0  # calls under way

    async def model_names(self) -> list[str]:
        return [model.id for model in (await self.client.models.list()).data]


class LanguageModel(Protocol):
    """What answers and intents are written by."""

    def stream(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[str, None]: ...

    async def complete(self, messages: Sequence[ChatMessage], *, seconds: float, max_tokens: int) -> str: ...


Tokens = tuple[int, int]  # read by the model, written by it


@dataclass
class Call:
    """What one call took: the provider's own figure where it tells one, else the texts to estimate it from."""

    asked: Sequence[ChatMessage] = ()
    said: list[str] = field(default_factory=list)
    told: Tokens | None = None
    sent: bool = False  # the provider has it, and may have worked on it
    failed: bool = False

    def tokens(self, count: Callable[[str], int]) -> tuple[Tokens, bool]:
        """Read and written, and whether these are estimates by `count`."""
        if self.told is not None:
            return self.told, False
        if not self.sent or (self.failed and not self.said):
            return (0, 0), False
        return (count("\n".join(message.content or "" for message in self.asked)), count("".join(self.said))), True


def told_tokens(raw: Any) -> Tokens | None:
    """The field `usage` of a provider's reply, where it has one with sense in it."""
    usage = getattr(raw, "usage", None)
    read, written = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    if isinstance(read, int) and isinstance(written, int) and read >= 0 and written >= 0:
        return read, written
    return None


class Answer:
    """One streamed answer and the HTTP response under it.

    Closing LlamaIndex's generator leaves those inside it, and the connection, to the garbage collector. So the response
    is caught by an httpx hook and closed first.
    """

    def __init__(self, chunks: AsyncGenerator[ChatResponse, None]) -> None:
        self._chunks = chunks
        self._responses: list[httpx.Response] = []
        self.told: Tokens | None = None

    async def next(self) -> str | None:
        """The next text, "" for a sign of thinking, None at the end. The first call sends the request."""
        token = _caught.set(self._responses)
        try:
            async for chunk in self._chunks:
                self.told = told_tokens(chunk.raw) or self.told
                if chunk.delta or chunk.additional_kwargs.get("thinking_delta"):
                    return chunk.delta or ""
            return None
        finally:
            _caught.reset(token)

    async def aclose(self) -> None:
        for response in self._responses:
            await response.aclose()
        await self._chunks.aclose()


_caught: ContextVar[list[httpx.Response] | None] = ContextVar("responses of the answer being read", default=None)


async def _catch(response: httpx.Response) -> None:
    responses = _caught.get()
    if responses is not None:
        responses.append(response)


async def close_with_loop(client: AsyncOpenAI) -> AsyncGenerator[None, None]:
    """Started once in a loop, it closes the client when `asyncio.run` closes the generators it has seen (PEP 525)."""
    try:
        yield
    finally:
        await client.close()


def open_client(settings: LLMSettings) -> AsyncOpenAI:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    logging.getLogger("openai").setLevel(logging.INFO)  # at DEBUG it logs whole prompts
    return AsyncOpenAI(
        api_key=key_of(settings),
        base_url=settings.base_url,
        max_retries=0,
        timeout=httpx.Timeout(settings.timeout_seconds, connect=CONNECT_SECONDS),
        # A redirect would take the question and the key to an address that nobody chose.
        http_client=DefaultAsyncHttpxClient(event_hooks={"response": [_catch]}, follow_redirects=False),
    )


def key_of(settings: LLMSettings) -> str:
    """The key; a word where there is none, because an empty one is looked up in the environment."""
    return settings.api_key.get_secret_value() if settings.api_key else "none"
