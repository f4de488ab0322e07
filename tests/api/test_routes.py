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
        client = anyone if path in OPEN else user  # signing out must not end the user's own sign-in here
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


def test_every_route_is_described_with_its_summary_and_the_error_shape(user: httpx.Client) -> None:
    for (method, path), route in described(user).items():
        assert route["summary"], (method, path)
        assert "ErrorShape" in str(route["responses"]["default"]), (method, path)  # type: ignore[index]
    assert api_router.prefix == "/api"
    assert user.get("/docs").status_code == user.get("/api/docs").status_code == 404
