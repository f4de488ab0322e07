"""The whole job over REST: register, upload a contract, wait, ask, and get the page that says so."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.api.conftest import upload, wait_ready
from tests.documents import CONTRACT

QUESTION = "How much commission does my manager take from live performance?"


def test_an_uploaded_contract_is_cited_to_its_page(user: httpx.Client, contract: Path) -> None:
    received = upload(user, contract)
    assert received.status_code == 202
    document = received.json()
    assert document["kb"] == "personal"
    assert document["bytes"] == contract.stat().st_size

    ready = wait_ready(user, document["id"])
    assert (ready["status"], ready["pages"], ready["progress"]) == ("ready", 3, 1.0), ready

    message = user.post("/api/messages", json={"text": QUESTION}).json()
    assert message["state"] == "answered"
    assert message["role"] == "assistant"
    cited = message["citations"][0]
    assert cited["document_id"] == document["id"]
    assert (cited["page"], cited["kb"]) == (2, "personal")
    assert f"[{cited['label']}]" in message["text"]
    assert "fifteen percent (15%) of net income" in cited["quote"]
    assert " ".join(cited["quote"].split()) in " ".join(CONTRACT[1].split())


def test_the_question_and_the_answer_are_kept_with_their_trace(user: httpx.Client, contract: Path) -> None:
    wait_ready(user, upload(user, contract).json()["id"])
    message = user.post("/api/messages", json={"text": QUESTION}).json()

    kept = user.get(f"/api/conversations/{message['conversation']}/messages").json()
    assert [one["role"] for one in kept["items"]] == ["user", "assistant"]
    assert kept["items"][0]["text"] == QUESTION
    assert kept["items"][1] == message
    assert kept["next"] is None

    trace = user.get(f"/api/messages/{message['id']}/trace").json()
    assert trace["id"] == message["trace_id"]
    assert trace["intent"] == message["intent"]
    assert trace["candidates"]
    assert not any("score" in row for row in trace["candidates"])

    rated = user.post(f"/api/messages/{message['id']}/feedback", json={"rating": 1, "reason": "exact"}).json()
    assert rated["rating"] == 1


def test_nobody_else_finds_or_reads_the_contract(
    user: httpx.Client, stranger: httpx.Client, anyone: httpx.Client, contract: Path
) -> None:
    document = wait_ready(user, upload(user, contract).json()["id"])
    message = user.post("/api/messages", json={"text": QUESTION}).json()

    found = stranger.post("/api/search", json={"query": QUESTION, "top_k": 50}).json()
    assert document["id"] not in {hit["document_id"] for hit in found["hits"]}
    for path in (
        f"/api/documents/{document['id']}",
        f"/api/documents/{document['id']}/file",
        f"/api/conversations/{message['conversation']}",
        f"/api/conversations/{message['conversation']}/messages",
        f"/api/messages/{message['id']}/trace",
    ):
        assert stranger.get(path).status_code == 404, path
        assert anyone.get(path).status_code == 401, path
