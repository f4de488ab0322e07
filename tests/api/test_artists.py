"""The roster over REST: artists kept apart, handed over with consent, deleted with everything of theirs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api, assert_error, upload, wait_ready

QUESTION = "What commission does my manager receive of gross income?"


def contract(folder: Path, percent: int) -> Path:
    """Contracts that differ in one number."""
    file = folder / f"{uuid.uuid4().hex}.txt"
    file.write_text(f"MANAGEMENT AGREEMENT\nThe manager receives a commission of {percent} percent of gross income.")
    return file


def artist(client: httpx.Client, name: str) -> str:
    identifier: str = client.post("/api/artists", json={"name": name}).json()["id"]
    return identifier


def hits(client: httpx.Client, **body: Any) -> list[dict[str, Any]]:
    answer = client.post("/api/search", json={"query": QUESTION, "top_k": 50, **body})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["hits"]
    return found


@pytest.fixture
def pair(api: Api) -> Iterator[tuple[httpx.Client, httpx.Client, str]]:
    """Two users, and the e-mail address of the second."""
    giver, _ = api.register()
    taker, account = api.register()
    with giver, taker:
        yield giver, taker, account["email"]


def test_a_question_for_one_artist_never_meets_another_artists_contract(
    user: httpx.Client, tmp_path: Path, api: Api
) -> None:
    numbers = {artist(user, "Night Ferry"): 17, artist(user, "Day Ferry"): 23}
    documents = {
        one: wait_ready(user, upload(user, contract(tmp_path, number), artist_id=one).json()["id"])["id"]
        for one, number in numbers.items()
    }
    assert {hit["document_id"] for hit in hits(user)} >= set(documents.values())
    for one, number in numbers.items():
        other = next(value for value in numbers.values() if value != number)
        foreign = next(value for key, value in documents.items() if key != one)
        found = hits(user, artist_id=one)
        assert {hit["document_id"] for hit in found} == {documents[one]}
        assert f"{number} percent" in found[0]["text"]
        assert hits(user, artist_id=one, documents=[foreign]) == []
        conversation = user.post("/api/conversations", json={"artist_id": one}).json()["id"]
        for body in ({"artist_id": one}, {"conversation": conversation}, {"artist_id": one, "documents": [foreign]}):
            before = len(api.llm.chats)
            answer = user.post("/api/messages", json={"text": QUESTION, **body})
            assert answer.status_code == 200, answer.text
            asked = str([call.body for call in api.llm.chats[before:]])
            assert f"{other} percent" not in asked + answer.text
            assert foreign not in answer.text
            if "documents" not in body:
                assert f"{number} percent" in asked, "the language model was shown the right one"
                assert {cited["document_id"] for cited in answer.json()["citations"]} == {documents[one]}
        before = len(api.llm.chats)
        switched = {"text": QUESTION, "conversation": conversation, "artist_id": next(a for a in numbers if a != one)}
        answer = user.post("/api/messages", json=switched)
        asked = str([call.body for call in api.llm.chats[before:]])
        assert f"{other} percent" in asked
        assert f"{number} percent" not in asked + answer.text, "the history of the conversation is the first artist's"


def test_a_documents_artist_is_set_by_patch(user: httpx.Client, stranger: httpx.Client, tmp_path: Path) -> None:
    one, foreign = artist(user, "Night Ferry"), artist(stranger, "Theirs")
    document = wait_ready(user, upload(user, contract(tmp_path, 17)).json()["id"])["id"]
    assert_error(user.patch(f"/api/documents/{document}", json={"artist_id": foreign}), 404, "not_found")
    changed = user.patch(f"/api/documents/{document}", json={"artist_id": one})
    assert (changed.status_code, changed.json()["artist_id"], changed.json()["status"]) == (200, one, "stored")
    assert wait_ready(user, document)["status"] == "ready"
    kept = user.patch(f"/api/documents/{document}", json={"title": "Deal"}).json()
    assert (kept["artist_id"], kept["status"]) == (one, "ready")
    assert user.patch(f"/api/documents/{document}", json={"artist_id": None}).json()["artist_id"] is None


def test_an_artist_is_renamed_and_deleted_with_everything(
    user: httpx.Client, stranger: httpx.Client, tmp_path: Path
) -> None:
    one = artist(user, "Night Ferry")
    document = wait_ready(user, upload(user, contract(tmp_path, 17), artist_id=one).json()["id"])["id"]
    conversation = user.post("/api/conversations", json={"artist_id": one}).json()["id"]
    assert user.patch(f"/api/artists/{one}", json={"name": "Day Ferry"}).json()["name"] == "Day Ferry"
    for method, body in (("PATCH", {"name": "mine"}), ("DELETE", None)):
        assert_error(stranger.request(method, f"/api/artists/{one}", json=body), 404, "not_found")
    assert user.delete(f"/api/artists/{one}").status_code == 204
    assert hits(user) == []
    assert_error(user.get(f"/api/documents/{document}"), 404, "not_found")
    assert_error(user.get(f"/api/conversations/{conversation}"), 404, "not_found")
    (last,) = user.get("/api/artists").json()["items"]
    assert_error(user.delete(f"/api/artists/{last['id']}"), 409, "last_artist")


def test_an_artist_is_handed_over_with_consent(
    pair: tuple[httpx.Client, httpx.Client, str], stranger: httpx.Client, tmp_path: Path
) -> None:
    giver, taker, email = pair
    one = artist(giver, "Night Ferry")
    document = wait_ready(giver, upload(giver, contract(tmp_path, 17), artist_id=one).json()["id"])["id"]
    conversation = giver.post("/api/conversations", json={"artist_id": one, "title": "Deal"}).json()["id"]
    assert_error(stranger.post(f"/api/artists/{one}/handover", json={"email": email}), 404, "not_found")
    answers = [
        giver.post(f"/api/artists/{one}/handover", json={"email": address})
        for address in ("nobody@example.com", "no address", email)
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1, "it does not tell whether the address exists"
    (offer,) = taker.get("/api/artists/offers").json()["items"]
    assert (offer["artist"], offer["artist_id"]) == ("Night Ferry", one)
    for client in (giver, stranger):
        assert client.get("/api/artists/offers").json() == {"items": [], "next": None}
        for answer in ("accept", "decline"):
            assert_error(client.post(f"/api/artists/offers/{offer['id']}/{answer}"), 404, "not_found")
    assert hits(taker) == [], "an offer alone gives nothing"

    accepted = taker.post(f"/api/artists/offers/{offer['id']}/accept")
    assert (accepted.status_code, accepted.json()["id"]) == (200, one)
    assert hits(giver) == []
    assert_error(giver.get(f"/api/documents/{document}/file"), 404, "not_found")
    assert_error(giver.get(f"/api/conversations/{conversation}"), 404, "not_found")
    assert_error(giver.post("/api/search", json={"query": QUESTION, "artist_id": one}), 404, "not_found")
    assert wait_ready(taker, document)["status"] == "ready"
    assert [hit["document_id"] for hit in hits(taker, artist_id=one)] == [document]
    assert taker.get(f"/api/conversations/{conversation}").json()["title"] == "Deal"
    assert hits(giver) == []
    assert_error(taker.post(f"/api/artists/offers/{offer['id']}/accept"), 404, "not_found")


def test_an_offer_is_declined_or_taken_back(pair: tuple[httpx.Client, httpx.Client, str]) -> None:
    giver, taker, email = pair
    one = artist(giver, "Night Ferry")
    for end in ("decline", "withdraw"):
        giver.post(f"/api/artists/{one}/handover", json={"email": email})
        (offer,) = taker.get("/api/artists/offers").json()["items"]
        if end == "decline":
            assert taker.post(f"/api/artists/offers/{offer['id']}/decline").status_code == 204
        else:
            assert giver.delete(f"/api/artists/{one}/handover").status_code == 204
        assert taker.get("/api/artists/offers").json()["items"] == []
    assert one in {item["id"] for item in giver.get("/api/artists").json()["items"]}
    (own,) = taker.get("/api/artists").json()["items"]
    assert_error(taker.post(f"/api/artists/{own['id']}/handover", json={"email": email}), 409, "last_artist")
