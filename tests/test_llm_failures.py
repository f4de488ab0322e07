from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from app.llms import BrokenAnswer, ModelUnavailable, ProviderFault
from tests import openai_server as test_server
from tests.llm_calls import LONG, QUESTION, ask, collect, make, refused, soon
from tests.openai_server import OpenAIServer

openai_server = test_server.openai_server  # the fixture


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "too long"),
        (401, "refused the key"),
        (403, "may not use"),
        (404, "does not know the model 'tiny'"),
        (429, "rate limit or quota"),
        (500, "reported an error"),
    ],
)
def test_a_refusal_says_what_to_do(openai_server: OpenAIServer, status: int, words: str) -> None:
    openai_server.script(status=status)
    error = refused(make(openai_server))
    assert words in error.sentence
    assert (error.code, error.status) == ("provider_unavailable", 503)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_another_try_cannot_mend_is_not_retried(openai_server: OpenAIServer, status: int) -> None:
    openai_server.script(status=status)
    refused(make(openai_server, retries=2))
    assert len(openai_server.chats) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_what_passes_is_retried(openai_server: OpenAIServer, status: int) -> None:
    openai_server.script("Yes.", status=status, times=2, retry_after=0)
    assert ask(make(openai_server, retries=2)) == "Yes."
    assert len(openai_server.chats) == 3


def test_retries_are_bounded_and_wait_longer_each_time(openai_server: OpenAIServer) -> None:
    openai_server.script(status=500, times=9)
    started = time.monotonic()
    refused(make(openai_server, retries=2))
    assert len(openai_server.chats) == 3
    assert 0.75 <= time.monotonic() - started < 1.9  # half to whole of 0.5 and 1 second, and the rest


def test_a_short_retry_after_is_obeyed(openai_server: OpenAIServer) -> None:
    openai_server.script("Yes.", status=429, retry_after=1)
    started = time.monotonic()
    assert ask(make(openai_server, retries=1)) == "Yes."
    assert time.monotonic() - started >= 1


def test_a_long_retry_after_is_passed_on(openai_server: OpenAIServer) -> None:
    openai_server.script(status=429, retry_after=40)
    started = time.monotonic()
    assert refused(make(openai_server, retries=2)).retry_after == 40
    assert time.monotonic() - started < 1.5
    assert len(openai_server.chats) == 1


def test_a_retry_after_may_be_a_date(openai_server: OpenAIServer) -> None:
    openai_server.script(status=503, retry_after="Fri, 31 Dec 2999 23:59:59 GMT")
    error = refused(make(openai_server, retries=2))
    assert error.retry_after is not None
    assert error.retry_after > 1_000_000


def test_a_used_up_quota_is_not_retried(openai_server: OpenAIServer) -> None:
    openai_server.script(status=429, times=9, retry_after=0, error_code="insufficient_quota")
    refused(make(openai_server, retries=2))
    assert len(openai_server.chats) == 1


def test_a_connection_lost_before_the_first_words_is_retried(openai_server: OpenAIServer) -> None:
    openai_server.script(LONG, die_after=0)
    error = refused(make(openai_server, retries=1))
    assert "does not answer" in error.sentence
    assert error.code == "provider_unavailable"
    assert len(openai_server.chats) == 2


def test_nobody_at_the_address_is_said(openai_server: OpenAIServer) -> None:
    openai_server.stop()
    for name in ("tiny", "auto"):
        model = make(openai_server, model=name, retries=1)
        assert "check that its server runs" in refused(model).sentence
        with pytest.raises(ProviderFault, match="check that its server runs"):
            asyncio.run(model.complete(QUESTION, seconds=2, max_tokens=16))


@pytest.mark.parametrize("behaviour", [{"hang": True}, {"first_token_seconds": 3}])
def test_the_first_words_must_come_in_time(openai_server: OpenAIServer, behaviour: Any) -> None:
    openai_server.script(LONG, **behaviour)
    model = make(openai_server, first_token_seconds=0.3, retries=2)
    model.llm.metadata  # noqa: B018  (the import is not what is timed)
    started = time.monotonic()
    assert "too long to begin" in refused(model).sentence
    assert 0.3 <= time.monotonic() - started < 1.2
    assert soon(lambda: openai_server.closed == 1)


def test_thinking_counts_as_a_beginning(openai_server: OpenAIServer) -> None:
    openai_server.script("Yes.", thinking="let me see now", token_seconds=0.15)
    assert ask(make(openai_server, first_token_seconds=0.4)) == "Yes."


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"empty": True}, "empty answer"),
        ({"empty": True, "thinking": "let me see"}, "empty answer"),
        ({"html": True}, "empty answer"),
        ({"garbage": True}, "does not speak the OpenAI protocol"),
        ({"stream_error": True}, "reported an error"),
    ],
)
def test_a_worthless_answer_is_an_error(openai_server: OpenAIServer, behaviour: Any, words: str) -> None:
    openai_server.script(**behaviour)
    error = refused(make(openai_server))
    assert words in error.sentence
    assert error.code == "provider_unavailable"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"empty": True}, "empty answer"),
        ({"html": True}, "does not speak the OpenAI protocol"),
        ({"garbage": True}, "does not speak the OpenAI protocol"),
        ({"die_after": 0}, "does not answer"),
        ({"hang": True}, "longer than 0.4 seconds"),
        ({"status": 401}, "refused the key"),
    ],
)
def test_complete_fails_with_a_sentence(openai_server: OpenAIServer, behaviour: Any, words: str) -> None:
    openai_server.script(**behaviour)
    with pytest.raises(ModelUnavailable, match=words):
        asyncio.run(make(openai_server).complete(QUESTION, seconds=0.4, max_tokens=16))


def test_a_broken_answer_keeps_what_came(openai_server: OpenAIServer) -> None:
    openai_server.script(LONG, die_after=3)
    came: list[str] = []
    with pytest.raises(BrokenAnswer, match="broke off; what had come is kept") as caught:
        asyncio.run(collect(make(openai_server, retries=2), came))
    assert came == ["word "] * 3
    assert caught.value.code == "provider_broke"
    assert len(openai_server.chats) == 1


def test_a_server_killed_in_the_middle_breaks_the_answer(openai_server: OpenAIServer) -> None:
    openai_server.script(LONG, token_seconds=0.01)

    async def kill_after_two() -> None:
        count = 0
        async for _ in make(openai_server).stream(QUESTION):
            count += 1
            if count == 2:
                await asyncio.to_thread(openai_server.stop)

    with pytest.raises(BrokenAnswer):
        asyncio.run(kill_after_two())
    assert openai_server.closed == 0


def test_an_answer_that_takes_too_long_is_broken(openai_server: OpenAIServer) -> None:
    openai_server.script(LONG, stall_after=2)
    came: list[str] = []
    with pytest.raises(BrokenAnswer, match=r"longer than 0\.4 seconds; what had come is kept"):
        asyncio.run(collect(make(openai_server, timeout_seconds=0.4), came))
    assert came == ["word "] * 2
    assert soon(lambda: openai_server.closed == 1)
