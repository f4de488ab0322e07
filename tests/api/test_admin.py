"""Accounts by admins: listing, roles, shutting out; what others are refused, and the last admin."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from app.config import AuthSettings
from app.db import Database
from app.errors import AppError, Conflict
from app.models import AuditEvent, LoginSession, User, now
from app.principal import Principal, authenticated
from app.services.accounts import check_not_last_admin
from app.services.administration import Administration
from app.services.audit import AuditLog
from app.services.users import UserService
from tests.api.conftest import PASSWORD, Api, assert_error


def account(api: Api) -> tuple[httpx.Client, str, str]:
    client, pair = api.register()
    return client, api.services.users.by_email(pair["email"]).id, pair["email"]


def test_admins_see_every_account(api: Api, admin: httpx.Client) -> None:
    client, user_id, email = account(api)
    client.close()
    found: dict[str, dict[str, object]] = {}
    after: str | None = None
    while True:
        page = admin.get("/api/admin/users", params={"limit": 3, **({"after": after} if after else {})}).json()
        found |= {one["id"]: one for one in page["items"]}
        if (after := page["next"]) is None:
            break
    assert set(found[user_id]) == {"id", "email", "role", "disabled", "created", "last_seen", "documents", "bytes"}
    assert (found[user_id]["email"], found[user_id]["role"], found[user_id]["disabled"]) == (email, "user", False)


def test_an_account_is_found_by_a_part_of_its_address(api: Api, admin: httpx.Client) -> None:
    client, user_id, email = account(api)
    client.close()
    found = admin.get("/api/admin/users", params={"search": f" {email[4:20].upper()} "}).json()["items"]
    assert [one["id"] for one in found] == [user_id]
    for nobody in ("%", "_", email[4:20] + "%"):
        items = admin.get("/api/admin/users", params={"search": nobody}).json()["items"]
        assert items == [], "a sign is a sign, and no pattern"


def test_what_an_account_keeps_and_when_it_was_here(api: Api, admin: httpx.Client) -> None:
    client, user_id, email = account(api)
    with client:
        for number in (1, 2):
            body = {"title": f"Note {number}", "text": f"The {number}. bar is silent."}
            assert client.post("/api/documents/notes", json=body).status_code == 202
        kept = client.get("/api/documents").json()["items"]
        [seen] = admin.get("/api/admin/users", params={"search": email}).json()["items"]
    assert (seen["documents"], seen["bytes"]) == (2, sum(one["bytes"] for one in kept))
    assert abs(datetime.fromisoformat(seen["last_seen"]).replace(tzinfo=UTC) - now()) < timedelta(minutes=2)
    api.services.sessions.close_all(user_id)
    fresh = admin.post("/api/admin/users", json={"email": f"{uuid.uuid4().hex}@example.com"}).json()
    [unseen] = admin.get("/api/admin/users", params={"search": fresh["email"]}).json()["items"]
    assert (unseen["last_seen"], unseen["documents"], unseen["bytes"]) == (None, 0, 0)


def test_an_added_user_signs_in_with_the_password_that_was_made(
    api: Api, admin: httpx.Client, user: httpx.Client, anyone: httpx.Client
) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    assert_error(user.post("/api/admin/users", json={"email": email}), 403, "forbidden")
    answer = admin.post("/api/admin/users", json={"email": email, "role": "admin"})
    made = answer.json()
    assert (answer.status_code, made["role"]) == (201, "admin")
    assert re.fullmatch(r"[a-z2-9]{5}(-[a-z2-9]{5}){3}", made["password"])
    pair = anyone.post("/api/auth/token", json={"email": email, "password": made["password"]}).json()
    with api.client(Authorization=f"Bearer {pair['access_token']}") as newcomer:
        assert newcomer.get("/api/admin/users").status_code == 200
    assert_error(admin.post("/api/admin/users", json={"email": email}), 409, "already_registered")
    assert_error(admin.post("/api/admin/users", json={"email": "no address"}), 422, "invalid_email")
    assert_error(admin.post("/api/admin/users", json={"email": email, "password": "mine"}), 422, "invalid_request")
    row = admin.get("/api/audit", params={"action": "add_user", "object_id": made["id"]}).json()["items"][0]
    assert (row["door"], row["object_email"]) == ("token", email)
    assert made["password"] not in str(row)


def test_a_new_password_ends_the_old_one_and_every_sign_in(
    api: Api, admin: httpx.Client, user: httpx.Client, anyone: httpx.Client
) -> None:
    client, user_id, email = account(api)
    with client:
        assert_error(user.post(f"/api/admin/users/{user_id}/password"), 403, "forbidden")
        assert client.get("/api/profile").status_code == 200
        made = admin.post(f"/api/admin/users/{user_id}/password").json()
        assert client.get("/api/profile").status_code == 401
    old, new = ({"email": email, "password": one} for one in (PASSWORD, made["password"]))
    assert anyone.post("/api/auth/token", json=new).status_code == 200
    assert_error(anyone.post("/api/auth/token", json=old), 401, "wrong_credentials")
    assert_error(admin.post("/api/admin/users/nobody/password"), 404, "not_found")
    found = admin.get("/api/audit", params={"action": "reset_password", "limit": 3}).json()["items"]
    assert [(row["outcome"], row["object_id"]) for row in found] == [
        ("refused", None), ("granted", user_id), ("refused", user_id),
    ]  # fmt: skip


def test_everybody_else_is_refused_and_noted(user: httpx.Client, api: Api) -> None:
    client, victim, _ = account(api)
    with client:
        assert_error(user.get("/api/admin/users"), 403, "forbidden")
        assert_error(user.patch(f"/api/admin/users/{victim}", json={"disabled": True}), 403, "forbidden")
        assert client.get("/api/profile").status_code == 200
    found = [(row["action"], row["outcome"], row["object_id"]) for row in user.get("/api/audit").json()["items"]]
    assert found[:2] == [("change_user", "refused", victim), ("list_users", "refused", None)]


def test_a_disabled_user_is_out_at_once_and_may_be_let_in_again(
    api: Api, admin: httpx.Client, anyone: httpx.Client
) -> None:
    client, user_id, email = account(api)
    with client:
        assert admin.patch(f"/api/admin/users/{user_id}", json={"disabled": True}).json()["disabled"] is True
        assert client.get("/api/profile").status_code == 401
        again = {"email": email, "password": PASSWORD}
        assert_error(anyone.post("/api/auth/token", json=again), 401, "wrong_credentials")
        assert admin.patch(f"/api/admin/users/{user_id}", json={"disabled": False}).json()["disabled"] is False
        assert client.get("/api/profile").status_code == 401, "the old sign-in stays ended"
        assert anyone.post("/api/auth/token", json=again).status_code == 200


def test_a_demoted_admin_has_no_admin_door_left(api: Api, admin: httpx.Client, anyone: httpx.Client) -> None:
    client, user_id, email = account(api)
    with client:
        assert admin.patch(f"/api/admin/users/{user_id}", json={"role": "admin"}).json()["role"] == "admin"
        assert client.get("/api/admin/users").status_code == 200, "from the next request on"
        assert admin.patch(f"/api/admin/users/{user_id}", json={"role": "user"}).json()["role"] == "user"
        assert client.get("/api/admin/users").status_code == 401
    pair = anyone.post("/api/auth/token", json={"email": email, "password": PASSWORD}).json()
    with api.client(Authorization=f"Bearer {pair['access_token']}") as back:
        assert back.get("/api/admin/users").status_code == 403
    found = admin.get("/api/audit", params={"limit": 200}).json()["items"]
    about = [(row["action"], row["outcome"]) for row in found if row["object_id"] == user_id and row["door"] == "token"]
    assert about == [("demote_user", "granted"), ("promote_user", "granted")]


@pytest.mark.parametrize("body", [{}, {"role": "root"}, {"disabled": "perhaps"}, {"id": "x", "role": "admin"}])
def test_what_cannot_be_changed_is_refused(api: Api, admin: httpx.Client, body: dict[str, str]) -> None:
    client, user_id, _ = account(api)
    with client:
        answer = admin.patch(f"/api/admin/users/{user_id}", json=body)
        assert answer.status_code == 422, answer.text
        assert client.get("/api/admin/users").status_code == 403


def test_nobody_is_not_found(admin: httpx.Client) -> None:
    assert_error(admin.patch("/api/admin/users/nobody", json={"disabled": True}), 404, "not_found")


# The last admin, in a database of its own


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'app.db'}")
    database.migrate()
    yield database
    database.close()


def administration_of(db: Database) -> Administration:
    audit = AuditLog(b"k")
    return Administration(db, audit, UserService(db, audit, AuthSettings()))


def admin_in(db: Database, name: str) -> Principal:
    user = User(email=f"{name}@example.com", password_hash="-", role="admin")
    sign_in = LoginSession(user_id=user.id, kind="api", secret_sha256=name, expires=now())
    with db.session() as session:
        session.add(user)
        session.flush()
        session.add(sign_in)
    return authenticated(user.id, "admin", "token", sign_in.id)


@pytest.mark.parametrize("change", [{"role": "user"}, {"disabled": True}])
def test_the_last_admin_stays(db: Database, change: dict[str, object]) -> None:
    anna, administration = admin_in(db, "anna"), administration_of(db)
    with pytest.raises(Conflict, match="last admin") as caught:
        administration.change(anna, anna.user_id, **change)  # type: ignore[arg-type]
    assert caught.value.code == "last_admin"
    admin_in(db, "ben")
    administration.change(anna, anna.user_id, **change)  # type: ignore[arg-type]
    with db.reading() as session:
        assert [row.revoked for row in session.exec(select(LoginSession).order_by(LoginSession.secret_sha256))] == [
            True,
            False,
        ]
        assert len(session.exec(select(AuditEvent)).all()) == 1


def test_two_admins_who_demote_each_other_at_once_leave_one(db: Database) -> None:
    anna, ben = admin_in(db, "anna"), admin_in(db, "ben")
    administration, start, told = administration_of(db), threading.Barrier(2), []

    def demote(by: Principal, whom: Principal) -> None:
        start.wait()
        try:
            administration.change(by, whom.user_id, role="user")
        except AppError as error:
            told.append(error.code)

    threads = [threading.Thread(target=demote, args=pair) for pair in ((anna, ben), (ben, anna))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading() as session:
        assert len(session.exec(select(User).where(User.role == "admin")).all()) == 1
    assert told == ["last_admin"]


def test_the_last_admin_does_not_leave_others_alone(db: Database) -> None:
    """Who is alone on a server may go; whoever has users must name another admin first."""
    anna = admin_in(db, "anna")
    with db.session() as session:
        check_not_last_admin(session, anna.user_id)
        session.add(User(email="user@example.com", password_hash="-"))
        session.flush()
        with pytest.raises(Conflict, match="make somebody else an admin"):
            check_not_last_admin(session, anna.user_id)
    admin_in(db, "ben")
    with db.session() as session:
        check_not_last_admin(session, anna.user_id)


def test_an_account_of_the_last_admin_is_not_deleted(api: Api, admin: httpx.Client) -> None:
    """Over the wire: nothing of it is touched."""
    with api.services.db.session() as session:
        others = session.exec(select(User).where(User.role == "admin")).all()
        mine = admin.get("/api/account").json()["id"]
        moved = [one for one in others if one.id != mine and not one.disabled]
        for one in moved:
            one.disabled = True
            session.add(one)
    try:
        assert_error(admin.delete("/api/account", params={"confirm": True}), 409, "last_admin")
        assert admin.get("/api/account").status_code == 200
    finally:
        with api.services.db.session() as session:
            for one in moved:
                session.get_one(User, one.id).disabled = False
