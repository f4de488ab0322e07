"""The header Idempotency-Key over HTTP: done once, answered twice."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import httpx
import pytest
from sqlmodel import select

from app.models import IdempotencyKey
from tests.api.conftest import Api, assert_error
from tests.api.test_messages import LONG, events, until

HELLO = "Hello, how are you?"  # answered by the model without any document


@pytest.fixture
def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def upload(client: httpx.Client, key: dict[str, str], text: str = "Term: three years.", **form: str) -> httpx.Response:
    files = {"file": ("deal.txt", text.encode())}
    return client.post("/api/documents", files=files, data=form, headers=key)


def count(client: httpx.Client, what: str) -> int:
    return len(client.get(f"/api/{what}", params={"kb": "personal"}).json()["items"])


def test_an_upload_sent_twice_is_one_document_and_one_answer(user: httpx.Client, key: dict[str, str]) -> None:
    first, again = upload(user, key), upload(user, key)
    assert first.status_code == again.status_code == 202
    assert again.json() == first.json(), "as it was then, whatever became of it"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert count(user, "documents") == 1
    other = upload(user, {"Idempotency-Key": uuid.uuid4().hex}, "Term: four years.")
    assert other.json()["id"] != first.json()["id"]


def test_a_note_sent_twice_is_one_document(user: httpx.Client, key: dict[str, str]) -> None:
    note = {"title": "Call with the label", "text": "They offer 18 percent."}
    first, again = (user.post("/api/documents/notes", json=note, headers=key) for _ in range(2))
    assert first.status_code == again.status_code == 202
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"] == f"/api/documents/{first.json()['id']}"
    assert_error(user.post("/api/documents/notes", json={**note, "title": "x"}, headers=key), 409, "key_reused")
    user.delete(first.headers["location"])
    later = user.post("/api/documents/notes", json=note, headers=key)
    assert later.json()["id"] != first.json()["id"], "the answer about a deleted document is gone with it"


@pytest.mark.parametrize("change", [{"text": "Term: four years."}, {"kb": "personal", "artist_id": "x"}])
def test_another_request_under_the_same_key_is_refused(
    user: httpx.Client, key: dict[str, str], change: dict[str, str]
) -> None:
    upload(user, key)
    assert_error(upload(user, key, **change), 409, "key_reused")
    assert count(user, "documents") == 1


def test_keys_of_other_users_are_their_own(user: httpx.Client, stranger: httpx.Client, key: dict[str, str]) -> None:
    assert upload(user, key).json()["id"] != upload(stranger, key).json()["id"]
    assert count(stranger, "documents") == 1


def test_what_was_refused_may_be_sent_again(api: Api, user: httpx.Client, key: dict[str, str]) -> None:
    body = {"text": HELLO, "conversation": "999999"}
    assert_error(user.post("/api/messages", json=body, headers=key), 404, "not_found")
    assert_error(user.post("/api/messages", json=body, headers=key), 404, "not_found")
    assert_error(user.post("/api/messages", json={**body, "stream": True}, headers=key), 404, "not_found")


def test_a_question_sent_twice_is_asked_once(user: httpx.Client, key: dict[str, str]) -> None:
    first, again = (user.post("/api/messages", json={"text": HELLO}, headers=key) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    [conversation] = user.get("/api/conversations").json()["items"]
    assert len(user.get(f"/api/conversations/{conversation['id']}/messages").json()["items"]) == 2
    assert_error(user.post("/api/messages", json={"text": "Hello"}, headers=key), 409, "key_reused")


def test_a_streamed_answer_comes_again_as_events(user: httpx.Client, key: dict[str, str]) -> None:
    def ask() -> list[tuple[str, Any]]:
        with user.stream("POST", "/api/messages", json={"text": HELLO, "stream": True}, headers=key) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            return list(events(answer.iter_lines()))

    first, again = ask(), ask()
    assert [name for name, _ in again] == ["intent", "sources", "token", "done"]
    assert dict(first)["done"] == dict(again)["done"]
    assert "".join(data["text"] for name, data in first if name == "token") == dict(again)["token"]["text"]
    assert count(user, "conversations") == 1


def test_a_stream_that_was_left_may_be_asked_for_again(api: Api, user: httpx.Client, key: dict[str, str]) -> None:
    api.llm.script(LONG, token_seconds=0.05)
    body = {"text": HELLO, "stream": True}
    with user.stream("POST", "/api/messages", json=body, headers=key) as answer:
        came = events(answer.iter_lines())  # held: closing it would leave
        assert next(came)[0] == "intent"
        busy = user.post("/api/messages", json=body, headers=key)
        assert_error(busy, 409, "in_progress")
        assert busy.headers["retry-after"] == "2"
    api.llm.script()
    assert until(lambda: user.post("/api/messages", json=body, headers=key).status_code == 200)


def test_of_many_uploads_at_once_one_wins(user: httpx.Client, key: dict[str, str]) -> None:
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(upload(user, key))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {202, 409}
    won = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert len(set(won)) == 1
    assert count(user, "documents") == 1


def test_deleting_takes_the_kept_answers_too(api: Api, user: httpx.Client, key: dict[str, str]) -> None:
    document = upload(user, key).json()["id"]
    message = user.post("/api/messages", json={"text": HELLO}, headers=key).json()
    user.delete(f"/api/documents/{document}")
    user.delete(f"/api/conversations/{message['conversation']}")
    with api.services.db.reading() as session:
        rows = session.exec(select(IdempotencyKey).where(IdempotencyKey.key == key["Idempotency-Key"])).all()
    assert rows == []


@pytest.mark.parametrize("key", ["", "a b", "x" * 201])
def test_what_is_no_key_is_refused(user: httpx.Client, key: str) -> None:
    answer = user.post("/api/messages", json={"text": HELLO}, headers={"Idempotency-Key": key})
    assert "Idempotency-Key" in assert_error(answer, 422, "invalid_request")
