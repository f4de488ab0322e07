from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app.auth.authenticate import KEEP_SECONDS
from app.config import AuthSettings
from app.db import Database
from app.errors import Unavailable
from app.principal import Principal
from app.services.sessions import SessionService
from tests.auth.support import Accounts


def who(accounts: Accounts, *headers: tuple[str, str], scheme: str = "http") -> Principal | None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope: dict[str, Any] = {"type": "http", "scheme": scheme, "headers": raw}
    return asyncio.run(accounts.authenticator.authenticate(scope))


def test_a_cookie_is_a_session_and_a_bearer_a_token(accounts: Accounts) -> None:
    user = accounts.user("dana")
    by_cookie = who(accounts, *accounts.cookie(user).items())
    assert by_cookie is not None
    assert (by_cookie.user_id, by_cookie.role, by_cookie.kind) == (user.id, "user", "session")
    by_token = who(accounts, *accounts.bearer(user).items())
    assert by_token is not None
    assert (by_token.user_id, by_token.kind) == (user.id, "token")
    assert by_token.session_id != by_cookie.session_id


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("cookie", "aim_session=")],
        [("cookie", "aim_session=nonsense; other=1")],
        [("authorization", "Bearer ")],
        [("authorization", "Bearer nonsense")],
        [("authorization", "Basic ZGFuYTp4")],
    ],
)
def test_everything_else_is_nobody(accounts: Accounts, headers: list[tuple[str, str]]) -> None:
    assert who(accounts, *headers) is None


def test_a_bad_bearer_never_falls_back_to_the_cookie(accounts: Accounts) -> None:
    cookie = accounts.cookie(accounts.user("dana"))["cookie"]
    assert who(accounts, ("cookie", cookie)) is not None
    assert who(accounts, ("authorization", "Bearer nonsense"), ("cookie", cookie)) is None
    assert who(accounts, ("authorization", "bearer"), ("cookie", cookie)) is not None, "no bearer token at all"


def test_two_credentials_are_nobody(accounts: Accounts) -> None:
    user = accounts.user("dana")
    bearer = accounts.bearer(user)["authorization"]
    assert who(accounts, ("authorization", bearer), ("authorization", bearer)) is None
    assert who(accounts, ("authorization", "Basic x"), ("authorization", bearer)) is None


def test_the_host_cookie_counts_on_https_and_the_plain_one_on_http(accounts: Accounts) -> None:
    secret = accounts.cookie(accounts.user("dana"))["cookie"].removeprefix("aim_session=")
    plain, bound = ("cookie", f"aim_session={secret}"), ("cookie", f"__Host-aim_session={secret}")
    assert who(accounts, plain) is not None
    assert who(accounts, bound) is None
    assert who(accounts, plain, scheme="https") is None
    assert who(accounts, bound, scheme="https") is not None


def test_role_and_state_are_read_on_every_request(accounts: Accounts) -> None:
    user = accounts.user("dana")
    doors = [next(iter(accounts.cookie(user).items())), next(iter(accounts.bearer(user).items()))]
    accounts.users.promote("dana@example.com")
    for door in doors:
        principal = who(accounts, door)
        assert principal is not None
        assert principal.is_admin
    accounts.users.disable("dana@example.com")
    assert [who(accounts, door) for door in doors] == [None, None]


def test_signing_out_voids_the_access_token_at_once(accounts: Accounts) -> None:
    user = accounts.user("dana")
    bearer = next(iter(accounts.bearer(user).items()))
    principal = who(accounts, bearer)
    assert principal is not None
    assert principal.session_id is not None
    accounts.sessions.close(principal.session_id)
    assert who(accounts, bearer) is None


def test_a_token_is_good_for_the_session_it_names_only(accounts: Accounts) -> None:
    dana, eli = accounts.user("dana"), accounts.user("eli")
    session, _ = accounts.sessions.open_api(eli.id)
    token, _ = accounts.tokens.issue(dana.id, session.id)
    assert who(accounts, ("authorization", f"Bearer {token}")) is None


def test_an_expired_token_is_nobody(accounts: Accounts) -> None:
    bearer = next(iter(accounts.bearer(accounts.user("dana")).items()))
    accounts.clock.pass_by(minutes=11)
    assert who(accounts, bearer) is None


def test_a_database_that_is_away_is_told_as_that(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = next(iter(accounts.cookie(accounts.user("dana")).items()))

    def away(_secret: str) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(accounts.sessions, "by_secret", away)
    with pytest.raises(Unavailable, match="database does not answer"):
        who(accounts, cookie)


def test_what_was_read_is_kept_for_a_second_and_void_once_a_sign_in_ends(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = accounts.user("alice"), accounts.user("bob")
    cookie, bearer = [*accounts.cookie(alice).items()], [*accounts.bearer(alice).items()]
    looks: list[str] = []

    def noted(name: str) -> None:
        real = getattr(accounts.sessions, name)

        def look(key: str) -> Any:
            looks.append(name)
            return real(key)

        monkeypatch.setattr(accounts.sessions, name, look)

    noted("by_secret")
    noted("alive")
    moment = [100.0]
    accounts.authenticator._clock = lambda: moment[0]
    for _ in range(3):
        assert who(accounts, *cookie) is not None
        assert who(accounts, *bearer) is not None
    assert looks == ["by_secret", "alive"]
    moment[0] += KEEP_SECONDS
    assert who(accounts, *cookie) is not None
    assert looks == ["by_secret", "alive", "by_secret"]
    accounts.sessions.close_all(bob.id)  # anybody's: it is not asked whose
    assert who(accounts, *cookie) is not None
    assert looks[3:] == ["by_secret"]
    accounts.sessions.close_all(alice.id)
    assert who(accounts, *cookie) is None
    assert who(accounts, *bearer) is None


def test_another_process_s_revocation_is_seen_after_that_second(accounts: Accounts) -> None:
    alice = accounts.user("alice")
    cookie = [*accounts.cookie(alice).items()]
    moment = [100.0]
    accounts.authenticator._clock = lambda: moment[0]
    assert who(accounts, *cookie) is not None
    elsewhere = Database(accounts.db.url)
    SessionService(elsewhere, AuthSettings(), accounts.clock).close_all(alice.id)
    elsewhere.close()
    moment[0] += KEEP_SECONDS
    assert KEEP_SECONDS < 5  # ASVS 5.0, 7.4.1, by way of threats.md A7
    assert who(accounts, *cookie) is None


def test_using_a_sign_in_does_not_void_what_others_read(accounts: Accounts) -> None:
    cookie = [*accounts.cookie(accounts.user("alice")).items()]
    before = accounts.db.sign_ins
    accounts.clock.pass_by(minutes=5)
    assert who(accounts, *cookie) is not None  # noted in SQL, as it is each minute
    assert accounts.db.sign_ins == before
