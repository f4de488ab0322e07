"""Pages over REST: a PNG or text with marks, uncacheable, for those who may see the document and as long as they may."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.api.conftest import Api, assert_error, upload, wait_ready

LAW = "What is the governing law of my contract?"


@pytest.fixture
def cited(user: httpx.Client, contract: Path) -> dict[str, str]:
    """The first citation of an answer about the user's own contract."""
    document = wait_ready(user, upload(user, contract).json()["id"])
    answer = user.post("/api/messages", json={"text": LAW, "documents": [document["id"]]}).json()
    found: dict[str, str] = answer["citations"][0]
    return found


def address(cited: dict[str, str], kind: str = ".png") -> str:
    marks = f"chunk={cited['chunk_id']}&start={cited['start']}&end={cited['end']}"
    return f"/api/documents/{cited['document_id']}/pages/{cited['page']}{kind}?{marks}"


def test_a_cited_page_comes_as_a_picture_and_as_text_with_its_quote_marked(
    user: httpx.Client, cited: dict[str, str]
) -> None:
    drawn = user.get(address(cited))
    assert drawn.status_code == 200, drawn.text
    headers = {name: drawn.headers[name] for name in ("content-type", "cache-control", "x-content-type-options")}
    assert headers == {
        "content-type": "image/png", "cache-control": "private, no-store", "x-content-type-options": "nosniff",
    }  # fmt: skip
    assert (drawn.headers["x-pages"], drawn.headers["x-passages-marked"]) == ("3", "2")
    assert 0 < float(drawn.headers["x-passage-at"]) < 1
    image = Image.open(io.BytesIO(drawn.content))
    image.load()
    assert image.size == (1400, 1980)
    page = user.get(address(cited, "")).json()
    [quote] = [mark for mark in page["marks"] if mark["quote"]]
    assert page["text"][quote["start"] : quote["end"]] == cited["quote"]
    assert page["picture"] is True


def test_nobody_else_and_nobody_any_more(
    api: Api, stranger: httpx.Client, anyone: httpx.Client, cited: dict[str, str]
) -> None:
    for kind in (".png", ""):
        assert_error(anyone.get(address(cited, kind)), 401, "unauthorized")
        told = assert_error(stranger.get(address(cited, kind)), 404, "not_found")
        unknown = {**cited, "document_id": "2f5f6c1e-3f0a-4a34-9d7d-0a3f2f3b1c11"}
        assert assert_error(stranger.get(address(unknown, kind)), 404, "not_found") == told


def test_a_kept_picture_is_shown_to_nobody_who_signed_out(api: Api, contract: Path) -> None:
    client, pair = api.register()
    with client:
        document = wait_ready(client, upload(client, contract).json()["id"])["id"]
        path = f"/api/documents/{document}/pages/1.png"
        assert client.get(path).status_code == 200
        client.post("/api/auth/logout", json={"refresh_token": pair["refresh_token"]})
        assert_error(client.get(path), 401, "unauthorized")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("pages/4.png", 404, "no_page"),
        ("pages/4", 404, "no_page"),
        ("pages/0.png", 422, "invalid_request"),
        ("pages/one", 422, "invalid_request"),
        ("pages/1.png?chunk=2f5f6c1e-3f0a-4a34-9d7d-0a3f2f3b1c11", 404, "no_passage"),
        ("pages/1.png?" + "&".join(["chunk=1"] * 9), 422, "invalid_request"),
        ("pages/1.png?start=-1", 422, "invalid_request"),
        ("pages/1.jpg", 422, "invalid_request"),
    ],
)
def test_what_is_not_there_is_told(
    user: httpx.Client, cited: dict[str, str], path: str, status: int, code: str
) -> None:
    assert_error(user.get(f"/api/documents/{cited['document_id']}/{path}"), status, code)


def test_a_page_that_cannot_be_drawn_is_one_sentence(user: httpx.Client, tmp_path: Path) -> None:
    file = tmp_path / "broken.pdf"
    file.write_bytes(b"%PDF-1.4\nnothing of a page")
    document = wait_ready(user, upload(user, file).json()["id"])
    told = assert_error(user.get(f"/api/documents/{document['id']}/pages/1.png"), 415, "broken")
    assert told.endswith("download it to see what it holds.")


def test_the_trace_names_the_passages_it_speaks_of(user: httpx.Client, cited: dict[str, str]) -> None:
    message = user.post("/api/messages", json={"text": LAW, "documents": [cited["document_id"]]}).json()
    trace = user.get(f"/api/messages/{message['id']}/trace").json()
    named = trace["passages"][cited["chunk_id"]]
    assert named == {
        "document_id": cited["document_id"],
        "title": "management",
        "kb": "personal",
        "page": cited["page"],
    }
    assert set(trace["passages"]) <= {row["chunk_id"] for row in [*trace["candidates"], *trace["prompt"]]}
