"""Exports and share links over HTTP: the files, the page that anybody with the link can read, and what ends it."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from icalendar import Calendar
from pypdf import PdfReader
from pypdf.generic import StreamObject
from sqlmodel import select

from app.api.shares import reach_of
from app.models import AuditEvent, ShareLink, User, now
from tests.api.conftest import Api, assert_error, wait_ready
from tests.services.exports.papers import clauses, examine

QUESTION = "What commission does my manager of the ferry receive under my contract?"
OTHER = "wombatgrass"  # in everything of the user that nothing below may show
NOBODYS = "0" * 43


class Owner:
    """A user with two artists: a conversation about the one, and everything of the other marked."""

    def __init__(self, api: Api, client: httpx.Client) -> None:
        self.api, self.client = api, client
        artist = client.post("/api/artists", json={"name": "Ferry"}).json()["id"]
        other = client.post("/api/artists", json={"name": f"The {OTHER}s"}).json()["id"]
        client.put("/api/profile", json={"artist_name": f"{OTHER} profile", "bio": f"About {OTHER}."})
        self.contract = self.document(
            "Ferry deal", "The manager of the ferry receives seventeen percent commission. " * 4, artist
        )
        self.secret = self.document(
            f"{OTHER} deal", f"The manager of {OTHER} receives ninety percent commission. " * 4, other
        )
        client.post("/api/messages", json={"text": f"What about {OTHER}?", "artist_id": other})
        made = {"template": "release_single", "goal": "Release the ferry single", "target_date": "2027-06-04"}
        self.plan = client.post("/api/plans", json={**made, "artist_id": artist}).json()
        client.post(
            "/api/plans", json={**made, "goal": f"Release {OTHER}", "title": f"{OTHER} plan", "artist_id": other}
        )
        self.answer = client.post("/api/messages", json={"text": QUESTION, "artist_id": artist}).json()
        assert self.answer["citations"], self.answer
        examine(api.services, self.contract, clauses())
        examine(api.services, self.secret, [{**clauses()[0], "quote": f"The term of {OTHER}."}])

    def document(self, title: str, text: str, artist: str) -> str:
        made = self.client.post("/api/documents/notes", json={"title": title, "text": text, "artist_id": artist}).json()
        assert wait_ready(self.client, made["id"])["status"] == "ready"
        return str(made["id"])

    def share(self, **values: Any) -> dict[str, Any]:
        answer = self.client.post("/api/shares", json={"kind": "answer", "id": self.answer["id"], **values})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def kinds(self) -> dict[str, dict[str, Any]]:
        return {
            "plan": {"kind": "plan", "id": self.plan["id"]}, "answer": {},
            "conversation": {"kind": "conversation", "id": self.answer["conversation"]},
            "clauses": {"kind": "clauses", "id": None, "documents": [self.contract]},
        }  # fmt: skip

    def files(self, wanted: str) -> Iterator[httpx.Response]:
        yield self.client.get(f"/api/plans/{self.plan['id']}/export", params={"format": wanted})
        yield self.client.get(f"/api/messages/{self.answer['id']}/export", params={"format": wanted})
        yield self.client.get(f"/api/conversations/{self.answer['conversation']}/export", params={"format": wanted})
        yield self.client.post("/api/clause-sheets", json={"documents": [self.contract], "format": wanted})


@pytest.fixture(scope="module")
def owner(api: Api) -> Iterator[Owner]:
    with api.register()[0] as client:
        yield Owner(api, client)


def opened(data: bytes, kind: str) -> bytes:
    """Every byte that a file holds, unpacked: the parts of a Word file, the streams of a PDF."""
    if kind == "docx":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return b"\n".join([archive.read(name) for name in archive.namelist()])
    if kind == "pdf":
        reader = PdfReader(io.BytesIO(data))
        numbers = range(1, len(reader.xref[0]) + 1)
        parts = [one.get_data() for one in map(reader.get_object, numbers) if isinstance(one, StreamObject)]
        return b"\n".join([data, *parts, *(page.extract_text().encode() for page in reader.pages)])
    return data


@pytest.mark.parametrize("wanted", ["md", "docx", "pdf", "csv", "ics"])
def test_a_file_holds_its_own_thing_and_nothing_of_another(owner: Owner, wanted: str) -> None:
    told = 0
    for answer in owner.files(wanted):
        if wanted == "ics" and answer.status_code == 422:  # only the plan names days
            assert "no day in this" in assert_error(answer, 422, "no_days")
            continue
        assert answer.status_code == 200, answer.text
        bare = opened(answer.content, wanted).lower()
        assert OTHER.encode() not in bare
        told += any(word in bare for word in (b"ferry", b"three (3) years", b"distributor"))
        assert re.fullmatch(
            rf"attachment; filename=\"[\w-]+\.{wanted}\"; filename\*=UTF-8''[\w.%-]+",
            answer.headers["content-disposition"],
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert told == (1 if wanted == "ics" else 4)


def test_a_calendar_of_the_days_in_an_answer(api: Api, owner: Owner) -> None:
    api.llm.script("The option ends on 4 June 2027 [P1].")
    asked = owner.client.post(
        "/api/messages", json={"text": "When does the option of the ferry commission deal end?"}
    ).json()
    answer = owner.client.get(f"/api/messages/{asked['id']}/export", params={"format": "ics"})
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert b"DTSTART;VALUE=DATE:20270604" in answer.content


def test_a_name_of_any_script_reaches_the_file_name(owner: Owner) -> None:
    made = owner.client.post("/api/conversations", json={"title": "Żółć 日本"}).json()
    answer = owner.client.get(f"/api/conversations/{made['id']}/export")
    assert "filename*=UTF-8''" in answer.headers["content-disposition"]
    assert unquote(answer.headers["content-disposition"]).count("żółć-日本") == 1


def test_what_cannot_be_exported_says_why(owner: Owner, stranger: httpx.Client) -> None:
    question = owner.client.get(f"/api/conversations/{owner.answer['conversation']}/messages").json()["items"][0]
    assert_error(owner.client.get(f"/api/messages/{question['id']}/export"), 422, "no_answer")
    assert_error(owner.client.get(f"/api/messages/{owner.answer['id']}/export?format=exe"), 422, "invalid_request")
    assert_error(stranger.get(f"/api/messages/{owner.answer['id']}/export"), 404, "not_found")
    assert_error(owner.client.post("/api/clause-sheets", json={"documents": []}), 422, "invalid_request")
    mixed = {"documents": [owner.contract, "00000000-0000-4000-8000-000000000000"]}
    assert_error(owner.client.post("/api/clause-sheets", json=mixed), 404, "not_found")


def test_a_plan_in_every_format(owner: Owner) -> None:
    """Every step with its day, in the calendar too."""
    files = {wanted: next(owner.files(wanted)).content for wanted in ("md", "docx", "pdf", "csv", "ics")}
    table = list(csv.reader(io.StringIO(files["csv"].decode("utf-8-sig"), newline="")))
    assert [row[1:3] for row in table[1:]] == [[one["due"], one["title"]] for one in owner.plan["steps"]]
    calendar = Calendar.from_ical(files["ics"])
    days = {(str(one["SUMMARY"]), one.decoded("DTSTART").isoformat()) for one in calendar.walk("VEVENT")}
    assert {(one["title"], one["due"]) for one in owner.plan["steps"]} <= days
    words = " ".join(files["md"].decode().split())
    assert all(one["title"] in words.replace("\\", "") for one in owner.plan["steps"])
    page = owner.share(kind="plan", id=owner.plan["id"])
    assert page["title"] == owner.plan["title"]


def test_a_shared_plan_shows_its_progress_and_no_comments(owner: Owner, anyone: httpx.Client) -> None:
    made = owner.share(kind="plan", id=owner.plan["id"])
    step = f"/api/plans/{owner.plan['id']}/steps/{owner.plan['steps'][0]['id']}"
    owner.client.post(f"{step}/comments", json={"text": "Between ourselves: too dear."})
    before = anyone.get(made["url"]).text
    assert f"0 of {len(owner.plan['steps'])} steps done" in before
    assert "Between ourselves" not in before
    assert "Between ourselves" in owner.client.get(f"/api/plans/{owner.plan['id']}/export").text
    owner.client.patch(step, json={"status": "done"})
    assert f"1 of {len(owner.plan['steps'])} steps done" in anyone.get(made["url"]).text


# Links


@pytest.mark.parametrize("kind", ["plan", "answer", "conversation", "clauses"])
def test_a_link_shows_one_thing_to_anybody(owner: Owner, anyone: httpx.Client, kind: str) -> None:
    made = owner.share(**owner.kinds()[kind])
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/s/[A-Za-z0-9_-]{43}", made["url"])
    page = anyone.get(made["url"])
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "ferry" in page.text.lower() or "three (3) years" in page.text
    assert OTHER not in page.text.lower()
    for word in (made["id"], owner.contract, owner.plan["id"], "@example.com"):
        assert word not in page.text
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["x-robots-tag"].startswith("noindex")
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
    assert "set-cookie" not in page.headers


def test_a_link_dies_when_it_is_revoked(owner: Owner, anyone: httpx.Client) -> None:
    made = owner.share()
    assert anyone.get(made["url"]).status_code == 200
    assert made["id"] in [one["id"] for one in owner.client.get("/api/shares").json()["items"]]
    assert owner.client.delete(f"/api/shares/{made['id']}").status_code == 204
    after = anyone.get(made["url"])
    assert after.status_code == 404
    assert "ferry" not in after.text.lower()
    assert after.text == anyone.get(f"/s/{NOBODYS}").text, "as one that never was"
    assert made["id"] not in [one["id"] for one in owner.client.get("/api/shares").json()["items"]]
    assert owner.client.delete(f"/api/shares/{made['id']}").status_code == 204


def test_a_link_dies_in_time_and_with_what_it_shows(api: Api, owner: Owner, anyone: httpx.Client) -> None:
    made = owner.share(days=1)
    with api.services.db.session() as session:
        session.get_one(ShareLink, made["id"]).expires = now() - timedelta(seconds=1)
    assert anyone.get(made["url"]).status_code == 404
    talk = owner.client.post("/api/messages", json={"text": QUESTION}).json()
    made = owner.share(id=talk["id"])
    assert anyone.get(made["url"]).status_code == 200
    owner.client.delete(f"/api/conversations/{talk['conversation']}")
    assert anyone.get(made["url"]).status_code == 404


def test_a_link_dies_with_its_owners_account(api: Api, anyone: httpx.Client) -> None:
    client, account = api.register()
    with client:
        talk = client.post("/api/messages", json={"text": "Hello"}).json()
        made = client.post("/api/shares", json={"kind": "conversation", "id": talk["conversation"]}).json()
        assert anyone.get(made["url"]).status_code == 200
        api.services.users.disable(account["email"])
        assert anyone.get(made["url"]).status_code == 404
        with api.services.db.session() as session:
            session.get_one(User, api.services.users.by_email(account["email"]).id).disabled = False
        assert anyone.get(made["url"]).status_code == 200
        api.services.accounts.delete(_operator(api, account["email"]))
        assert anyone.get(made["url"]).status_code == 404


def test_a_conversation_is_shown_as_far_as_it_went(owner: Owner, anyone: httpx.Client) -> None:
    talk = owner.client.post("/api/messages", json={"text": "Hello there"}).json()
    made = owner.share(kind="conversation", id=talk["conversation"])
    owner.client.post("/api/messages", json={"text": "A marsupial afterwards", "conversation": talk["conversation"]})
    page = anyone.get(made["url"]).text
    assert "Hello there" in page
    assert "marsupial" not in page


def test_nothing_that_is_typed_becomes_markup(api: Api, owner: Owner, anyone: httpx.Client) -> None:
    api.llm.script("<img src=x onerror=alert(1)> **bold** [x](javascript:alert(1)) `</code><script>`")
    talk = owner.client.post("/api/messages", json={"text": "<svg onload=alert(1)> hello"}).json()
    page = anyone.get(owner.share(kind="conversation", id=talk["conversation"])["url"]).text
    assert "&lt;svg onload" in page
    assert not re.search(r"<(svg|script|a |img src=x)", page)
    assert "<strong>bold</strong>" in page


def test_making_and_opening_are_audited_and_the_secret_is_nowhere(api: Api, owner: Owner, anyone: httpx.Client) -> None:
    made = owner.share()
    secret = made["url"].rpartition("/")[2]
    anyone.get(made["url"])
    with api.services.db.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.object_id == made["id"])).all()
        link = session.get_one(ShareLink, made["id"])
    assert [(row.action, row.door, row.outcome) for row in rows] == [
        ("share.create", "token", "granted"), ("share.open", "link", "granted"),
    ]  # fmt: skip
    assert link.opened == 1
    assert secret not in repr(link)
    assert secret not in owner.client.get("/api/shares").text
    logs = api.services.settings.data.dir / "logs"
    assert not [one for one in logs.glob("*") if secret in one.read_text()]
    log = owner.client.get("/api/audit", params={"kind": "reading", "limit": 5}).json()["items"]
    assert log[0]["names"] == {made["id"]: made["title"]}


def test_links_are_ones_own(owner: Owner, stranger: httpx.Client) -> None:
    made = owner.share()
    assert_error(stranger.delete(f"/api/shares/{made['id']}"), 404, "not_found")
    assert_error(stranger.post("/api/shares", json={"kind": "answer", "id": owner.answer["id"]}), 404, "not_found")
    sheet = {"kind": "clauses", "documents": [owner.contract]}
    assert_error(stranger.post("/api/shares", json=sheet), 404, "not_found")
    assert stranger.get("/api/shares").json()["items"] == []
    assert_error(owner.client.post("/api/shares", json={"kind": "answer"}), 422, "id")
    assert_error(owner.client.post("/api/shares", json={"kind": "clauses"}), 422, "documents")


def test_the_link_says_from_where_it_can_be_reached(owner: Owner) -> None:
    made = owner.share()
    assert made["reach"] == "machine"
    assert "nobody else can reach 127.0.0.1" in made["note"]
    hosts = ("localhost", "::1", "192.168.1.7", "manager.local", "studio", "manager.example.org", "8.8.8.8")
    assert [reach_of(host) for host in hosts] == [
        "machine", "machine", "network", "network", "network", "everywhere", "everywhere",
    ]  # fmt: skip


def test_a_broken_link_leads_to_the_same_page(anyone: httpx.Client) -> None:
    for secret in (NOBODYS, "x", "-" * 128):
        answer = anyone.get(f"/s/{secret}")
        assert answer.status_code == 404
        assert "Ask whoever sent it for a new one." in answer.text
    for path in ("/s", "/s/", "/s/a/b", f"/s/{'x' * 129}", "/s/%00"):
        assert anyone.get(path).status_code == 404
    assert anyone.post(f"/s/{NOBODYS}").status_code == 404


def _operator(api: Api, email: str) -> Any:
    from app.principal import local_operator

    return local_operator(api.services.users.by_email(email).id)
