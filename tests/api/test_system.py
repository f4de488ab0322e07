"""GET /api/admin/system: figures for admins alone, and each look is on record."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path

import httpx

from app import __version__
from app.services.reconciler import FINDINGS
from tests.api.conftest import Api, assert_error, upload, wait_ready


def test_admins_see_how_the_server_is_doing(api: Api, user: httpx.Client, admin: httpx.Client, contract: Path) -> None:
    before = admin.get("/api/admin/system").json()
    document = wait_ready(user, upload(user, contract).json()["id"])
    report = admin.get("/api/admin/system").json()
    assert (report["status"], report["components"]["database"]["status"]) == ("ok", "ok")
    counts = report["counts"]
    assert counts["documents"]["personal"] > before["counts"]["documents"]["personal"]
    assert counts["chunks"] >= before["counts"]["chunks"] + document["chunks"] > 0
    assert counts["users"] >= 2
    assert counts["admins"] >= 1
    assert report["disk"]["folders"]["uploads"] >= before["disk"]["folders"]["uploads"] + document["bytes"]
    assert report["disk"]["folders"]["database"] > 0
    assert 0 < report["disk"]["free"] < report["disk"]["total"]
    assert set(report["queues"]) == {"waiting", "working", "deleting", "failed", "answers", "most_answers"}
    assert report["queues"]["most_answers"] == api.services.settings.quotas.all_answers
    assert report["versions"]["ai-manager"] == __version__
    assert report["versions"]["gradio"] == version("gradio")
    assert report["versions"]["sqlite"].startswith("3.")
    points = {(one["kb"], one["model"]): one["points"] for one in report["indexes"] if one["state"] == "live"}
    assert points["personal", "minilm"] == points["personal", "bm25"] >= document["chunks"]
    assert set(report["reconciled"]["findings"]) == {*FINDINGS}


def test_checking_asks_every_part_anew_and_begins_a_comparison(
    api: Api, user: httpx.Client, admin: httpx.Client
) -> None:
    assert_error(user.post("/api/admin/system/check"), 403, "forbidden")
    admin.get("/api/admin/system")
    before, asked = admin.get("/api/admin/system").json(), len(api.llm.requests)
    assert len(api.llm.requests) == asked, "the language model is asked once a minute"
    report = admin.post("/api/admin/system/check").json()
    assert len(api.llm.requests) > asked
    assert report["components"]["language_model"]["status"] == "ok"
    deadline = time.monotonic() + 20
    while (last := admin.get("/api/admin/system").json()["reconciled"]["finished"]) == before["reconciled"]["finished"]:
        assert time.monotonic() < deadline, last
        time.sleep(0.2)
    looks = admin.get("/api/audit", params={"action": "system.check"}).json()["items"]
    assert [row["outcome"] for row in looks[:2]] == ["granted", "refused"]


def test_everybody_else_is_refused_and_both_are_on_record(user: httpx.Client, admin: httpx.Client) -> None:
    assert_error(user.get("/api/admin/system"), 403, "forbidden")
    refused = user.get("/api/audit").json()["items"][0]
    assert (refused["action"], refused["outcome"]) == ("system.read", "refused")
    assert admin.get("/api/admin/system").status_code == 200
    seen = admin.get("/api/audit", params={"action": "system.read"}).json()["items"][0]
    assert seen["outcome"] == "granted"
