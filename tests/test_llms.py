from __future__ import annotations

import asyncio
import gc
import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage
from loguru import logger

from app.config import LLMSettings
from app.errors import ConfigError
from app.llm_client import Call
from app.llms import ModelUnavailable, chat_model
from tests import openai_server as test_server
from tests.llm_calls import LONG, QUESTION, ask, make, read, refused, soon
from tests.openai_server import OpenAIServer

openai_server = test_server.openai_server  # the fixture


@pytest.mark.parametrize(
    ("values", "provider", "model"),
    [
        ({}, None, None),
        ({"provider": "none", "api_key": "k"}, None, None),
        ({"api_key": "k"}, "openai", "gpt-4o-mini"),
        ({"api_key": "k", "model": "gpt-4o"}, "openai", "gpt-4o"),
        ({"api_key": "k", "base_url": "https://api.openai.com/v1/"}, "openai", "gpt-4o-mini"),
        ({"api_key": "k", "base_url": "https://api.openai.com.example.org/v1"}, "openai_like", "auto"),
        ({"base_url": "http://127.0.0.1:11434/v1"}, "openai_like", "auto"),
        ({"base_url": "http://127.0.0.1:11434/v1", "model": "qwen3"}, "openai_like", "qwen3"),
        ({"provider": "openai", "api_key": "k", "base_url": "http://proxy.local/v1"}, "openai", "gpt-4o-mini"),
    ],
)
def test_the_provider_follows_from_key_and_address(values: Any, provider: str | None, model: str | None) -> None:
    chosen = chat_model(LLMSettings.model_validate(values))
    assert (chosen and chosen.provider, chosen and chosen.model) == (provider, model)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"provider": "openai"}, "OPENAI_API_KEY"),
        ({"provider": "openai_like"}, "llm.base_url"),
        ({"base_url": "localhost:11434/v1"}, "http://"),
    ],
)
def test_a_misconfiguration_is_named(values: Any, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        chat_model(LLMSettings.model_validate(values))


def test_an_openai_model_newer_than_the_package_is_asked_all_the_same(openai_server: OpenAIServer) -> None:
    model = make(
        openai_server, provider="openai", model="gpt-99", api_key="sk-1", context_tokens=4096, first_token_seconds=20
    )
    assert ask(model) == "I cannot find that in your documents."
    assert openai_server.chats[0].body["model"] == "gpt-99"
    assert model.llm.metadata.context_window == 4096


def test_importing_and_choosing_a_model_does_not_import_openai() -> None:
    code = (
        "import sys; from app.config import LLMSettings; from app.llms import chat_model; "
        "assert chat_model(LLMSettings(api_key='k')); "
        "sys.exit(any(name.split('.')[0] in ('openai', 'llama_index') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


def test_a_streamed_answer_arrives_in_pieces(openai_server: OpenAIServer) -> None:
    openai_server.script("Half of the fee.")
    model = make(openai_server, api_key="sk-1", max_tokens=77, temperature=0.4)

    async def pieces() -> list[str]:
        return [delta async for delta in model.stream(QUESTION)]

    assert asyncio.run(pieces()) == ["Half ", "of ", "the ", "fee."]
    (request,) = openai_server.requests
    assert request.headers["authorization"] == "Bearer sk-1"
    sent = {name: request.body[name] for name in ("model", "max_tokens", "temperature", "stream")}
    assert sent == {"model": "tiny", "max_tokens": 77, "temperature": 0.4, "stream": True}
    assert request.body["messages"] == [{"role": "user", "content": "What does my contract say?"}]


def test_the_openai_provider_speaks_to_a_proxy(openai_server: OpenAIServer) -> None:
    model = make(openai_server, provider="openai", model="auto", api_key="sk-1")
    assert ask(model) == "I cannot find that in your documents."
    assert openai_server.requests[0].body["model"] == "gpt-4o-mini"


def test_a_proxy_that_the_environment_names_is_used(
    openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        serving = threading.Thread(target=proxy.serve_forever)
        serving.start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
        with pytest.raises(ModelUnavailable):
            ask(make(openai_server, base_url="http://models.example/v1"))
        proxy.shutdown()
        serving.join()
    assert asked == ["http://models.example/v1/chat/completions"]


def test_complete_sends_its_own_token_limit(openai_server: OpenAIServer) -> None:
    model = make(openai_server, max_tokens=900)
    prompt = [ChatMessage(role="system", content="Name the intent as JSON."), *QUESTION]
    text = asyncio.run(model.complete(prompt, seconds=2, max_tokens=33))
    assert json.loads(text) == {"intent": "personal", "direct": False}
    assert openai_server.chats[0].body["max_tokens"] == 33
    ask(model)
    assert openai_server.chats[1].body["max_tokens"] == 900


def test_an_open_model_name_is_asked_of_the_server_once(openai_server: OpenAIServer) -> None:
    openai_server.script("Yes.", models=["llama-a", "llama-b"])
    model = make(openai_server, model="auto")
    assert model.model == "auto"
    assert (ask(model), ask(model)) == ("Yes.", "Yes.")
    assert model.model == model.llm.model == "llama-a"
    assert [request.path for request in openai_server.requests].count("/v1/models") == 1


def test_an_open_model_name_is_asked_again_when_the_server_forgot_it(openai_server: OpenAIServer) -> None:
    openai_server.script("Yes.", models=["old"])
    model = make(openai_server, model="auto")
    ask(model)
    openai_server.script("Yes.", models=["new"], status=404)
    assert "'old'" in refused(model).sentence
    assert ask(model) == "Yes."
    assert model.model == "new"


def test_a_server_without_models_is_named(openai_server: OpenAIServer) -> None:
    openai_server.script(models=[])
    assert "no model; load one" in refused(make(openai_server, model="auto")).sentence


def test_one_model_serves_several_event_loops(openai_server: OpenAIServer) -> None:
    model = make(openai_server)

    async def twice() -> tuple[str, bool]:
        first = model.llm
        await read(model)
        return await model.complete(QUESTION, seconds=2, max_tokens=16), first is model.llm

    answers = [asyncio.run(twice()) for _ in range(3)]
    assert answers == [("I cannot find that in your documents.", True)] * 3
    gc.collect()  # an open socket left by an ended loop would warn here


def test_the_model_works_after_it_was_closed(openai_server: OpenAIServer) -> None:
    model = make(openai_server)

    async def closed_between() -> str:
        await read(model)
        await model.aclose()
        await model.aclose()
        return await read(model)

    assert asyncio.run(closed_between()) == "I cannot find that in your documents."


def test_the_llamaindex_model_can_be_used_without_a_loop(openai_server: OpenAIServer) -> None:
    openai_server.script("Yes.")
    model = make(openai_server, context_tokens=4096)
    assert str(model.llm.chat(QUESTION).message.content) == "Yes."
    assert model.llm.metadata.context_window == 4096


def test_closing_the_generator_closes_the_providers_stream_at_once(openai_server: OpenAIServer) -> None:
    openai_server.script(LONG, token_seconds=0.01)

    async def stop_after_two() -> bool:
        answer = make(openai_server).stream(QUESTION)
        await anext(answer)
        await anext(answer)
        await answer.aclose()
        return soon(lambda: openai_server.closed == 1)  # blocks the loop: nothing but aclose() can have closed it

    assert asyncio.run(stop_after_two())


@pytest.mark.parametrize("behaviour", [{"token_seconds": 0.01}, {"hang": True}, {"stall_after": 1}])
def test_cancelling_closes_the_providers_stream_at_once(openai_server: OpenAIServer, behaviour: Any) -> None:
    openai_server.script(LONG, **behaviour)

    async def cancel() -> bool:
        task = asyncio.create_task(read(make(openai_server)))
        await asyncio.to_thread(soon, lambda: bool(openai_server.chats))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled() and soon(lambda: openai_server.closed == 1)

    assert asyncio.run(cancel())


def test_an_answer_read_to_its_end_is_not_counted_as_stopped(openai_server: OpenAIServer) -> None:
    ask(make(openai_server))
    assert not soon(lambda: openai_server.closed > 0, seconds=0.1)


def test_the_connection_of_a_finished_answer_serves_the_next(openai_server: OpenAIServer) -> None:
    async def twice() -> list[str]:
        model = make(openai_server)
        said = ["".join([delta async for delta in model.stream(QUESTION)]) for _ in range(2)]
        await model.complete(QUESTION, seconds=5, max_tokens=5)
        return said

    asyncio.run(twice())
    assert len({request.client for request in openai_server.chats}) == 1


def test_a_call_that_the_breaker_refuses_is_noted_as_failed(openai_server: OpenAIServer) -> None:
    openai_server.script(status=500)
    model, call = make(openai_server, breaker_failures=1), Call()
    refused(model)
    with pytest.raises(ModelUnavailable, match="given a rest"):
        asyncio.run(anext(model.stream(QUESTION, call)))
    assert (call.failed, call.tokens(len)) == (True, ((0, 0), False))


def test_check_measures_past_the_breaker(openai_server: OpenAIServer) -> None:
    model = make(openai_server, api_key="right", breaker_failures=1)
    openai_server.script(status=500)
    refused(model)
    assert 0 < asyncio.run(model.check()) < 2000
    openai_server.script(key="other")
    with pytest.raises(ModelUnavailable, match="refused the key"):
        asyncio.run(model.check())
    openai_server.stop()
    with pytest.raises(ModelUnavailable, match="check that its server runs"):
        asyncio.run(model.check())


def test_neither_text_nor_key_is_logged(openai_server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    sink = logger.add(lines.append, level="TRACE", format="{message} {extra} {exception}")
    openai_server.script("private answer", status=500, retry_after=0)
    model = make(openai_server, api_key="sk-private", retries=1)
    ask(model)
    openai_server.script(status=401)
    refused(model)
    logger.remove(sink)
    logged = "".join(lines) + caplog.text
    assert "language model answered" in logged
    assert "language model fault" in logged
    assert "private" not in logged
    assert "contract" not in logged
