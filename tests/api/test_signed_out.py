"""Answers on their way end within seconds after their sign-in: signed out, disabled, the password changed (threats.md A7)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.conftest import PASSWORD, Api, assert_error
from tests.api.test_messages import LONG, events, until

HELLO = "Hello, how are you?"  # answered by the model without any document
LONGEST_SECONDS = 5.0


def sign_out(api: Api, client: httpx.Client, account: dict[str, Any]) -> None:
    assert client.post("/api/auth/logout").status_code == 204


def disable(api: Api, client: httpx.Client, account: dict[str, Any]) -> None:
    api.services.users.disable(account["email"])


def set_password(api: Api, client: httpx.Client, account: dict[str, Any]) -> None:
    api.services.users.set_password(account["email"], "a longer song than before")


def change_password_elsewhere(api: Api, client: httpx.Client, account: dict[str, Any]) -> None:
    with api.client() as anyone:
        body = {"email": account["email"], "password": PASSWORD}
        bearer = f"Bearer {anyone.post('/api/auth/token', json=body).json()['access_token']}"
    with api.client(Authorization=bearer) as other:
        change = {"old_password": PASSWORD, "new_password": "a longer song than before"}
        assert other.post("/api/auth/password", json=change).status_code == 200


@pytest.mark.parametrize("end", [sign_out, disable, set_password, change_password_elsewhere])
def test_an_open_stream_is_cut(api: Api, end: Callable[[Api, httpx.Client, dict[str, Any]], None]) -> None:
    client, account = api.register()
    api.llm.script(LONG, token_seconds=0.05)  # 20 s of words
    closed = api.llm.closed
    with client, client.stream("POST", "/api/messages", json={"text": HELLO, "stream": True}) as answer:
        came = events(answer.iter_lines())
        conversation = next(came)[1]["conversation"]
        assert next(name for name, _ in came if name == "token")
        end(api, client, account)
        started = time.monotonic()
        *_, (name, error) = came
        assert time.monotonic() - started <= LONGEST_SECONDS
    assert (name, error["error"]) == ("error", "signed_out")
    assert error["detail"].startswith("This sign-in has ended")
    assert until(lambda: api.llm.closed == closed + 1), "the provider need not write on"
    assert error["message"]["state"] == "partial"
    assert error["message"]["text"].startswith("word0 ")
    assert error["message"]["conversation"] == conversation


def test_a_silent_provider_is_not_waited_for(api: Api) -> None:
    client, account = api.register()
    api.llm.script(LONG, stall_after=3)
    with client, client.stream("POST", "/api/messages", json={"text": HELLO, "stream": True}) as answer:
        came = events(answer.iter_lines())
        assert next(name for name, _ in came if name == "token")
        disable(api, client, account)
        started = time.monotonic()
        *_, (name, _) = came
        assert name == "error"
        assert time.monotonic() - started <= LONGEST_SECONDS


def test_another_users_stream_goes_on(api: Api, user: httpx.Client) -> None:
    client, account = api.register()
    api.llm.script(" ".join(["word"] * 100), token_seconds=0.05)
    with client, user.stream("POST", "/api/messages", json={"text": HELLO, "stream": True}) as answer:
        came = events(answer.iter_lines())
        next(came)
        disable(api, client, account)
        *_, (name, _) = came
    assert name == "done"


def test_a_whole_answer_is_refused_too(api: Api, anyone: httpx.Client) -> None:
    client, account = api.register()
    api.llm.script(LONG, token_seconds=0.05)
    user_id = api.services.users.by_email(account["email"]).id
    with client:
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(client.post("/api/messages", json={"text": HELLO})))
        asking.start()
        assert until(lambda: api.services.chat._admission._running[user_id] == 1)
        time.sleep(0.5)
        api.services.users.disable(account["email"])
        asking.join(timeout=LONGEST_SECONDS)
        assert not asking.is_alive()
    assert_error(answers[0], 401, "signed_out")
