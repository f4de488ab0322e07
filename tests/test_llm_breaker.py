from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from app.llm_breaker import Breaker
from app.llms import BrokenAnswer, ModelUnavailable, ProviderFault
from tests import openai_server as test_server
from tests.llm_calls import LONG, QUESTION, ask, make, refused
from tests.openai_server import OpenAIServer

openai_server = test_server.openai_server  # the fixture


def test_after_faults_in_a_row_it_refuses_without_asking(openai_server: OpenAIServer) -> None:
    openai_server.script("Yes.", status=401, times=2)
    model = make(openai_server, breaker_failures=2, breaker_seconds=0.3)
    refused(model, ProviderFault)
    refused(model, ProviderFault)
    error = refused(model)
    assert "being given a rest" in error.sentence
    assert (error.retry_after, len(openai_server.chats)) == (1, 2)
    time.sleep(0.3)
    assert ask(model) == "Yes."
    assert ask(model) == "Yes."


def test_what_is_no_fault_of_the_provider_does_not_open_it(openai_server: OpenAIServer) -> None:
    model = make(openai_server, breaker_failures=1)
    openai_server.script(status=400)
    refused(model)
    openai_server.script(empty=True)
    refused(model)
    openai_server.script(hang=True)
    with pytest.raises(ModelUnavailable):
        asyncio.run(model.complete(QUESTION, seconds=0.1, max_tokens=16))
    openai_server.script("Yes.")
    assert ask(model) == "Yes."


def test_a_broken_answer_opens_it(openai_server: OpenAIServer) -> None:
    model = make(openai_server, breaker_failures=1)
    openai_server.script(LONG, die_after=1)
    refused(model, BrokenAnswer)
    assert "being given a rest" in refused(model).sentence


UNENDED: list[Any] = []  # calls under way; dropped, they would end


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: Breaker) -> None:
    with pytest.raises(ProviderFault), breaker.watch():
        raise ProviderFault("down")


def is_open(breaker: Breaker) -> bool:
    call = breaker.watch()
    try:
        call.__enter__()
    except ModelUnavailable:
        return True
    UNENDED.append(call)
    return False


def test_a_success_starts_the_count_again() -> None:
    breaker = Breaker(2, 30, Clock())
    fail(breaker)
    with breaker.watch():
        pass
    fail(breaker)
    assert not is_open(breaker)


def test_one_trial_at_a_time_and_a_lost_one_is_overtaken() -> None:
    clock = Clock()
    breaker = Breaker(2, 30, clock)
    fail(breaker)
    fail(breaker)
    clock.now += 29
    assert is_open(breaker)
    clock.now += 1
    assert not is_open(breaker)  # the trial, which never ends
    assert is_open(breaker)
    clock.now += 30
    fail(breaker)  # the next trial
    clock.now += 29
    assert is_open(breaker)


def test_a_trial_without_verdict_makes_way_for_the_next() -> None:
    clock = Clock()
    breaker = Breaker(1, 30, clock)
    fail(breaker)
    clock.now += 30
    with pytest.raises(asyncio.CancelledError), breaker.watch():
        raise asyncio.CancelledError
    with breaker.watch():
        pass
    assert not is_open(breaker)
