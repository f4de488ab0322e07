"""/api/admin/models and /api/admin/usage: shapes, refusals, and that a key goes in and never comes out."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import Api, assert_error
from tests.log_canaries import CANARIES

KEY = CANARIES["provider key"]


@pytest.fixture(autouse=True)
def _as_configured(admin: httpx.Client) -> Iterator[None]:
    yield
    assert admin.put("/api/admin/models", json={"provider": "settings"}).status_code == 200


def test_a_choice_goes_in_and_comes_out_without_its_key(api: Api, admin: httpx.Client) -> None:
    body = {
        "provider": "compatible",
        "base_url": api.llm.base_url,
        "model": "tiny-chat",
        "key": KEY,
        "monthly_cap": 5e6,
    }
    api.llm.script(key=KEY)
    tried = admin.post("/api/admin/models/test", json={name: body[name] for name in ("provider", "base_url", "key")})
    assert (tried.status_code, tried.json()["works"], tried.json()["models"]) == (
        200,
        True,
        ["tiny-chat", "tiny-embed"],
    )
    saved = admin.put("/api/admin/models", json=body)
    assert saved.status_code == 200, saved.text
    for answer in (tried, saved, admin.get("/api/admin/models")):
        assert KEY not in answer.text
        assert KEY[-4:] not in answer.text
    choice = admin.get("/api/admin/models").json()["choice"]
    assert (choice["provider"], choice["key_set"], choice["monthly_cap"]) == ("compatible", True, 5e6)
    assert admin.post("/api/messages", json={"text": "Hello, how are you?"}).json()["state"] == "direct"
    report = admin.get("/api/admin/usage").json()
    assert "tiny-chat" in {row["model"] for row in report["rows"]}
    assert report["total"]["answers"] >= 1


def test_usage_as_a_table(admin: httpx.Client) -> None:
    answer = admin.get("/api/admin/usage.csv", params={"from": "2026-01-01", "to": "2026-01-31"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="usage-2026-01-01-2026-01-31.csv"'
    assert answer.text.startswith("day,model,tokens_in,")
    assert_error(admin.get("/api/admin/usage", params={"from": "2026-02-01", "to": "2026-01-31"}), 422, "period")
    assert_error(admin.get("/api/admin/usage", params={"from": "yesterday"}), 422, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"provider": "magic"}, {"provider": "none", "stamp": "x"}, {"provider": "none", "monthly_cap": -1},
        {"provider": "none", "currency": "euros"}, {"provider": "ollama", "key": "k" * 501},
        {"provider": "compatible", "base_url": "gopher://there"},
    ],
)  # fmt: skip
def test_what_cannot_be_chosen_is_refused(admin: httpx.Client, body: dict[str, object]) -> None:
    answer = admin.put("/api/admin/models", json=body)
    assert answer.status_code == 422, answer.text
    assert "kkk" not in answer.text


def test_users_are_refused(user: httpx.Client) -> None:
    for method, path in (
        ("GET", "models"),
        ("PUT", "models"),
        ("POST", "models/test"),
        ("GET", "usage"),
        ("GET", "usage.csv"),
    ):
        body = {"provider": "none"} if method != "GET" else None
        assert_error(user.request(method, f"/api/admin/{path}", json=body), 403, "forbidden")
