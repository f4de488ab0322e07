"""GET /api/audit: one's own rows for everyone, everybody's for admins, refusals included."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services import access_log
from tests.api.conftest import PASSWORD, Api, assert_error, upload

FIELDS = {
    "id",
    "at",
    "user_id",
    "door",
    "action",
    "outcome",
    "object_id",
    "question_digest",
    "reads",
    "request_id",
    "email",
    "object_email",
    "names",
}
NOBODY = "00000000-0000-4000-8000-000000000000"


def rows(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Without the registration, which every client began with."""
    answer = client.get("/api/audit", params=query)
    assert answer.status_code == 200, answer.text
    return [row for row in answer.json()["items"] if row["action"] != "register"]


def id_of(client: httpx.Client) -> str:
    """The user id of a client: whoever owns the rows it reads."""
    client.post("/api/artists", json={"name": "The Night Shift"})
    user_id: str = rows(client, action="artist.create")[0]["user_id"]
    return user_id


def test_one_reads_ones_own_rows_newest_first(user: httpx.Client, stranger: httpx.Client, contract: Path) -> None:
    mine = upload(user, contract).json()["id"]
    user.get(f"/api/documents/{mine}/file")
    foreign = upload(stranger, contract).json()["id"]
    found = rows(user)
    assert [row["action"] for row in found] == ["document.download", "document.receive"]
    assert [row["object_id"] for row in found] == [mine, mine]
    assert all(set(row) == FIELDS for row in found)
    assert foreign not in str(found)
    assert {(row["door"], row["outcome"]) for row in found} == {("token", "granted")}


def test_an_answer_names_what_it_read_and_no_question(user: httpx.Client) -> None:
    user.post("/api/search", json={"query": "What is a mechanical royalty?"})
    [row] = rows(user, action="search")
    assert len(row["question_digest"]) == 64
    assert "royalty" not in str(row)


def test_attempts_to_sign_in_as_oneself_are_ones_own(api: Api, anyone: httpx.Client) -> None:
    client, pair = api.register()
    for password in (PASSWORD, "not this one at all"):
        anyone.post("/api/auth/token", json={"email": pair["email"], "password": password})
    with client:
        found = rows(client)
    assert [(row["action"], row["outcome"], row["door"]) for row in found] == [
        ("sign_in", "refused", "anonymous"),
        ("sign_in", "granted", "anonymous"),
    ]


def test_pages_follow_each_other(user: httpx.Client) -> None:
    for number in range(5):
        user.post("/api/artists", json={"name": f"Artist {number}"})
    first = user.get("/api/audit?limit=2").json()
    second = user.get(f"/api/audit?limit=2&after={first['next']}").json()
    last = user.get(f"/api/audit?limit=2&after={second['next']}").json()
    ids = [int(row["id"]) for page in (first, second, last) for row in page["items"]]
    assert len(ids) == 6
    assert ids == sorted(ids, reverse=True)
    assert last["next"] is None
    assert_error(user.get("/api/audit?after=yesterday"), 422, "after")


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/api/documents/{}", "document.read"),
        ("GET", "/api/documents/{}/file", "document.download"),
        ("PATCH", "/api/documents/{}", "document.update"),
        ("DELETE", "/api/documents/{}", "document.delete"),
        ("POST", "/api/documents/{}/retry", "document.retry"),
    ],
)
def test_reaching_for_another_users_document_is_noted(
    user: httpx.Client, stranger: httpx.Client, contract: Path, method: str, path: str, action: str
) -> None:
    foreign = upload(user, contract).json()["id"]
    for document_id in (foreign, NOBODY):  # whether it exists makes no difference here either
        body = {"title": "Mine"} if method == "PATCH" else None
        assert_error(stranger.request(method, path.format(document_id), json=body), 404, "not_found")
        [row] = [row for row in rows(stranger) if row["object_id"] == document_id]
        assert (row["action"], row["outcome"], row["reads"]) == (action, "refused", [])


def test_reaching_for_another_users_conversation_is_noted(user: httpx.Client, stranger: httpx.Client) -> None:
    message = user.post("/api/messages", json={"text": "Hello"}).json()
    conversation = message["conversation"]
    stranger.get(f"/api/conversations/{conversation}")
    stranger.get(f"/api/conversations/{conversation}/messages")
    stranger.delete(f"/api/conversations/{conversation}")
    stranger.get(f"/api/messages/{message['id']}/trace")
    stranger.post("/api/messages", json={"text": "Hello", "conversation": conversation})
    assert [(row["action"], row["outcome"]) for row in reversed(rows(stranger))] == [
        ("conversation.read", "refused"),
        ("conversation.read", "refused"),
        ("conversation.delete", "refused"),
        ("message.trace", "refused"),
        ("conversation.read", "refused"),
    ]


def test_writing_to_the_industry_knowledge_is_noted_when_refused(user: httpx.Client, contract: Path) -> None:
    assert_error(upload(user, contract, kb="global"), 403, "forbidden")
    [row] = rows(user)
    assert (row["action"], row["outcome"]) == ("document.receive", "refused")


def test_somebody_elses_log_is_refused_and_that_is_noted(user: httpx.Client, stranger: httpx.Client) -> None:
    foreign = id_of(user)
    assert_error(stranger.get(f"/api/audit?user={foreign}"), 403, "forbidden")
    [row] = rows(stranger)
    assert (row["action"], row["outcome"], row["object_id"]) == ("audit.read", "refused", foreign)
    mine = id_of(stranger)
    assert {row["user_id"] for row in rows(stranger, user=mine)} == {mine}


def test_an_admin_reads_everybodys_and_is_read_too(user: httpx.Client, admin: httpx.Client) -> None:
    mine = id_of(user)
    found = rows(admin, user=mine, action="artist.create")
    assert {(row["user_id"], row["action"]) for row in found} == {(mine, "artist.create")}
    assert len({row["user_id"] for row in rows(admin, limit=200)}) > 1
    looks = rows(admin, action="audit.read")
    assert [row["object_id"] for row in looks[:2]] == [None, mine], "each look is a row, with whom it was about"
    assert {row["outcome"] for row in looks[:2]} == {"granted"}


def test_filters_limit_to_what_fits_all_of_them(user: httpx.Client, stranger: httpx.Client, contract: Path) -> None:
    mine, foreign = upload(user, contract).json()["id"], upload(stranger, contract).json()["id"]
    user.get(f"/api/documents/{mine}/file")
    user.get(f"/api/documents/{foreign}/file")
    assert {row["action"] for row in rows(user, object_id=mine)} == {"document.receive", "document.download"}
    [refused] = rows(user, object_id=foreign, outcome="refused", action="document.download", door="token")
    assert (refused["email"], refused["object_email"]) == (None, None), "addresses are for admins"
    assert rows(user, object_id=foreign, outcome="granted") == []
    assert rows(user, door="session") == []
    at = refused["at"]
    later = [row["id"] for row in rows(user, since=at)]
    assert refused["id"] in later
    assert refused["id"] not in [row["id"] for row in rows(user, until=at)], "'until' is already too late"
    assert {*later} | {row["id"] for row in rows(user, until=at)} == {row["id"] for row in rows(user)}
    assert rows(user, since="2999-01-01T00:00:00") == rows(user, until="2000-01-01T01:00:00+05:00") == []
    assert_error(user.get("/api/audit?since=yesterday"), 422, "invalid_request")


def test_admins_name_a_user_by_address_and_see_addresses_while_the_account_is_there(
    api: Api, admin: httpx.Client
) -> None:
    client, pair = api.register()
    with client:
        gone = id_of(client)
        found = rows(admin, user=pair["email"].upper(), action="artist.create")
        assert [(row["user_id"], row["email"]) for row in found] == [(gone, pair["email"])]
        assert client.delete("/api/account?confirm=true").status_code == 204
    assert rows(admin, user=pair["email"]) == []
    found = rows(admin, user=gone, action="artist.create")
    assert [(row["user_id"], row["email"]) for row in found] == [(gone, None)], "the id stays"


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_same_rows_come_as_a_file(user: httpx.Client, admin: httpx.Client) -> None:
    mine = id_of(user)
    own = user.get("/api/audit.csv")
    assert own.headers["content-disposition"].startswith('attachment; filename="audit-20')
    assert [row["id"] for row in table(own)] == [row["id"] for row in user.get("/api/audit").json()["items"]]
    everybodys = table(admin.get("/api/audit.csv", params={"user": mine, "action": "artist.create"}))
    assert [(row["user_id"], row["action"]) for row in everybodys] == [(mine, "artist.create")]
    assert everybodys[0]["email"].endswith("@example.com")
    looks = rows(admin, action="audit.read")
    assert looks[0]["object_id"] == mine, "a download is a look"
    assert_error(user.get("/api/audit.csv", params={"user": looks[0]["user_id"]}), 403, "forbidden")


def test_a_file_has_as_many_pages_as_it_needs(api: Api, user: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        user.post("/api/artists", json={"name": f"Artist {number}"})
    monkeypatch.setattr(access_log, "PAGE", 2)
    ids = [row["id"] for row in user.get("/api/audit").json()["items"]]
    assert [row["id"] for row in table(user.get("/api/audit.csv"))] == ids
    assert len(ids) == 6
    monkeypatch.setattr(access_log, "DOWNLOADED", 4)
    assert [row["id"] for row in table(user.get("/api/audit.csv"))] == ids[:4]


def test_no_cell_is_a_formula(api: Api, admin: httpx.Client) -> None:
    made = admin.post("/api/admin/users", json={"email": "=cmd+a1@example.com"}).json()
    found = table(admin.get("/api/audit.csv", params={"action": "add_user", "object_id": made["id"]}))
    assert [row["object_email"] for row in found] == ["'=cmd+a1@example.com"]


def test_no_audit_no_look(api: Api, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(api.services.audit, "record", broken)
    assert_error(admin.get("/api/audit"), 500, "internal")
    assert_error(admin.get("/api/audit.csv"), 500, "internal")


def test_ids_come_with_their_names_where_they_are_there_and_ones_own(
    user: httpx.Client, admin: httpx.Client, contract: Path
) -> None:
    document = upload(user, contract, title="My management deal").json()
    user.get(f"/api/documents/{document['id']}/file")
    artist = user.post("/api/artists", json={"name": "Paper Kite"}).json()["id"]
    found = rows(user)
    assert found[0]["names"] == {artist: "Paper Kite"}
    assert found[1]["names"] == {document["id"]: document["title"]}
    assert {name for row in rows(admin, user=id_of(user)) for name in row["names"]} == set(), "an admin reads no titles"
    user.delete(f"/api/documents/{document['id']}")
    assert {row["object_id"]: row["names"] for row in rows(user)}[document["id"]] == {}


def test_a_sort_of_things_is_chosen(user: httpx.Client, contract: Path) -> None:
    document = upload(user, contract).json()["id"]
    user.get(f"/api/documents/{document}/file")
    user.get(f"/api/documents/{NOBODY}")
    assert [row["action"] for row in rows(user, kind="reading")] == ["document.download"]
    assert [row["action"] for row in rows(user, kind="changes")] == ["document.read", "document.receive"]
    assert [row["action"] for row in rows(user, kind="refused")] == ["document.read"]
    assert rows(user, kind="sign_ins") == []  # but the registration, which `rows` leaves out
    assert_error(user.get("/api/audit?kind=everything"), 422, "invalid_request")


def test_one_sees_that_an_admin_looked(user: httpx.Client, admin: httpx.Client, stranger: httpx.Client) -> None:
    mine = id_of(user)
    admin.get(f"/api/audit?user={mine}")
    stranger.get(f"/api/audit?user={mine}")
    [seen] = [row for row in rows(user) if row["user_id"] != mine]
    assert (seen["action"], seen["outcome"], seen["object_id"]) == ("audit.read", "granted", mine)
