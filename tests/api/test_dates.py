"""Dates and what documents say, over REST."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.api.conftest import assert_error, wait_ready

WAIT_SECONDS = 20
TEXT = """Management agreement

This agreement is made on 1 March 2026 between Anna Ash ("the Artist") and Bo Birch ("the Manager").
The term is ten years from its date and ends on 28 February 2036. Either side gives notice 60 days before the end of the term.
The Manager receives a commission of 18 % of the gross income."""


def read(client: httpx.Client, document_id: str) -> dict[str, Any]:
    """What was read out of a document, once it was."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found: dict[str, Any] = client.get(f"/api/documents/{document_id}/insight").json()
        if found["read"]:
            return found
        time.sleep(0.1)
    raise AssertionError("not read")


def add(client: httpx.Client, text: str = TEXT, title: str = "Management deal") -> str:
    kept = client.post("/api/documents/notes", json={"title": f"{title} {uuid.uuid4().hex[:6]}", "text": text}).json()
    assert wait_ready(client, kept["id"])["status"] == "ready"
    return str(kept["id"])


def test_a_document_is_read_after_ingestion_and_its_dates_wait_for_their_owner(user: httpx.Client) -> None:
    document_id = add(user)
    found = read(user, document_id)
    assert (found["kind"], found["contract"]) == ("management", True)
    days = {(one["label"], one["day"]): one for one in found["dates"]}
    notice = days["Last day to give notice", "2035-12-30"]
    assert notice["rule"] == "60 days before the end of the term, 28 February 2036"
    assert notice["quote"] in TEXT
    assert (notice["status"], notice["chunk_id"] is not None) == ("proposed", True)
    assert ("End of the term", "2036-02-28") in days
    listed = user.get("/api/dates", params={"document_id": document_id}).json()["items"]
    assert [one["id"] for one in listed] == [one["id"] for one in found["dates"]]
    assert user.get("/api/dates", params={"status": "accepted"}).json()["items"] == []


def test_a_date_is_confirmed_changed_and_put_away(user: httpx.Client) -> None:
    read(user, add(user))
    first, second = user.get("/api/dates").json()["items"][:2]
    kept = user.patch(f"/api/dates/{first['id']}", json={"status": "accepted", "day": "2035-12-01"}).json()
    assert (kept["status"], kept["day"], kept["rule"]) == ("accepted", "2035-12-01", "")
    assert user.delete(f"/api/dates/{second['id']}").status_code == 204
    assert [one["id"] for one in user.get("/api/dates", params={"status": "declined"}).json()["items"]] == [
        second["id"]
    ]
    assert_error(user.patch(f"/api/dates/{first['id']}", json={"day": "1600-01-01"}), 422, "day")


def test_dates_of_ones_own_count_at_once_and_go_for_good(user: httpx.Client) -> None:
    day = datetime.now(UTC).date() + timedelta(days=9)
    made = user.post("/api/dates", json={"label": " Mix  due ", "day": day.isoformat()})
    assert made.status_code == 201
    assert (made.json()["label"], made.json()["status"], made.json()["days_left"]) == ("Mix due", "accepted", 9)
    assert user.delete(f"/api/dates/{made.json()['id']}").status_code == 204
    assert user.get("/api/dates").json()["items"] == []


def test_dates_come_in_pages_by_their_day(user: httpx.Client) -> None:
    for day in ("2030-03-01", "2030-01-01", "2030-02-01", "2030-02-01"):
        user.post("/api/dates", json={"label": day, "day": day})
    seen, after = [], None
    while True:
        page = user.get("/api/dates", params={"limit": 2, **({"after": after} if after else {})}).json()
        seen += [one["day"] for one in page["items"]]
        if (after := page["next"]) is None:
            break
    assert seen == ["2030-01-01", "2030-02-01", "2030-02-01", "2030-03-01"]


def test_somebody_elses_dates_and_documents_are_not_there(user: httpx.Client, stranger: httpx.Client) -> None:
    document_id = add(user)
    mine = read(user, document_id)["dates"][0]["id"]
    assert_error(stranger.get(f"/api/documents/{document_id}/insight"), 404, "not_found")
    assert_error(stranger.patch(f"/api/dates/{mine}", json={"status": "accepted"}), 404, "not_found")
    assert_error(stranger.delete(f"/api/dates/{mine}"), 404, "not_found")
    assert_error(stranger.get("/api/dates", params={"document_id": document_id}), 404, "not_found")
    assert_error(stranger.get("/api/dates", params={"after": mine}), 404, "not_found")


def test_what_a_deleted_document_named_is_gone_at_once(user: httpx.Client) -> None:
    document_id = add(user)
    mine = read(user, document_id)["dates"][0]["id"]
    user.patch(f"/api/dates/{mine}", json={"status": "accepted"})
    user.delete(f"/api/documents/{document_id}")
    assert user.get("/api/dates").json()["items"] == []
    assert_error(user.patch(f"/api/dates/{mine}", json={"status": "declined"}), 404, "not_found")


def test_documents_are_listed_by_what_they_were_read_as(user: httpx.Client, stranger: httpx.Client) -> None:
    deals = [
        add(user, TEXT.replace("18 %", f"{rate} %"), name) for rate, name in ((17, "East"), (18, "West"), (19, "North"))
    ]
    for one in deals:
        read(user, one)
    read(stranger, add(stranger))

    def listed(**asked: Any) -> dict[str, Any]:
        found: dict[str, Any] = user.get("/api/documents", params={"kb": "personal", **asked}).json()
        return found

    assert [one["id"] for one in listed(document_kind="contract")["items"]] == deals[::-1]
    first = listed(document_kind="management", limit=2)
    assert first["next"] == deals[1]
    assert [one["id"] for one in listed(document_kind="management", limit=2, after=first["next"])["items"]] == deals[:1]
    assert [one["id"] for one in listed(document_kind="management", q="west")["items"]] == [deals[1]]
    assert listed(document_kind="bio")["items"] == []
    assert_error(user.get("/api/documents", params={"document_kind": "novel"}), 422, "invalid_request")
    named = {
        one["name"]: one for one in user.get("/api/openapi.json").json()["paths"]["/api/documents"]["get"]["parameters"]
    }
    assert "agreements of every kind" in named["document_kind"]["description"]
