"""threats.md A7-A10: what ends with a sign-in, by which way it ends, on every path there is; and pages kept open."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from app.models import Conversation, Message
from tests.api.conftest import PASSWORD, assert_error
from tests.api.test_messages import LONG, until
from tests.security.running import Site, running

HELLO = "Hello, how are you?"  # answered by the model without any document
CUT_SECONDS = 5.0
NEW_PASSWORD = "a longer song than before"
OPEN_PAGES = 6


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("revocation") / "data", quotas={"open_pages": OPEN_PAGES}) as made:
        yield made


class Person:
    """Somebody with a browser, a program and a refresh token, an answer and two connections of a page under way."""

    def __init__(self, site: Site, role: str = "user") -> None:
        self.site = site
        site.llm.script()
        self.program, self.account = site.register()
        self.email: str = self.account["email"]
        if role == "admin":
            site.services.users.promote(self.email)
        self.id = site.services.users.by_email(self.email).id
        self.browser = site.browser(self.email)
        self.tab = uuid.uuid4().hex[:12]
        self.ended_at = 0.0
        self.ended: dict[str, float] = {}
        self.last: dict[str, str] = {}
        self.threads: list[threading.Thread] = []

    def open_streams(self) -> None:
        """Returns once each has brought its first words."""
        self.site.llm.script(LONG, token_seconds=0.1)  # 40 s of words
        question = {"text": HELLO, "stream": True}
        tab = f"/app/gradio_api/heartbeat/{self.tab}"
        assert ask_on_page(self.browser, self.tab).status_code == 200
        follow = f"/app/gradio_api/queue/data?session_hash={self.tab}"
        waits = [
            self._follow("REST answer", self.program, "POST", "/api/messages", json=question),
            self._follow("heartbeat", self.browser, "GET", tab),
            self._follow("page events", self.browser, "GET", follow),
        ]
        assert all(wait.wait(20) for wait in waits), "a stream brought nothing"

    def _follow(self, name: str, client: httpx.Client, method: str, path: str, **options: Any) -> threading.Event:
        begun = threading.Event()

        def run() -> None:
            with client.stream(method, path, **options) as answer:
                assert answer.status_code == 200, (name, answer.status_code)
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        begun.set()
                        self.last[name] = line
            self.ended[name] = time.monotonic()

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()
        return begun

    def everything(self) -> dict[str, int]:
        """The status of each way in."""
        question, tab = {"text": HELLO}, uuid.uuid4().hex[:12]
        with self.site.client() as nobody:
            return {
                "REST": self.program.get("/api/profile").status_code,
                "REST by cookie": self.browser.get("/api/documents").status_code,
                "REST answer": self.program.post("/api/messages", json=question).status_code,
                "admin": self.program.get("/api/admin/users").status_code,
                "Gradio config": self.browser.get("/app/config").status_code,
                "Gradio page": self.browser.get("/app/").status_code,
                "Gradio event": ask_on_page(self.browser, tab).status_code,
                "Gradio by token": ask_on_page(self.program, uuid.uuid4().hex[:12]).status_code,
                "refresh": nobody.post(
                    "/api/auth/refresh", json={"refresh_token": self.account["refresh_token"]}
                ).status_code,
            }

    def has_its_answers(self) -> bool:
        """Whether the three questions of `everything` are answered; nobody listens to those from the page."""
        with self.site.services.db.reading() as session:
            mine = col(Conversation.user_id) == self.id
            query = select(Message.state).join(Conversation).where(mine, Message.role == "assistant")
            states = session.exec(query).all()
        return len(states) == 3 and "partial" not in states

    def close(self) -> None:
        self.program.close()
        self.browser.close()


def ask_on_page(client: httpx.Client, tab: str) -> httpx.Response:
    """What the chat page sends when Send is pressed."""
    config, fn_index = client.get("/app/config"), 0
    if config.status_code == 200:
        parts = config.json()
        question = next(one["id"] for one in parts["components"] if one["props"].get("elem_id") == "question")
        fn_index = next(one["id"] for one in parts["dependencies"] if one["inputs"][:1] == [question])
    body = {"session_hash": tab, "fn_index": fn_index, "data": [HELLO, ""]}
    return client.post("/app/gradio_api/queue/join", json=body)


def sign_out_both(person: Person) -> None:
    assert person.program.post("/api/auth/logout").status_code == 204
    assert person.browser.post("/logout").status_code == 303


def disable(person: Person) -> None:
    by_admin(person, {"disabled": True})


def disable_by_operator(person: Person) -> None:
    person.site.services.users.disable(person.email)


def demote(person: Person) -> None:
    by_admin(person, {"role": "user"})


def reset(person: Person) -> None:
    person.site.services.users.set_password(person.email, NEW_PASSWORD)


def change_elsewhere(person: Person) -> None:
    with person.site.bearer(person.site.sign_in(person.email)) as third:
        change = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert third.post("/api/auth/password", json=change).status_code == 200


def by_admin(person: Person, change: dict[str, Any]) -> None:
    chief, account = person.site.register()
    person.site.services.users.promote(account["email"])
    with chief:
        assert chief.patch(f"/api/admin/users/{person.id}", json=change).status_code == 200


WAYS = [sign_out_both, disable, disable_by_operator, demote, reset, change_elsewhere]


def test_every_way_in_closes_and_every_stream_is_cut(site: Site) -> None:
    people = {end: Person(site, "admin") for end in WAYS}
    for person in people.values():
        assert set(person.everything().values()) == {200}
        person.account = site.sign_in(person.email)  # the refresh above spent the first
    for person in people.values():
        assert until(person.has_its_answers, 60), "three at once are all that one user has"
    for person in people.values():
        person.open_streams()
    for end, person in people.items():
        _check_ending(end, person)
    for end, person in people.items():
        for thread in person.threads:
            thread.join(CUT_SECONDS)
        assert set(person.ended) == {"REST answer", "heartbeat", "page events"}, (end.__name__, "still open")
        assert max(person.ended.values()) - person.ended_at <= CUT_SECONDS, end.__name__
        assert '"signed_out"' in person.last["REST answer"]
        person.close()


def _check_ending(end: Callable[[Person], None], person: Person) -> None:
    """Every stream is open until `end`; right after it no way in is left."""
    assert person.ended == {}, "too early"
    end(person)
    person.ended_at = time.monotonic()
    after = person.everything()
    if end is sign_out_both:  # that refresh token is of a third sign-in, which stays: one device signs out itself
        assert after.pop("refresh") == 200
    assert after.pop("Gradio page") == 303
    assert set(after.values()) == {401}, (end.__name__, after)
    for way in ("heartbeat/new", "queue/data?session_hash=new"):
        assert person.browser.get(f"/app/gradio_api/{way}").status_code == 401


def test_who_was_demoted_and_signs_in_again_is_no_admin(site: Site) -> None:
    person = Person(site, "admin")
    demote(person)
    with site.bearer(site.sign_in(person.email)) as again:
        assert_error(again.get("/api/admin/users"), 403, "forbidden")
        assert again.get("/api/profile").status_code == 200
    person.close()


def test_a_changed_password_ends_two_other_devices_and_keeps_this_one(site: Site) -> None:
    person = Person(site)
    others = [site.bearer(site.sign_in(person.email)), site.browser(person.email)]
    pairs = [site.sign_in(person.email) for _ in range(2)]
    assert [other.get("/api/profile").status_code for other in others] == [200, 200]
    change = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert person.program.post("/api/auth/password", json=change).status_code == 200
    assert person.program.get("/api/profile").status_code == 200
    assert [other.get("/api/profile").status_code for other in (*others, person.browser)] == [401] * 3
    with site.client() as nobody:
        for pair in pairs:
            refreshed = nobody.post("/api/auth/refresh", json={"refresh_token": pair["refresh_token"]})
            assert_error(refreshed, 401, "unauthorized")
    for other in others:
        other.close()
    person.close()


def test_of_twenty_parallel_refreshes_one_wins_and_a_reuse_ends_the_family(site: Site) -> None:
    """A10."""
    client, account = site.register()
    client.close()

    def refresh(pair: dict[str, Any]) -> httpx.Response:
        with site.client() as nobody:
            return nobody.post("/api/auth/refresh", json={"refresh_token": pair["refresh_token"]})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: refresh(account), range(20)))
    children = [answer.json() for answer in answers if answer.status_code == 200]
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19
    second = refresh(children[0]).json()
    with site.bearer(second) as still:
        assert still.get("/api/profile").status_code == 200
        assert refresh(account).status_code == 401
        assert still.get("/api/profile").status_code == 401, "the first token came back: somebody has a copy"
    assert refresh(second).status_code == 401


def test_pages_kept_open_are_counted_per_user_and_freed_by_leaving(site: Site) -> None:
    person, other = Person(site), Person(site)
    with closing(person), closing(other), ExitStack() as opened:
        held = [
            opened.enter_context(person.browser.stream("GET", f"/app/gradio_api/heartbeat/tab{number}"))
            for number in range(OPEN_PAGES)
        ]
        assert [one.status_code for one in held] == [200] * OPEN_PAGES
        for way in ("/app/gradio_api/heartbeat/more", "/app/gradio_api/queue/data?session_hash=more"):
            with person.browser.stream("GET", way) as refused:
                assert refused.status_code == 429  # before the body is read: an open stream has no end
                refused.read()
            assert "close some tabs" in assert_error(refused, 429, "too_many_requests")
            assert int(refused.headers["retry-after"]) > 0
        assert person.program.get("/api/profile").status_code == 200, "only what stays open is counted"
        with other.browser.stream("GET", "/app/gradio_api/heartbeat/others") as answer:
            assert answer.status_code == 200, "another user is not held up"
        held[0].close()

        def free() -> bool:
            """Takes the place for a moment: at once again it may still be taken."""
            with person.browser.stream("GET", "/app/gradio_api/heartbeat/again") as answer:
                return answer.status_code == 200

        assert until(free, 5)
