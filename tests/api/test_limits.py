"""Bodies above their limit: refused by their declared length before anything is read, or while they are counted."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from app.api.limits import FORM_BYTES, SMALL_BYTES
from tests.api.conftest import MAX_BYTES, Api, assert_error

BLOCK = b"a" * 65_536


def blocks(total: int) -> Iterator[bytes]:
    for _ in range(total // len(BLOCK) + 1):
        yield BLOCK


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/documents", MAX_BYTES + FORM_BYTES), ("/api/documents/", MAX_BYTES + FORM_BYTES),
                        ("/api/search", SMALL_BYTES), ("/api/documents/notes", SMALL_BYTES)],
)  # fmt: skip
def test_a_declared_length_is_refused_before_the_body_comes(api: Api, path: str, limit: int) -> None:
    client, pair = api.register()
    client.close()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {urlsplit(api.url).netloc}\r\nAuthorization: Bearer {pair['access_token']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {limit + 1}\r\n\r\n"
    )
    address = urlsplit(api.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"] == "too_large"


@pytest.mark.parametrize(("path", "limit"), [("/api/documents", MAX_BYTES + FORM_BYTES), ("/api/search", SMALL_BYTES)])
def test_a_body_of_unknown_length_is_counted(user: httpx.Client, path: str, limit: int) -> None:
    kind = "multipart/form-data; boundary=x" if path.endswith("documents") else "application/json"
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' if "multi" in kind else b'"'

    def body() -> Iterator[bytes]:
        yield head
        yield from blocks(limit)

    answer = user.post(path, content=body(), headers={"Content-Type": kind})
    assert_error(answer, 413, "too_large")


def test_a_long_question_within_the_limit_is_read(user: httpx.Client) -> None:
    """Refused for its length in characters, by the field's own rule."""
    answer = user.post("/api/search", json={"query": "a" * (SMALL_BYTES - 1000)})
    assert assert_error(answer, 422, "invalid_request") == "The field 'query' may have at most 4000 characters."
