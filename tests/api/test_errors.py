"""One shape for every error, with a sentence that names the field and echoes nothing."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from app.errors import AppError, TooMany, Unavailable
from tests.api.conftest import Api, assert_error

SECRET = "the-words-of-a-user"


def test_an_unknown_address_and_a_wrong_method(user: httpx.Client) -> None:
    assert_error(user.get("/api/nothing"), 404, "not_found")
    refused = user.put("/api/documents")
    assert_error(refused, 405, "method_not_allowed")
    assert refused.headers["allow"]


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/api/search", {}, "The field 'query' is missing; send it."),
        ("/api/search", {"query": ""}, "The field 'query' is empty; fill it in."),
        ("/api/search", {"query": "a", "top_k": 0}, "The field 'top_k' must be at least 1."),
        ("/api/search", {"query": "a", "top_k": 51}, "The field 'top_k' may be at most 50."),
        ("/api/search", {"query": "a", "top_k": SECRET}, "The field 'top_k' must be a whole number."),
        (
            "/api/search",
            {"query": "a", "intent": SECRET},
            "The field 'intent' must be 'personal', 'global' or 'hybrid'.",
        ),
        ("/api/search", {"query": "a", "documents": SECRET}, "The field 'documents' must be a list."),
        ("/api/search", {"query": "a", "documents": [[SECRET]]}, "The field 'documents.0' must be text."),
        ("/api/search", [SECRET], "The body must be a JSON object, sent as application/json."),
        ("/api/messages", {"text": "a", "stream": SECRET}, "The field 'stream' must be true or false."),
    ],
)
def test_a_wrong_field_is_named_and_never_echoed(user: httpx.Client, path: str, body: Any, sentence: str) -> None:
    answer = user.post(path, json=body)
    assert assert_error(answer, 422, "invalid_request") == sentence
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"query": ' + SECRET.encode(), "application/json", 422),
        (SECRET.encode(), "text/plain", 422),
        (b"", "application/json", 422),
        (b'{"query": "a", "top_k": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"query": "\xff"}', "application/json", 400),
    ],
)
def test_a_body_that_is_no_json_is_refused(user: httpx.Client, content: bytes, kind: str, status: int) -> None:
    answer = user.post("/api/search", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "detail", "request_id"}
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (b'filename=""\r\n\r\n', "The field 'file' is missing; send it."),  # a browser's form with no file chosen
        (b"\r\n\r\nsome text", "The field 'file' must be a file; choose one."),
    ],
)
def test_a_form_without_its_file_says_so(user: httpx.Client, part: bytes, sentence: str) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="file"; ' + part + b"\r\n--x--\r\n"
    answer = user.post("/api/documents", content=form, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert assert_error(answer, 422, "invalid_request") == sentence


@pytest.mark.parametrize("field", ["email", "password"])
def test_text_that_is_no_unicode_is_refused(anyone: httpx.Client, field: str) -> None:
    body = {"email": "a@example.com", "password": "three chords and the truth", field: "\ud800"}
    answer = anyone.post("/api/auth/register", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert_error(answer, 422, "invalid_request")


def test_a_form_with_too_many_parts_is_refused(user: httpx.Client) -> None:
    two = [("file", ("a.txt", b"a")), ("file", ("b.txt", b"b"))]
    assert_error(user.post("/api/documents", files=two), 400, "bad_request")


def test_nobody_is_told_to_sign_in(anyone: httpx.Client) -> None:
    answer = anyone.get("/api/documents")
    assert assert_error(answer, 401, "unauthorized") == "Sign in first."
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_bug_shows_no_text(api: Api, user: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(type(api.services.profiles), "get", broken)
    answer = user.get("/api/profile")
    assert "the log has this request id" in assert_error(answer, 500, "internal")
    assert SECRET not in answer.text


def test_a_busy_database_is_told_with_a_time_to_wait(
    api: Api, user: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise OperationalError(SECRET, {}, Exception("database is locked"))

    monkeypatch.setattr(type(api.services.profiles), "get", locked)
    answer = user.get("/api/profile")
    assert_error(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert SECRET not in answer.text


def test_every_429_and_503_tells_how_long_to_wait(
    api: Api, user: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (TooMany, Unavailable):

        def refusing(*_: object, error: type[AppError] = error, **__: object) -> None:
            raise error("Not now; try again.")

        with monkeypatch.context() as patched:
            patched.setattr(type(api.services.profiles), "get", refusing)
            assert user.get("/api/profile").headers["retry-after"] == "5"
        newcomer, _ = api.register()  # of whom nothing is kept from an earlier request
        with newcomer, monkeypatch.context() as patched:  # before any route: who asks is read from the database
            patched.setattr(type(api.services.sessions), "alive", refusing)
            assert newcomer.get("/api/profile").headers["retry-after"] == "5"


def test_an_unknown_field_is_not_echoed(admin: httpx.Client) -> None:
    for name in (SECRET, "\\ud800"):
        body = f'{{"{name}": 1}}'
        answer = admin.patch("/api/admin/users/0", content=body, headers={"Content-Type": "application/json"})
        assert_error(answer, 422, "invalid_request")
        assert SECRET not in answer.text


def test_a_form_in_an_odd_charset_is_refused(user: httpx.Client) -> None:
    """Text in it may hold halves of characters, which no database takes."""
    form = (
        b'--x\r\nContent-Disposition: form-data; name="artist_id"\r\n\r\n\\ud800\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ntext\r\n--x--\r\n'
    )
    kind = "multipart/form-data; boundary=x; charset=unicode_escape"
    answer = user.post("/api/documents", content=form, headers={"Content-Type": kind})
    assert_error(answer, 422, "invalid_request")
