"""Share links and clause sheets at the service: who may, how many, how long, and what is refused alike."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from app.errors import AppError, Conflict, NotFound, TooMany
from app.models import READY, AuditEvent, Document, DocumentInsight, Message, ShareLink, User, now
from app.principal import Principal
from app.services.exports import shares as module
from app.services.exports.exports import ExportService
from app.services.exports.pace import OPENED
from app.services.exports.shares import GONE, ShareRequest, ShareService
from app.services.services import Services
from tests.services.exports.papers import clauses, every_text, examine, plan
from tests.ui.support import new_user

FROM = "203.0.113.9"


class Clock:
    def __init__(self) -> None:
        self.now = now()

    def __call__(self) -> datetime:
        return self.now


class Shown:
    """A plan as the application's own plans answer it."""

    def __init__(self, owner: str) -> None:
        self.owner = owner

    def get(self, principal: Principal, plan_id: str) -> Any:
        if principal.user_id != self.owner or plan_id != "p1":
            raise NotFound("There is no such plan.")
        return self

    def model_dump(self, mode: str) -> dict[str, Any]:
        assert mode == "json"
        return plan(conflicts=[])  # its contract is in no database


@pytest.fixture
def owner(services: Services) -> Principal:
    return new_user(services)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(services: Services, owner: Principal, clock: Clock) -> ShareService:
    exports = ExportService(services.db, services.audit, services.chat, Shown(owner.user_id), services.desk)
    return ShareService(services.db, services.audit, exports, clock)


def document(services: Services, owner: Principal, title: str, **values: Any) -> str:
    with services.db.session() as session:
        row = Document(kb="personal", user_id=owner.user_id, title=title, filename="a.pdf", suffix=".pdf", status=READY, pages=3,
                       chunks=1, bytes=1, sha256="", **values)  # fmt: skip
        session.add(row)
    return row.id


def conversation(services: Services, owner: Principal, *texts: str) -> str:
    made = services.chat.create(owner, title="Talk")
    with services.db.session() as session:
        for number, text in enumerate(texts):
            session.add(
                Message(conversation_id=int(made.id), role=("user", "assistant")[number % 2], text=text, state="direct")
            )
            session.flush()
    return made.id


def words(links: ShareService, secret: str) -> str:
    return " ".join(every_text(links.open(secret, FROM).paper))


def test_a_plan_is_shown_without_comments(services: Services, links: ShareService, owner: Principal) -> None:
    made, secret = links.create(owner, ShareRequest(kind="plan", id="p1"))
    assert made.title == "Release of a single"
    shown = words(links, secret)
    assert "Deliver to the distributor" in shown
    assert "Tuesdays" not in shown
    with pytest.raises(NotFound):
        links.create(new_user(services), ShareRequest(kind="plan", id="p1"))
    with pytest.raises(NotFound):
        links.create(owner, ShareRequest(kind="plan", id="p2"))


def test_a_link_works_until_its_last_second(links: ShareService, owner: Principal, clock: Clock) -> None:
    made, secret = links.create(owner, ShareRequest(kind="plan", id="p1", days=7))
    assert made.expires == clock.now + timedelta(days=7)
    clock.now += timedelta(days=7, seconds=-1)
    links.open(secret, FROM)
    assert [one.opened for one in links.list(owner).items] == [1]
    clock.now += timedelta(seconds=1)
    with pytest.raises(NotFound, match="does not work"):
        links.open(secret, FROM)
    assert links.list(owner).items == []


def test_what_ends_a_link_looks_alike(services: Services, links: ShareService, owner: Principal) -> None:
    secrets = {}
    for reason in ("revoked", "disabled"):
        made, secrets[reason] = links.create(owner, ShareRequest(kind="plan", id="p1"))
    links.revoke(owner, links.list(owner).items[-1].id)
    with services.db.session() as session:
        session.get_one(User, owner.user_id).disabled = True
    for secret in [*secrets.values(), "0" * 43, "", "é" * 43, "a" * 1000]:
        with pytest.raises(NotFound) as refused:
            links.open(secret, FROM)
        assert refused.value.sentence == GONE


def test_only_the_digest_of_a_secret_is_kept(services: Services, links: ShareService, owner: Principal) -> None:
    secrets = {links.create(owner, ShareRequest(kind="plan", id="p1"))[1] for _ in range(20)}
    assert len(secrets) == 20
    assert {len(one) for one in secrets} == {43}
    with services.db.reading() as session:
        kept = repr(session.exec(select(ShareLink).where(ShareLink.user_id == owner.user_id)).all())
        rows = session.exec(select(AuditEvent).where(AuditEvent.user_id == owner.user_id)).all()
    assert not [one for one in secrets if one in kept or one in repr(rows)]


def test_there_is_an_end_to_links(links: ShareService, owner: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINKS", 2)
    made = [links.create(owner, ShareRequest(kind="plan", id="p1"))[0] for _ in range(2)]
    with pytest.raises(Conflict, match="revoke some"):
        links.create(owner, ShareRequest(kind="plan", id="p1"))
    links.revoke(owner, made[0].id)
    links.create(owner, ShareRequest(kind="plan", id="p1"))


def test_links_come_in_pages(links: ShareService, owner: Principal, clock: Clock) -> None:
    ids = []
    for _ in range(5):
        ids.append(links.create(owner, ShareRequest(kind="plan", id="p1"))[0].id)
        clock.now += timedelta(seconds=1)
    page = links.list(owner, limit=3)
    assert [one.id for one in page.items] == ids[:1:-1]
    assert [one.id for one in links.list(owner, limit=3, after=page.next).items] == ids[1::-1]


def test_openings_are_paced(links: ShareService, owner: Principal) -> None:
    _, secret = links.create(owner, ShareRequest(kind="plan", id="p1"))
    for _ in range(OPENED):
        links.open(secret, "198.51.100.7")
    with pytest.raises(TooMany):
        links.open(secret, "198.51.100.7")
    links.open(secret, "198.51.100.8")


def test_a_long_conversation_is_whole(services: Services, links: ShareService, owner: Principal) -> None:
    talk = conversation(services, owner, *(f"word{number}" for number in range(430)))
    _, secret = links.create(owner, ShareRequest(kind="conversation", id=talk))
    shown = words(links, secret)
    assert [number for number in range(430) if f"word{number} " not in f"{shown} "] == []


def test_an_artists_link_goes_with_the_artist(services: Services, links: ShareService, owner: Principal) -> None:
    artist = services.artists.create(owner, "Ferry").id
    made = services.chat.create(owner, title="Talk", artist_id=artist)
    link, _ = links.create(owner, ShareRequest(kind="conversation", id=made.id))
    with services.db.reading() as session:
        assert session.get_one(ShareLink, link.id).artist_id == artist
    services.artists.delete(owner, artist)
    assert links.list(owner).items == []


def test_a_sheet_tells_what_was_examined(services: Services, links: ShareService, owner: Principal) -> None:
    """A document that nobody has read for clauses yet, one whose clauses are of an older version, one that has them."""
    fresh, old, read = (document(services, owner, title) for title in ("Fresh", "Old", "Read"))
    for one in (old, read):
        examine(services, one, clauses(), worker=False)
    with services.db.session() as session:
        session.get_one(DocumentInsight, old).version = 0
    _, secret = links.create(owner, ShareRequest(kind="clauses", documents=[fresh, old, read]))
    sections = {one.title: one for one in links.open(secret, FROM).paper.sections}
    assert list(sections) == ["Fresh", "Old", "Read"]
    assert "not been examined" in repr(sections["Fresh"])
    assert "not been examined" in repr(sections["Old"])
    assert "three (3) years" in repr(sections["Read"])
    with services.db.session() as session:
        session.get_one(Document, fresh).status = "deleting"
    with pytest.raises(NotFound):
        links.open(secret, FROM)


def test_a_sheet_holds_a_few_documents(services: Services, owner: Principal) -> None:
    with pytest.raises(AppError, match="at most 20"):
        services.exports.clauses(owner, [str(number) for number in range(21)], "md")
    with pytest.raises(AppError, match="at least one"):
        services.exports.clauses(owner, [], "md")
