"""What two databases could do differently: races for the last place, for one key, for one refresh token; characters that
one of them cannot keep; and the basics of two users. Each over REST, on SQLite and on PostgreSQL."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from app.config import IngestionSettings, QuotaSettings
from app.errors import AppError, Conflict
from app.llm_client import Call
from app.models import DELETING, READY, Conversation, Document, LoginSession, Usage, now
from app.principal import local_operator
from app.services.documents import DocumentService
from app.services.idempotency import LEASE, Idempotency
from app.services.ownership import STAYS, check_artist
from app.services.usage import Grant, record
from tests.api.conftest import Api, assert_error, wait_ready
from tests.at_once import AT_ONCE, together
from tests.postgres import postgres_url
from tests.security.served import deletions_done, served

__all__ = ["postgres_url"]

PLACES = 5  # documents of each user here
QUESTION = "What commission does my manager take?"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Api]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    quotas = {"documents": PLACES, "concurrent_answers": 2 * AT_ONCE}
    folder = tmp_path_factory.mktemp(request.param)
    with served(folder, models_dir, database={"url": url}, quotas=quotas) as running:
        assert running.services.db.is_sqlite == (url is None)
        yield running


@pytest.fixture
def user(api: Api) -> Iterator[httpx.Client]:
    with api.register()[0] as client:
        yield client


def upload(client: httpx.Client, text: str, name: str = "deal.txt", **headers: str) -> httpx.Response:
    return client.post("/api/documents", files={"file": (name, text.encode())}, headers=headers)


def codes(answers: list[httpx.Response]) -> Counter[Any]:
    return Counter(answer.json().get("error", answer.status_code) for answer in answers)


def owned(api: Api, client: httpx.Client) -> list[str]:
    """The ids of one's own documents; each has its file, and nothing else of theirs is on the disk."""
    deletions_done(api.services)
    ids = [row["id"] for row in client.get("/api/documents", params={"kb": "personal", "limit": 200}).json()["items"]]
    uploads = api.services.settings.data.dir / "uploads"
    with api.services.db.reading() as session:
        everybody = set(session.exec(select(Document.id)).all())
    assert {file.name for file in uploads.iterdir()} == everybody
    return ids


# Races


def test_uploads_at_the_edge_of_the_quota_never_pass_it(api: Api, user: httpx.Client) -> None:
    assert upload(user, "the first").status_code == 202
    answers = together(lambda number: upload(user, f"text {number}"))
    assert codes(answers) == {202: PLACES - 1, "quota": AT_ONCE - PLACES + 1}
    assert len(owned(api, user)) == PLACES


def test_bytes_at_the_edge_of_the_quota_neither(api: Api) -> None:
    who = local_operator(api.services.users.by_email(api.register()[1]["email"]).id)
    room = QuotaSettings(bytes=3 * len("text 00"))
    desk = DocumentService(
        api.services.db, api.services.audit, IngestionSettings(), api.services.settings.data.dir, quotas=room
    )

    def put(number: int) -> str:
        try:
            desk.receive(who, kb="personal", filename="a.txt", source=io.BytesIO(f"text {number:02d}".encode()))
        except Conflict as error:
            return error.code
        return "kept"

    assert Counter(together(put)) == {"kept": 3, "quota": AT_ONCE - 3}


def test_the_same_file_at_once_is_one_document(api: Api) -> None:
    client, account = api.register()
    who = local_operator(api.services.users.by_email(account["email"]).id)

    def put(_: int) -> str:
        source = io.BytesIO(b"the same text")
        return api.services.documents.receive(who, kb="personal", filename="a.txt", source=source).id

    with client:
        assert [*set(together(put))] == owned(api, client)


def test_one_key_makes_one_document(api: Api, user: httpx.Client) -> None:
    key = {"Idempotency-Key": "upload-1"}
    answers = together(lambda _: upload(user, "under a key", **key))
    assert set(codes(answers)) <= {202, "in_progress"}
    done = [answer for answer in answers if answer.status_code == 202]
    assert len([answer for answer in done if "idempotent-replayed" not in answer.headers]) == 1, "done once"
    again = upload(user, "under a key", **key)
    assert again.headers["idempotent-replayed"] == "true"
    assert {answer.json()["id"] for answer in [*done, again]} == set(owned(api, user))


def test_one_key_makes_one_message(api: Api, user: httpx.Client) -> None:
    def ask(_: int) -> httpx.Response:
        return user.post("/api/messages", json={"text": QUESTION}, headers={"Idempotency-Key": "ask-1"})

    answers = together(ask)
    assert set(codes(answers)) <= {200, "in_progress"}
    (conversation,) = user.get("/api/conversations").json()["items"]
    messages = user.get(f"/api/conversations/{conversation['id']}/messages").json()["items"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert ask(0).json()["id"] == messages[1]["id"]


def test_what_a_crash_left_is_taken_over_by_one(api: Api) -> None:
    who = local_operator(api.services.users.by_email(api.register()[1]["email"]).id)
    Idempotency(api.services.db, lambda: now() - LEASE).claim(who, "POST /documents", "left", "a" * 64)
    keys = Idempotency(api.services.db)

    def claim(_: int) -> str:
        try:
            keys.claim(who, "POST /documents", "left", "a" * 64)
        except AppError as error:
            return error.code
        return "claimed"

    assert Counter(together(claim)) == {"claimed": 1, "in_progress": AT_ONCE - 1}


def test_one_refresh_token_has_one_child(api: Api) -> None:
    client, pair = api.register()
    with client:
        answers = together(lambda _: client.post("/api/auth/refresh", json={"refresh_token": pair["refresh_token"]}))
        assert codes(answers) == {200: 1, "unauthorized": AT_ONCE - 1}
        (child,) = [answer.json() for answer in answers if answer.status_code == 200]
        bearer = {"Authorization": f"Bearer {child['access_token']}"}
        assert client.get("/api/documents", headers=bearer).status_code == 200, "the clumsy client stays signed in"
        again = client.post("/api/auth/refresh", json={"refresh_token": child["refresh_token"]})
        assert again.status_code == 200
    user_id = api.services.users.by_email(pair["email"]).id
    with api.services.db.reading() as session:
        (family,) = session.exec(select(LoginSession).where(LoginSession.user_id == user_id)).all()
    assert not family.revoked


def test_what_answers_took_is_added_up_whoever_adds_at_once(api: Api) -> None:
    client, pair = api.register()
    client.close()
    user_id = api.services.users.by_email(pair["email"]).id

    def add(_: int) -> None:
        with api.services.db.session() as session:
            record(session, user_id, Grant(name=lambda: "counted", answers=[Call(told=(3, 4))]))

    together(add)
    with api.services.db.reading() as session:
        [row] = session.exec(select(Usage).where(Usage.model == "counted")).all()
    assert (row.tokens_in, row.tokens_out, row.answers) == (3 * AT_ONCE, 4 * AT_ONCE, AT_ONCE)
    api.services.accounts.delete(local_operator(user_id))
    with api.services.db.reading() as session:
        [row] = session.exec(select(Usage).where(Usage.model == "counted")).all()
    assert (row.user_id, row.answers) == (None, AT_ONCE)


def test_a_model_chosen_by_many_at_once_is_one_of_theirs(api: Api) -> None:
    client, pair = api.register()
    api.services.users.promote(pair["email"])
    with client:
        body = {"provider": "compatible", "base_url": api.llm.base_url, "key": "a-key-of-many"}
        statuses = Counter(
            together(lambda number: client.put("/api/admin/models", json={**body, "model": f"m{number}"}).status_code)
        )
        assert statuses[200] >= 1
        assert statuses[200] + statuses[409] == AT_ONCE, statuses
        found = client.get("/api/admin/models").json()
        assert found["choice"]["key_set"]
        assert found["choice"]["model"] in found["in_force"]
        assert client.put("/api/admin/models", json={"provider": "settings"}).json()["works"]


def test_an_artist_stays_while_a_document_or_a_conversation_arrives(api: Api) -> None:
    services = api.services
    who = local_operator(services.users.by_email(api.register()[1]["email"]).id)
    for row in (
        Document(kb="personal", title="a", filename="a", suffix=".txt", status=READY),
        Conversation(user_id=who.user_id),
    ):
        artist = row.artist_id = services.artists.create(who, "Night Ferry").id
        row.user_id = who.user_id
        deleting = threading.Thread(target=services.artists.delete, args=(who, artist))
        with services.db.session() as session:
            check_artist(session, who, artist, STAYS)
            deleting.start()
            deleting.join(0.5)
            assert deleting.is_alive(), "it waits for what arrives, to take it along"
            session.add(row)
        deleting.join(10)
        with services.db.reading() as session:
            left = session.get(type(row), row.id)
        assert left is None or (isinstance(left, Document) and left.status == DELETING)


# Characters

NUL = "a\0b"


def test_no_nul_character_is_a_failure_of_the_server(api: Api, user: httpx.Client) -> None:
    artist = user.post("/api/artists", json={"name": "Night Ferry"}).json()["id"]
    document = upload(user, "some text").json()["id"]
    conversation = user.post("/api/conversations", json={}).json()["id"]
    message = user.post("/api/messages", json={"text": QUESTION, "conversation": conversation}).json()["id"]
    bodies: list[tuple[str, str, Any]] = [
        ("POST", "/api/documents/notes", {"title": NUL, "text": "words"}),
        ("POST", "/api/documents/notes", {"title": "title", "text": "words", "artist_id": NUL}),
        ("PATCH", f"/api/documents/{document}", {"title": NUL}),
        ("PATCH", f"/api/documents/{document}", {"standing": NUL}),
        ("PATCH", f"/api/documents/{document}", {"artist_id": NUL}),
        ("POST", "/api/artists", {"name": NUL}),
        ("PATCH", f"/api/artists/{artist}", {"name": NUL}),
        ("POST", f"/api/artists/{artist}/handover", {"email": f"{NUL}@example.com"}),
        ("POST", "/api/conversations", {"title": NUL}),
        ("POST", "/api/conversations", {"artist_id": NUL}),
        ("PATCH", f"/api/conversations/{conversation}", {"title": NUL}),
        ("POST", "/api/messages", {"text": NUL}),
        ("POST", "/api/messages", {"text": "words", "conversation": NUL}),
        ("POST", "/api/messages", {"text": "words", "documents": [NUL]}),
        ("POST", "/api/messages", {"text": "words", "artist_id": NUL, "stream": True}),
        ("POST", f"/api/messages/{message}/feedback", {"rating": 1, "reason": NUL}),
        ("POST", "/api/search", {"query": NUL}),
        ("POST", "/api/search", {"query": "words", "documents": [NUL]}),
        ("POST", "/api/search", {"query": "words", "artist_id": NUL}),
        ("POST", "/api/auth/register", {"email": f"{NUL}@example.com", "password": "three chords and the truth"}),
        ("POST", "/api/auth/token", {"email": f"{NUL}@example.com", "password": "three chords and the truth"}),
        ("POST", "/api/auth/token", {"email": "a@example.com", "password": NUL}),
        ("POST", "/api/auth/refresh", {"refresh_token": NUL}),
        ("POST", "/api/auth/password", {"old_password": NUL, "new_password": "three chords and the truth"}),
        *(("PUT", "/api/profile", {field: NUL}) for field in user.get("/api/profile").json()),
        *(("GET", f"/api/{place}?after=a%00b", None) for place in ("documents", "artists", "artists/offers")),
        *(("GET", f"/api/{place}?after=1%00", None) for place in ("conversations", "audit")),
        ("GET", f"/api/conversations/{conversation}/messages?after=1%00", None),
        ("GET", "/api/audit?user=a%00b", None),
    ]  # fmt: skip
    accepted: list[str] = []
    for method, path, body in bodies:
        answer = user.request(method, path, json=body)
        if answer.status_code in (401, 403, 404, 422):
            assert_error(answer, answer.status_code, answer.json()["error"])
        else:
            accepted.append(f"{answer.status_code} {method} {path} {body}")
    # Numbers that are none are nobody's: the list is read from its beginning.
    assert accepted == []
    with api.client() as browser:
        page = browser.post("/login", data={"email": NUL, "password": "x"}, headers={"origin": api.url})
        assert (page.status_code, "NUL" in page.text) == (422, True)


def test_nul_characters_in_files_and_their_names_are_left_out(api: Api, user: httpx.Client) -> None:
    note = user.post("/api/documents/notes", json={"title": "Call", "text": f"{NUL} commission of nine percent"})
    assert note.status_code == 202
    assert wait_ready(user, note.json()["id"])["status"] in ("ready", "failed")
    named = upload(user, "a commission of eight percent", name="a\0b.txt")
    assert named.status_code in (202, 400, 422), named.text
    if named.status_code == 202:
        assert "\0" not in named.json()["title"]
    found = user.post("/api/search", json={"query": "commission", "top_k": 50}).text
    assert "\\u0000" not in found
    form = user.post("/api/documents", files={"file": ("a.txt", b"words")}, data={"artist_id": NUL})
    assert form.status_code in (404, 422)


# The basics of two users


def test_two_users_have_each_their_own(api: Api, user: httpx.Client) -> None:
    stranger, _ = api.register()
    with stranger:
        texts = {user: "The manager takes 17 percent of gross income.", stranger: "The manager takes 23 percent."}
        ids = {client: wait_ready(client, upload(client, text).json()["id"])["id"] for client, text in texts.items()}
        for client, other in ((user, stranger), (stranger, user)):
            assert owned(api, client) == [ids[client]]
            found = client.post("/api/search", json={"query": QUESTION, "top_k": 50}).json()["hits"]
            assert {hit["document_id"] for hit in found} == {ids[client]}
            answer = client.post("/api/messages", json={"text": QUESTION}).json()
            assert {cited["document_id"] for cited in answer["citations"]} == {ids[client]}
            for method, path in (
                ("GET", f"/api/documents/{ids[other]}"), ("GET", f"/api/documents/{ids[other]}/file"),
                ("DELETE", f"/api/documents/{ids[other]}"), ("POST", f"/api/documents/{ids[other]}/retry"),
            ):  # fmt: skip
                assert_error(client.request(method, path), 404, "not_found")
            assert_error(other.get(f"/api/conversations/{answer['conversation']}"), 404, "not_found")
            assert_error(other.get(f"/api/messages/{answer['id']}/trace"), 404, "not_found")
        assert user.delete(f"/api/documents/{ids[user]}").status_code == 204
        assert user.post("/api/search", json={"query": QUESTION, "intent": "personal"}).json()["hits"] == []
        assert owned(api, stranger) == [ids[stranger]]
        hits = stranger.post("/api/search", json={"query": QUESTION}).json()["hits"]
        assert {hit["document_id"] for hit in hits} == {ids[stranger]}
