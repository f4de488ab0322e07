from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlmodel import select

from app.config import AuthSettings
from app.db import Database
from app.errors import AppError, Conflict, Forbidden, NotFound, TooMany, Unauthorized
from app.models import Artist, AuditEvent, User
from app.principal import authenticated
from app.services.audit import AuditLog
from app.services.passwords import UNUSABLE, Passwords, WeakPassword, check_password
from app.services.sessions import SessionService
from app.services.throttle import FORGET_SECONDS, Throttle, network_of
from app.services.users import InvalidEmail, UserService

GOOD = "three chords and the truth"
LONG = "".join(map(chr, range(0x4E00, 0x4E80)))  # 128 characters
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'users.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def service(db: Database, seconds: Seconds, **options: Any) -> UserService:
    return UserService(db, AuditLog(b"k" * 32), AuthSettings(**options), throttle=Throttle(seconds))


@pytest.fixture
def users(db: Database, seconds: Seconds) -> UserService:
    return service(db, seconds)


def audited(db: Database, action: str) -> list[tuple[str, str | None]]:
    with db.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.action == action)).all()
    return [(row.outcome, row.object_id) for row in rows]


# Registration


def test_register_normalises_the_address_and_makes_the_first_artist(db: Database, users: UserService) -> None:
    user = users.register("  Dana.K@Example.COM ", GOOD)
    assert user.email == "dana.k@example.com"
    assert user.role == "user"
    with db.reading() as session:
        artists = session.exec(select(Artist).where(Artist.user_id == user.id)).all()
    assert [artist.name for artist in artists] == ["dana.k"]
    assert audited(db, "register") == [("granted", user.id)]


def test_the_stored_hash_is_argon2id_with_the_chosen_costs(users: UserService) -> None:
    stored = users.register("a@example.com", GOOD).password_hash
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert GOOD not in stored


def test_an_address_is_taken_once_however_it_is_written(users: UserService) -> None:
    users.register("a@example.com", GOOD)
    with pytest.raises(Conflict, match="exists already"):
        users.register("A@EXAMPLE.com", GOOD)


def test_two_registrations_at_once_make_one_account(db: Database, users: UserService, monkeypatch: Any) -> None:
    monkeypatch.setattr(users, "_find", lambda _account: None)  # both looked before either wrote
    users.register("a@example.com", GOOD)
    with pytest.raises(Conflict):
        users.register("a@example.com", GOOD)
    with db.reading() as session:
        assert len(session.exec(select(User)).all()) == 1
        assert len(session.exec(select(Artist)).all()) == 1


def test_closed_registration_refuses_but_the_operator_may_add(db: Database, seconds: Seconds) -> None:
    users = service(db, seconds, registration="closed")
    with pytest.raises(Forbidden, match="Registration is closed"):
        users.register("a@example.com", GOOD)
    assert users.add("a@example.com", GOOD, "admin").role == "admin"


@pytest.mark.parametrize(
    "email", ["", "dana", "@example.com", "dana@", "da na@example.com", "a@b@c", "a@b\nc", "x" * 65 + "@b.c", "<a>@b.c"]
)
def test_what_is_no_address_is_refused(users: UserService, email: str) -> None:
    with pytest.raises(InvalidEmail, match="not an e-mail address"):
        users.register(email, GOOD)


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 129, "ﬁ" * 65])  # the ligature counts as two characters
def test_a_password_outside_the_bounds_is_refused_in_one_sentence(password: str) -> None:
    with pytest.raises(WeakPassword, match="12 to 128 characters"):
        check_password(password)


@pytest.mark.parametrize("password", ["three chords", "påsswörd påss", LONG])
def test_a_password_within_the_bounds_is_accepted(password: str) -> None:
    check_password(password)


# Signing in


def test_verify_returns_the_user_and_audits(db: Database, users: UserService) -> None:
    user = users.add("a@example.com", GOOD)
    assert users.verify(" A@example.com", GOOD, HOME).id == user.id
    assert audited(db, "sign_in") == [("granted", user.id)]


def test_a_password_typed_with_combining_accents_is_the_same_password(users: UserService) -> None:
    users.add("a@example.com", "caf\u00e9 noir et th\u00e9")
    assert users.verify("a@example.com", "cafe\u0301 noir et the\u0301", HOME)


def test_wrong_unknown_and_disabled_are_told_alike(db: Database, users: UserService) -> None:
    user = users.add("a@example.com", GOOD)
    users.add("gone@example.com", GOOD)
    users.disable("gone@example.com")
    told = []
    for email, password in [("a@example.com", "x" * 12), ("nobody@example.com", GOOD), ("gone@example.com", GOOD)]:
        with pytest.raises(Unauthorized) as caught:
            users.verify(email, password, HOME)
        told.append((caught.value.status, caught.value.code, caught.value.sentence))
    assert set(told) == {(401, "wrong_credentials", "E-mail or password is wrong.")}
    assert ("refused", user.id) in audited(db, "sign_in")
    assert ("refused", None) in audited(db, "sign_in")


@pytest.mark.parametrize("nothing", [None, "", UNUSABLE])
def test_an_account_unknown_or_without_password_takes_as_long_as_a_wrong_one(
    users: UserService, nothing: str | None
) -> None:
    users.add("a@example.com", GOOD)
    passwords = users._passwords
    stored = users.by_email("a@example.com").password_hash

    def spent(subject: str | None) -> float:
        started = time.process_time()  # the processor's own time: other work on the machine does not count
        assert not passwords.matches("x" * 20, subject)
        return time.process_time() - started

    pairs = [(spent(nothing), spent(stored)) for _ in range(9)]
    unknown, wrong = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert 0.6 < unknown / wrong < 1.6


def test_the_dummy_password_opens_nothing(users: UserService) -> None:
    with pytest.raises(Unauthorized):
        users.verify("nobody@example.com", "no one has this password", HOME)
    for nothing in (None, "", UNUSABLE):
        assert not users._passwords.matches("no one has this password", nothing)


def test_a_megabyte_password_is_refused_without_hashing(users: UserService, monkeypatch: Any) -> None:
    users.add("a@example.com", GOOD)
    monkeypatch.setattr(users._passwords, "_hasher", None)  # asking it anything fails
    with pytest.raises(Unauthorized):
        users.verify("a@example.com", "x" * 1_000_000, HOME)


def test_an_old_hash_is_renewed_at_sign_in(db: Database, users: UserService) -> None:
    user = users.add("a@example.com", GOOD)
    with db.session() as session:
        row = session.get_one(User, user.id)
        row.password_hash = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD)
    users.verify("a@example.com", GOOD, HOME)
    assert users.get(user.id).password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert users.verify("a@example.com", GOOD, HOME)


def test_at_most_two_hashes_run_and_few_callers_wait(monkeypatch: Any) -> None:
    passwords = Passwords(parallel=2, waiting=3)
    running, most, lock, go = 0, 0, threading.Lock(), threading.Event()
    outcomes: list[str] = []

    def slow_hash(_secret: bytes) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(10)
        with lock:
            running -= 1
        return "hash"

    def call() -> None:
        try:
            outcome = passwords.hash("x" * 12)
        except TooMany:
            outcome = "turned away"
        with lock:
            outcomes.append(outcome)

    monkeypatch.setattr(passwords, "_hasher", SimpleNamespace(hash=slow_hash))
    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while len(outcomes) < 7 and time.monotonic() < deadline:
        time.sleep(0.01)
    go.set()
    for thread in threads:
        thread.join(10)
    assert most == 2
    assert sorted(outcomes) == ["hash"] * 5 + ["turned away"] * 7


# Throttling


def fail(users: UserService, email: str, address: str) -> type[AppError]:
    with pytest.raises(AppError) as caught:
        users.verify(email, "wrong wrong wrong", address)
    return type(caught.value)


def test_guessing_at_one_account_is_slowed_and_the_owner_gets_in_from_elsewhere(
    users: UserService, seconds: Seconds
) -> None:
    users.add("a@example.com", GOOD)
    outcomes = [fail(users, "a@example.com", HOME) for _ in range(20)]
    assert outcomes == [Unauthorized] * 5 + [TooMany] * 15
    with pytest.raises(TooMany) as caught:
        users.verify("a@example.com", GOOD, HOME)
    assert caught.value.retry_after == 1
    assert users.verify("a@example.com", GOOD, ELSEWHERE)
    seconds.now += 1
    assert users.verify("a@example.com", GOOD, HOME)


def test_the_wait_doubles_to_five_minutes_and_is_forgotten(users: UserService, seconds: Seconds) -> None:
    users.add("a@example.com", GOOD)
    for _ in range(5):
        fail(users, "a@example.com", HOME)
    waits = []
    for _ in range(12):
        with pytest.raises(TooMany) as caught:
            users.verify("a@example.com", GOOD, HOME)
        waits.append(caught.value.retry_after)
        seconds.now += caught.value.retry_after or 0
        fail(users, "a@example.com", HOME)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    seconds.now += FORGET_SECONDS + 1
    assert [fail(users, "a@example.com", HOME) for _ in range(5)] == [Unauthorized] * 5


def test_one_address_guessing_at_many_accounts_is_slowed(users: UserService, seconds: Seconds) -> None:
    users.add("a@example.com", GOOD)
    outcomes = [fail(users, f"user{number}@example.com", HOME) for number in range(40)]
    assert outcomes == [Unauthorized] * 20 + [TooMany] * 20
    with pytest.raises(TooMany):
        users.verify("a@example.com", GOOD, HOME)
    assert users.verify("a@example.com", GOOD, ELSEWHERE)
    seconds.now += 60
    assert users.verify("a@example.com", GOOD, HOME)


def test_signing_in_to_an_own_account_buys_no_further_guesses(users: UserService) -> None:
    users.add("mine@example.com", GOOD)
    outcomes = []
    for number in range(30):
        outcomes.append(fail(users, f"user{number}@example.com", HOME))
        if number < 19:
            users.verify("mine@example.com", GOOD, HOME)
    assert outcomes.count(Unauthorized) == 20


def test_rotating_within_one_ipv6_subscription_changes_nothing(users: UserService) -> None:
    outcomes = [fail(users, "a@example.com", f"2001:db8:1:2::{number:x}") for number in range(20)]
    assert outcomes.count(Unauthorized) == 5


def test_guesses_from_ever_new_addresses_are_slowed_by_two_seconds_at_most(
    users: UserService, seconds: Seconds
) -> None:
    users.add("a@example.com", GOOD)
    assert users.verify("a@example.com", GOOD, HOME)
    outcomes = [fail(users, "a@example.com", f"203.0.113.{number}") for number in range(100)]
    assert outcomes.count(Unauthorized) == 20
    assert users.verify("a@example.com", GOOD, HOME), "a place this account signed in from is not held up"
    for number in range(100, 140):  # by now the attack costs the attacker two seconds a guess
        fail(users, "a@example.com", f"203.0.113.{number}")
        seconds.now += 0.5
    with pytest.raises(TooMany) as caught:
        users.verify("a@example.com", GOOD, ELSEWHERE)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after <= 2
    seconds.now += 2
    assert users.verify("a@example.com", GOOD, ELSEWHERE)


def test_whoever_waited_as_told_has_a_turn_however_many_guess_meanwhile(users: UserService, seconds: Seconds) -> None:
    users.add("a@example.com", GOOD)
    for number in range(30):
        fail(users, "a@example.com", f"203.0.113.{number}")
    with pytest.raises(TooMany) as caught:
        users.verify("a@example.com", GOOD, ELSEWHERE)
    assert caught.value.retry_after is not None
    for number in range(10 * caught.value.retry_after):  # others take every moment that comes free
        seconds.now += 0.1
        fail(users, "a@example.com", f"192.0.2.{100 + number}")
    seconds.now += 0.01  # tenths do not add up
    assert users.verify("a@example.com", GOOD, ELSEWHERE)


def test_a_turn_is_good_for_one_attempt(users: UserService, seconds: Seconds) -> None:
    users.add("a@example.com", GOOD)
    for number in range(30):
        fail(users, "a@example.com", f"203.0.113.{number}")
    assert fail(users, "a@example.com", ELSEWHERE) is TooMany
    seconds.now += 2
    assert [fail(users, "a@example.com", ELSEWHERE) for _ in range(3)] == [Unauthorized, TooMany, TooMany]


def test_a_refused_turn_to_hash_is_nobodys_failure(users: UserService, monkeypatch: Any) -> None:
    users.add("a@example.com", GOOD)
    users._passwords._places = threading.BoundedSemaphore(1)
    with users._passwords._turn():
        assert [fail(users, "a@example.com", HOME) for _ in range(30)] == [TooMany] * 30
    assert users.verify("a@example.com", GOOD, HOME)


def test_the_counters_are_bounded(seconds: Seconds) -> None:
    throttle = Throttle(seconds, capacity=30)
    for number in range(500):
        throttle.admit(f"user{number}", f"203.0.{number // 250}.{number % 250}")
    assert len(throttle._counts) <= 30


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("local socket", "local socket"),
    ],
)
def test_network_of(address: str, network: str) -> None:
    assert network_of(address) == network


# Administration


def test_an_unknown_address_names_the_command_that_adds(users: UserService) -> None:
    with pytest.raises(NotFound, match="users add"):
        users.by_email("nobody@example.com")
    with pytest.raises(NotFound):
        users.get("nobody")


def test_promote_disable_and_list(db: Database, users: UserService) -> None:
    user = users.add("a@example.com", GOOD)
    users.add("b@example.com", GOOD)
    assert users.promote("A@example.com").role == "admin"
    assert users.disable("a@example.com").disabled
    listed = users.list()
    assert [(row.email, row.role, row.disabled) for row in listed] == [
        ("a@example.com", "admin", True),
        ("b@example.com", "user", False),
    ]
    assert "password_hash" not in listed[0].model_dump()
    assert not users.disable("a@example.com", disabled=False).disabled
    assert audited(db, "disable_user") == audited(db, "enable_user") == [("granted", user.id)]


def test_disabling_and_resetting_end_every_sign_in(db: Database, users: UserService) -> None:
    sessions = SessionService(db, AuthSettings())
    user = users.add("a@example.com", GOOD)
    first, _ = sessions.open_browser(user.id, True)
    users.disable("a@example.com")
    users.disable("a@example.com", disabled=False)
    assert sessions.by_secret(first) is None
    second, _ = sessions.open_browser(user.id, True)
    users.set_password("a@example.com", "another long password")
    assert sessions.by_secret(second) is None
    assert users.verify("a@example.com", "another long password", HOME)
    users.set_password(user.id, GOOD)
    assert users.verify("a@example.com", GOOD, HOME)
    with pytest.raises(WeakPassword):
        users.set_password(user.id, "short")


def test_changing_the_password_keeps_this_sign_in_and_ends_the_others(db: Database, users: UserService) -> None:
    sessions = SessionService(db, AuthSettings())
    user = users.add("a@example.com", GOOD)
    here, _ = sessions.open_browser(user.id, False)
    phone, _ = sessions.open_browser(user.id, True)
    program, refresh = sessions.open_api(user.id)
    found = sessions.by_secret(here)
    assert found is not None
    principal = authenticated(user.id, "user", "session", found[0].id)

    with pytest.raises(Forbidden, match="current password is wrong"):
        users.change_password(principal, "wrong wrong wrong", "another long password")
    assert sessions.by_secret(phone) is not None
    users.change_password(principal, GOOD, "another long password")

    assert sessions.by_secret(here) is not None
    assert sessions.by_secret(phone) is None
    assert sessions.alive(program.id) is None
    with pytest.raises(Unauthorized):
        sessions.rotate(refresh)
    with pytest.raises(Unauthorized):
        users.verify("a@example.com", GOOD, HOME)
    assert users.verify("a@example.com", "another long password", HOME)
    assert audited(db, "change_password") == [("refused", user.id), ("granted", user.id)]


def test_guessing_the_current_password_from_a_stolen_session_is_slowed(users: UserService) -> None:
    user = users.add("a@example.com", GOOD)
    principal = authenticated(user.id, "user", "session", "session")
    outcomes = []
    for _ in range(8):
        with pytest.raises(AppError) as caught:
            users.change_password(principal, "wrong wrong wrong", "another long password")
        outcomes.append(type(caught.value))
    assert outcomes == [Forbidden] * 5 + [TooMany] * 3


# Registering too often


def test_asking_who_has_an_account_is_slowed_down_per_network(db: Database, seconds: Seconds) -> None:
    """By IPv6 /64: one subscriber holds all addresses of it (threats.md A12)."""
    users = service(db, seconds)
    users.add("taken@example.com", GOOD)
    for number in range(20):
        with pytest.raises(Conflict):
            users.register("taken@example.com", GOOD, f"2001:db8:0:1::{number + 1:x}")
    with pytest.raises(TooMany, match="Too many registrations from here; wait 1 s") as caught:
        users.register("new@example.com", GOOD, "2001:db8:0:1:ffff::1")
    assert caught.value.retry_after == 1
    with pytest.raises(Conflict):
        users.register("taken@example.com", GOOD, "2001:db8:0:2::1")
    seconds.now += 1
    assert users.register("new@example.com", GOOD, "2001:db8:0:1:ffff::1").email == "new@example.com"


def test_accounts_of_one_network_are_counted_but_not_this_machines_own(db: Database, seconds: Seconds) -> None:
    throttle = Throttle(seconds)
    for _ in range(30):
        throttle.admit_newcomer("192.0.2.7").succeed()
    with pytest.raises(TooMany):
        throttle.admit_newcomer("192.0.2.7")
    throttle.admit_newcomer("192.0.2.8")
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        for _ in range(60):
            throttle.admit_newcomer(address).succeed()


def test_a_turn_that_was_not_free_is_nobodys_failed_registration(
    db: Database, users: UserService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: str) -> str:
        raise TooMany("Too many people are signing in at this moment; try again in a few seconds.", retry_after=3)

    with monkeypatch.context() as patched:
        patched.setattr(users._passwords, "hash", full)
        for _ in range(40):
            with pytest.raises(TooMany, match="at this moment"):
                users.register("a@example.com", GOOD, HOME)
    assert users.register("a@example.com", GOOD, HOME).email == "a@example.com"
