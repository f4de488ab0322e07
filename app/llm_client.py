"""One event loop's connections to a language model, one streamed answer that can be closed at once, and what a call took."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from app.config import LLMSettings
from app.llm_wire import Stream, Wire

if TYPE_CHECKING:
    from llama_index.core.llms import ChatMessage
    from llama_index.llms.openai import OpenAI
    from openai import AsyncOpenAI

CONNECT_SECONDS = 5.0  # the openai package's own DEFAULT_TIMEOUT


@dataclass
class Lane:
    """One event loop's client, the LlamaIndex model over it, and the generator that closes it."""

    client: AsyncOpenAI
    wire: Wire
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


def told_tokens(usage: Any) -> Tokens | None:
    """The field `usage` of a provider's reply, where it has one with sense in it; an object or a dictionary."""
    fields = usage if isinstance(usage, dict) else vars(usage) if hasattr(usage, "__dict__") else {}
    read, written = fields.get("prompt_tokens"), fields.get("completion_tokens")
    if isinstance(read, int) and isinstance(written, int) and read >= 0 and written >= 0:
        return read, written
    return None


async def begin_answer(lane: Lane, messages: Sequence[ChatMessage], **options: Any) -> Answer:
    """Send the request for a streamed answer, with the arguments and messages as LlamaIndex's model makes them."""
    return Answer(await lane.wire.stream(_body(lane.llm, messages, stream=True, **options)))


async def short_answer(lane: Lane, messages: Sequence[ChatMessage], max_tokens: int) -> tuple[str, Tokens | None]:
    """A whole answer of at most so many tokens, and what it took. Raises what `failures()` names."""
    # A copy, because LlamaIndex lets the model's own max_tokens override a call's.
    llm = lane.llm.model_copy(update={"max_tokens": max_tokens})
    reply = await lane.wire.complete(_body(llm, messages))
    text = reply["choices"][0]["message"].get("content")
    return text if isinstance(text, str) else "", told_tokens(reply.get("usage") or {})


def _body(llm: OpenAI, messages: Sequence[ChatMessage], **options: Any) -> dict[str, Any]:
    from llama_index.llms.openai.utils import to_openai_message_dicts

    return {
        **llm._get_model_kwargs(**options),
        "messages": to_openai_message_dicts(messages, model=llm.model),
    }


class Answer:
    """One streamed answer and the HTTP response under it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._chunks = aiter(stream)
        self.told: Tokens | None = None

    async def next(self) -> str | None:
        """The next text, "" for a sign of thinking, None at the end."""
        async for chunk in self._chunks:
            if not isinstance(chunk, dict):
                continue
            self.told = told_tokens(chunk.get("usage") or {}) or self.told
            text, thinks = _delta(chunk)
            if text or thinks:
                return text
        return None

    async def aclose(self) -> None:
        await self._stream.aclose()


def _delta(chunk: dict[str, Any]) -> tuple[str, bool]:
    """What a chunk adds to the text, and whether it shows that the model thinks."""
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    delta = first.get("delta") if isinstance(first, dict) else None
    if not isinstance(delta, dict):
        return "", False
    text = delta.get("content")
    return text if isinstance(text, str) else "", bool(delta.get("reasoning_content") or delta.get("reasoning"))


async def close_with_loop(client: AsyncOpenAI, wire: Wire) -> AsyncGenerator[None, None]:
    """Started once in a loop, it closes both when `asyncio.run` closes the generators it has seen (PEP 525)."""
    try:
        yield
    finally:
        await wire.aclose()
        await client.close()


def open_wire(settings: LLMSettings, client: AsyncOpenAI) -> Wire:
    return Wire(client, connect_seconds=CONNECT_SECONDS, read_seconds=settings.timeout_seconds)


def open_client(settings: LLMSettings) -> AsyncOpenAI:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    logging.getLogger("openai").setLevel(logging.INFO)  # at DEBUG it logs whole prompts
    return AsyncOpenAI(
        api_key=key_of(settings),
        base_url=settings.base_url,
        max_retries=0,
        timeout=httpx.Timeout(settings.timeout_seconds, connect=CONNECT_SECONDS),
        # A redirect would take the question and the key to an address that nobody chose.
        http_client=DefaultAsyncHttpxClient(follow_redirects=False),
    )


def key_of(settings: LLMSettings) -> str:
    """The key; a word where there is none, because an empty one is looked up in the environment."""
    return settings.api_key.get_secret_value() if settings.api_key else "none"
