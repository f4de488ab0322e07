"""Retrieval alone: hits with ranks, scores for admins only, limited to what is named and one's own."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx

from tests.api.conftest import assert_error, upload, wait_ready

QUERY = "What is the sunset clause of the commission?"
HIT = {"chunk_id", "document_id", "title", "kb", "page", "start", "end", "text", "ranks"}


def test_hits_carry_their_place_and_no_score(user: httpx.Client, contract: Path) -> None:
    document = wait_ready(user, upload(user, contract).json()["id"])
    answer = user.post("/api/search", json={"query": QUERY, "top_k": 3, "documents": [document["id"]]}).json()
    assert {"intent", "direct", "kbs", "hits", "trace_id", "milliseconds"} <= set(answer)
    assert 0 < len(answer["hits"]) <= 3
    best = answer["hits"][0]
    assert set(best) >= HIT
    assert (best["document_id"], best["page"], best["kb"]) == (document["id"], 2, "personal")
    assert min(best["ranks"].values()) == 1
    assert best["score"] is None


def test_admins_see_scores(admin: httpx.Client, contract: Path) -> None:
    document = wait_ready(admin, upload(admin, contract).json()["id"])
    answer = admin.post("/api/search", json={"query": QUERY, "documents": [document["id"]]}).json()
    assert answer["hits"][0]["score"] > 0


def test_a_foreign_document_or_artist_is_not_searched(
    user: httpx.Client, stranger: httpx.Client, contract: Path
) -> None:
    document = upload(user, contract).json()["id"]
    artist = user.get("/api/artists").json()["items"][0]["id"]
    for named in (
        {"documents": [document]},
        {"documents": [str(uuid.uuid4())]},
        {"documents": [7]},
        {"artist_id": artist},
    ):
        assert_error(stranger.post("/api/search", json={"query": QUERY, **named}), 404, "not_found")
