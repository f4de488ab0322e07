"""What holds for every route: a slash at the end, the door closed to strangers, the description."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from fastapi import FastAPI

from app.api import errors
from app.api.router import api_router
from app.errors import Unavailable
from tests.api.conftest import Api

OPEN = {"/api/health", "/api/auth/register", "/api/auth/token", "/api/auth/refresh", "/api/auth/logout"}


def described(user: httpx.Client) -> dict[tuple[str, str], dict[str, object]]:
    paths = user.get("/api/openapi.json").json()["paths"]
    return {(method.upper(), path): route for path, methods in paths.items() for method, route in methods.items()}


def test_a_slash_at_the_end_changes_nothing_and_redirects_nobody(
    api: Api, user: httpx.Client, anyone: httpx.Client
) -> None:
    for method, path in described(user):
        address = re.sub(r"\{\w+\}", "0", path)
        ending = path in OPEN or (method, path) == ("DELETE", "/api/account/sessions")
        client = anyone if ending else user  # signing out must not end the user's own sign-in here
        plain, slashed = client.request(method, address), client.request(method, f"{address}/")
        assert slashed.status_code == plain.status_code, (method, path)
        assert not slashed.is_redirect
        if plain.headers.get("content-type") == "application/json" and plain.status_code >= 400:
            assert slashed.json()["detail"] == plain.json()["detail"]


def test_a_body_survives_the_slash(user: httpx.Client) -> None:
    assert user.post("/api/conversations/", json={"title": "Kept"}).json()["title"] == "Kept"


def test_every_route_but_the_open_ones_needs_a_sign_in(user: httpx.Client, anyone: httpx.Client) -> None:
    routes = described(user)
    assert len(routes) >= 28
    for method, path in routes:
        if path not in OPEN:
            assert anyone.request(method, re.sub(r"\{\w+\}", "0", path)).status_code == 401, (method, path)


def test_every_route_refuses_by_itself_where_no_guard_stands(user: httpx.Client) -> None:
    bare = FastAPI()
    bare.state.services = bare.state.tokens = None
    errors.install(bare)
    bare.include_router(api_router)

    async def ask(method: str, path: str) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(bare), base_url="http://bare") as client:
            return (await client.request(method, re.sub(r"\{\w+\}", "0", path))).status_code

    for method, path in described(user):
        if path not in OPEN:
            assert asyncio.run(ask(method, path)) == 401, (method, path)


def test_health_tells_each_part_to_everyone(anyone: httpx.Client) -> None:
    answer = anyone.get("/api/health")
    report = answer.json()
    assert (answer.status_code, report["status"]) == (200, "ok"), report
    assert {"database", "vectors", "embedding:minilm", "language_model", "worker"} <= set(report["components"])
    assert all({"status", "milliseconds"} <= set(part) for part in report["components"].values())
    assert anyone.head("/api/health").status_code == 200


def test_health_is_503_when_nothing_can_be_answered(
    api: Api, anyone: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise Unavailable("The database does not answer.")

    monkeypatch.setattr(type(api.services.db), "ping", down)
    answer = anyone.get("/api/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "down")


# Design 6, and what has joined it.
SURFACE = """
GET /health
POST /auth/register
POST /auth/token
POST /auth/refresh
POST /auth/logout
POST /auth/password
GET PUT /profile
GET /profile/role
GET POST /profile/notes
PATCH DELETE /profile/notes/{note_id}
GET POST /artists
PATCH DELETE /artists/{artist_id}
POST DELETE /artists/{artist_id}/handover
GET /artists/offers
POST /artists/offers/{offer_id}/accept
POST /artists/offers/{offer_id}/decline
GET POST /documents
POST /documents/notes
GET /documents/totals
GET PATCH DELETE /documents/{document_id}
POST /documents/{document_id}/retry
POST /documents/{document_id}/cancel
GET PUT /documents/{document_id}/file
GET /documents/{document_id}/pages/{n}
GET /documents/{document_id}/pages/{n}.png
GET /documents/{document_id}/insight
GET POST /dates
PATCH DELETE /dates/{date_id}
POST /search
GET POST /conversations
GET PATCH DELETE /conversations/{conversation_id}
GET /conversations/{conversation_id}/messages
POST /messages
GET /messages/{message_id}/trace
POST /messages/{message_id}/feedback
GET /messages/{message_id}/earlier
GET /desk/kinds
GET POST /drafts
GET PATCH DELETE /drafts/{draft_id}
POST /drafts/{draft_id}/again
GET /plans/{plan_id}/export
GET /drafts/{draft_id}/export
GET /messages/{message_id}/export
GET /conversations/{conversation_id}/export
POST /clause-sheets
GET POST /shares
DELETE /shares/{share_id}
GET /analytics
GET /analytics.csv
GET POST /growth
GET /growth.csv
POST /growth/import
PATCH DELETE /growth/{figure_id}
GET /audit
GET /audit.csv
GET /account/export
GET DELETE /account
PUT /account/password
GET DELETE /account/sessions
DELETE /account/sessions/{session_id}
GET PUT /account/steps
GET POST DELETE /account/samples
GET POST /admin/users
PATCH /admin/users/{user_id}
POST /admin/users/{user_id}/password
GET /admin/system
POST /admin/system/check
GET PUT /admin/models
POST /admin/models/test
GET /admin/metrics
GET /admin/metrics.csv
GET /admin/usage
GET /admin/usage.csv
GET /plans/templates
GET POST /plans
GET PATCH DELETE /plans/{plan_id}
GET /plans/{plan_id}/preview
POST /plans/{plan_id}/steps
PATCH DELETE /plans/{plan_id}/steps/{step_id}
POST /plans/{plan_id}/steps/{step_id}/comments
GET /plans/proposals
GET /plans/{plan_id}/proposals
POST /plans/{plan_id}/proposals/{proposal_id}/accept
POST /plans/{plan_id}/proposals/{proposal_id}/decline
GET /deadlines
"""


@pytest.mark.parametrize("line", SURFACE.split("\n")[1:-1])
def test_the_public_surface_is_there(user: httpx.Client, line: str) -> None:
    *methods, path = line.split()
    routes = described(user)
    for method in methods:
        assert (method, f"/api{path}") in routes
    address = re.sub(r"\{\w+\}", "0", f"/api{path}")
    allowed = set(user.options(address).headers["allow"].split(", "))
    assert allowed == {*methods, "OPTIONS", *({"HEAD"} if "GET" in methods else ())}


def test_every_list_has_pages(user: httpx.Client) -> None:
    lists = {
        path: {parameter["name"]: parameter["schema"] for parameter in route["parameters"]}  # type: ignore[attr-defined]
        for (_, path), route in described(user).items()
        if "/Listing_" in str(route)
    }
    assert len(lists) == 17
    for path, parameters in lists.items():
        assert {"limit", "after"} <= set(parameters), path
        assert parameters["limit"]["minimum"] == 1
        assert parameters["limit"]["default"] in (50, 100)


def test_ids_may_be_sent_as_numbers(user: httpx.Client) -> None:
    conversation = user.post("/api/conversations").json()["id"]
    assert conversation == str(int(conversation))
    body = {"text": "Hello, how are you?", "conversation": int(conversation)}
    assert user.post("/api/messages", json=body).json()["conversation"] == conversation
