"""How the tests ask the language model: a model over the test server, and short ways to read or to fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage

from app.config import LLMSettings
from app.errors import Unavailable
from app.llms import ChatModel, ModelUnavailable, chat_model
from tests.openai_server import OpenAIServer

QUESTION = [ChatMessage(role="user", content="What does my contract say?")]
LONG = "word " * 200


def make(server: OpenAIServer, **values: Any) -> ChatModel:
    base = {"base_url": server.base_url, "model": "tiny", "first_token_seconds": 2, "timeout_seconds": 5, "retries": 0}
    model = chat_model(LLMSettings.model_validate(base | values))
    assert model is not None
    return model


async def read(model: ChatModel) -> str:
    return "".join([delta async for delta in model.stream(QUESTION)])


def ask(model: ChatModel) -> str:
    return asyncio.run(read(model))


def refused(model: ChatModel, kind: type[Unavailable] = ModelUnavailable) -> Unavailable:
    with pytest.raises(kind) as caught:
        ask(model)
    return caught.value


def soon(condition: Callable[[], bool], seconds: float = 2.0) -> bool:
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.005)
    return met


async def collect(model: ChatModel, into: list[str]) -> None:
    async for delta in model.stream(QUESTION):
        into.append(delta)
