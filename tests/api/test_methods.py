"""HEAD, OPTIONS and 405 under /api: what an address takes is told the same way everywhere."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import Api, assert_error


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("/api/documents", "GET, HEAD, OPTIONS, POST"),
        ("/api/documents/", "GET, HEAD, OPTIONS, POST"),
        ("/api/documents/0", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/api/documents/notes", "OPTIONS, POST"),
        ("/api/artists/offers", "GET, HEAD, OPTIONS"),
        ("/api/openapi.json", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_and_405_name_every_method(user: httpx.Client, address: str, allow: str) -> None:
    asked = user.options(address)
    assert (asked.status_code, asked.headers["allow"], asked.content) == (204, allow, b"")
    for method in ("PUT", "TRACE", "PROPFIND"):
        refused = user.request(method, address)
        assert_error(refused, 405, "method_not_allowed")
        assert refused.headers["allow"] == allow


def test_a_word_is_no_id(user: httpx.Client) -> None:
    assert_error(user.get("/api/documents/notes"), 405, "method_not_allowed")
    assert_error(user.delete("/api/artists/offers"), 405, "method_not_allowed")


def test_head_is_get_without_its_body(user: httpx.Client) -> None:
    for address in ("/api/profile", "/api/documents?limit=1", "/api/openapi.json"):
        whole, head = user.get(address), user.head(address)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length"):
            assert head.headers[name] == whole.headers[name]
    assert user.head("/api/documents/0").status_code == 404
    assert user.head("/api/search").status_code == 405


def test_nobody_learns_the_methods(anyone: httpx.Client) -> None:
    for method in ("OPTIONS", "HEAD", "PUT"):
        assert anyone.request(method, "/api/documents").status_code == 401


def test_an_unknown_address_has_no_methods(api: Api, user: httpx.Client) -> None:
    for method in ("OPTIONS", "GET", "PUT"):
        answer = user.request(method, "/api/nothing")
        assert (answer.status_code, "allow" in answer.headers) == (404, False)
