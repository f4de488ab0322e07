"""Pages and scripts that are made once: nobody's id is in them, and each asker's own encoding and address are kept to."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator

import brotli
import httpx
import pytest

from tests.api.conftest import PASSWORD, Api

PAGE, KNOWLEDGE = "/app/", "/app/knowledge"


def person(site: Api) -> tuple[str, dict[str, str]]:
    user = site.services.users.add(f"{uuid.uuid4().hex}@example.com", PASSWORD)
    secret, _ = site.services.sessions.open_browser(user.id, False)
    return user.id, {"cookie": f"aim_session={secret}"}


@pytest.fixture
def client(site: Api) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, timeout=60) as opened:
        yield opened


def test_two_people_get_the_same_page_and_neither_finds_the_other(site: Api, client: httpx.Client) -> None:
    (alice, as_alice), (bob, as_bob) = person(site), person(site)
    pages = [client.get(PAGE, headers=who).text for who in (as_alice, as_bob, as_alice)]
    assert pages[0] == pages[1] == pages[2]
    assert alice not in pages[0]
    assert bob not in pages[0]
    assert client.get(KNOWLEDGE, headers=as_bob).text != pages[0]


def test_a_page_is_still_for_those_who_are_signed_in(site: Api, client: httpx.Client) -> None:
    _, headers = person(site)
    assert client.get(PAGE, headers=headers).status_code == 200
    assert client.get(PAGE).headers["location"].startswith("/login")
    assert client.get(PAGE, headers={"cookie": "aim_session=guessed"}).status_code == 303
    assert client.get(PAGE, headers=headers).headers["cache-control"] == "no-store"


def test_the_address_a_page_repeats_is_the_one_it_was_asked_under(site: Api, client: httpx.Client) -> None:
    _, headers = person(site)
    port = site.url.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        page = client.get(PAGE, headers={**headers, "host": host}).text
        assert f"http://{host}/app" in page
        assert page.count(f":{port}") == page.count(f"{host}")


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("identity", None)])
def test_each_browser_gets_an_encoding_it_reads(
    site: Api, client: httpx.Client, accepted: str, encoding: str | None
) -> None:
    _, headers = person(site)
    plain = client.get(PAGE, headers={**headers, "accept-encoding": "identity"})
    with client.stream("GET", PAGE, headers={**headers, "accept-encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    undo = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
    assert undo(raw) == plain.content
    assert encoding is None or len(raw) < len(plain.content) / 3


def test_a_script_is_the_file_gradio_has_and_may_be_kept_by_the_browser(site: Api, client: httpx.Client) -> None:
    _, headers = person(site)
    page = client.get(PAGE, headers=headers).text
    name = page.partition("assets/index-")[2].partition(".js")[0]
    for _ in range(2):
        script = client.get(f"/app/assets/index-{name}.js", headers=headers)
        assert script.status_code == 200
        assert "javascript" in script.headers["content-type"]
        assert "immutable" in script.headers["cache-control"]
    assert client.get(f"/app/assets/index-{name}.js").status_code == 401
    assert client.get("/app/assets/index-AAAAAAAA.js", headers=headers).status_code == 404
