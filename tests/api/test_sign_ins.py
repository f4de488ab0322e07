"""Who is signed in and where, over REST: listed, ended one by one and all at once; a password changed from a browser."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from zipfile import ZipFile

import httpx
import pytest

from app.models import User
from tests.api.conftest import PASSWORD, Api, assert_error

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"


@pytest.fixture
def someone(api: Api) -> User:
    return api.services.users.add(f"{uuid.uuid4().hex}@example.com", PASSWORD)


@contextmanager
def browser(api: Api, user: User, agent: str = FIREFOX) -> Iterator[httpx.Client]:
    """Signed in at the sign-in page, as a browser is."""
    with httpx.Client(base_url=api.url, headers={"origin": api.url, "user-agent": agent}) as client:
        form = {"email": user.email, "password": PASSWORD, "trusted": "yes"}
        assert client.post("/login", data=form).status_code == 303
        yield client


def test_a_browser_learns_who_is_signed_in(api: Api, someone: User, anyone: httpx.Client) -> None:
    with browser(api, someone) as here:
        told = here.get("/api/account").json()
    assert (told["id"], told["email"], told["role"], told["password"]) == (someone.id, someone.email, "user", True)
    assert "hash" not in str(told)
    assert anyone.get("/api/account").status_code == 401


def test_sign_ins_are_listed_with_their_device_and_this_one_is_marked(api: Api, someone: User) -> None:
    with browser(api, someone) as here, browser(api, someone, "nothing known") as there:
        there.get("/api/account")
        items = here.get("/api/account/sessions").json()["items"]
        first = here.get("/api/account/sessions?limit=1").json()
        rest = here.get(f"/api/account/sessions?limit=1&after={first['next']}").json()
    assert [(one["device"], one["current"], one["trusted"]) for one in items] == [
        ("A browser", False, True),
        ("Firefox on Windows", True, True),
    ]
    assert [one["items"][0]["id"] for one in (first, rest)] == [one["id"] for one in items]
    assert rest["next"] is None
    assert "secret" not in str(items)


def test_one_is_ended_and_the_other_stays(api: Api, someone: User) -> None:
    with browser(api, someone) as here, browser(api, someone) as there:
        other = next(one["id"] for one in here.get("/api/account/sessions").json()["items"] if not one["current"])
        assert here.delete(f"/api/account/sessions/{other}").status_code == 204
        assert there.get("/api/account").status_code == 401
        assert_error(here.delete(f"/api/account/sessions/{other}"), 404, "not_found")
        assert [one["current"] for one in here.get("/api/account/sessions").json()["items"]] == [True]
        [row] = here.get("/api/audit?action=session.end").json()["items"][1:]
        assert (row["outcome"], row["object_id"]) == ("granted", other)


@pytest.mark.parametrize(("query", "here_after"), [("?others=true", 200), ("", 401)])
def test_all_are_ended_at_once(api: Api, someone: User, query: str, here_after: int) -> None:
    with browser(api, someone) as here, browser(api, someone) as there:
        answer = here.delete(f"/api/account/sessions{query}")
        assert answer.status_code == 204
        assert ("max-age=0" in answer.headers.get("set-cookie", "").lower()) == (here_after == 401)
        assert there.get("/api/account").status_code == 401
        assert here.get("/api/account").status_code == here_after


def test_a_password_is_changed_from_a_browser_and_leaves_no_program_signed_in(api: Api, someone: User) -> None:
    new = "four other words of mine"
    with browser(api, someone) as here, browser(api, someone) as there:
        change = {"old_password": "not this one at all", "new_password": new}
        assert_error(here.put("/api/account/password", json=change), 403, "wrong_password")
        assert_error(here.put("/api/account/password", json={**change, "new_password": "short"}), 422, "weak_password")
        answer = here.put("/api/account/password", json={"old_password": PASSWORD, "new_password": new})
        assert (answer.status_code, answer.content) == (204, b"")
        assert there.get("/api/account").status_code == 401
        assert [one["kind"] for one in here.get("/api/account/sessions").json()["items"]] == ["browser"]
    assert api.services.users.verify(someone.email, new, "203.0.113.7").id == someone.id


def test_the_archive_tells_of_sign_ins_without_their_secrets(api: Api, someone: User) -> None:
    with browser(api, someone) as here:
        archive = ZipFile(io.BytesIO(here.get("/api/account/export").content))
    told = archive.read("sessions.json").decode()
    assert "Firefox on Windows" in told
    assert "secret" not in told
    assert "sha256" not in told
