"""Answers at the same time, over HTTP: the one too many is refused, and a place is free again once an answer ends."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services.quotas import check_quota
from tests.api.conftest import Api, assert_error, upload
from tests.api.test_messages import LONG, until

HELLO = "Hello, how are you?"  # answered by the model without any document
ASK = {"text": HELLO, "stream": True}


def test_one_answer_too_many_is_refused_until_another_ends(
    api: Api, user: httpx.Client, stranger: httpx.Client
) -> None:
    api.llm.script(LONG, token_seconds=0.05)
    with ExitStack() as stack:
        for _ in range(3):
            answer = stack.enter_context(user.stream("POST", "/api/messages", json=ASK))
            assert answer.status_code == 200
        for stream in (True, False):
            refused = user.post("/api/messages", json={"text": HELLO, "stream": stream})
            assert "3 answers" in assert_error(refused, 429, "too_many_answers")
            assert refused.headers["retry-after"] == "5"
        assert len(user.get("/api/conversations").json()["items"]) == 3, "what was refused kept nothing"
        with stranger.stream("POST", "/api/messages", json=ASK) as theirs:
            assert theirs.status_code == 200, "another user's places are their own"
    api.llm.script()
    assert until(lambda: user.post("/api/messages", json={"text": "Hello"}).status_code == 200)


def test_when_everybody_asks_the_next_one_is_told_to_wait(
    api: Api, user: httpx.Client, stranger: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert until(lambda: not api.services.chat._admission._running)
    monkeypatch.setattr(api.services.chat._admission, "_all", 1)
    api.llm.script(LONG, token_seconds=0.05)
    with user.stream("POST", "/api/messages", json=ASK) as answer:
        assert answer.status_code == 200
        refused = stranger.post("/api/messages", json=ASK)
        assert_error(refused, 503, "busy")
        assert refused.headers["retry-after"] == "5"


def test_a_full_shelf_is_a_conflict_with_a_sentence(
    api: Api, user: httpx.Client, contract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = api.services.settings.quotas.model_copy(update={"bytes": 100})

    def checked(session: Any, _quotas: Any, document: Any, **options: Any) -> None:
        check_quota(session, small, document, **options)

    monkeypatch.setattr("app.services.documents.check_quota", checked)
    assert "does not fit" in assert_error(upload(user, contract), 409, "quota")
    assert user.get("/api/documents?kb=personal").json()["items"] == []
