"""A small installation whose every figure can be counted by hand: who did what, how many days ago.

Alice asks, adds and plans; Bob does a little; Carol only did a step of a plan; Dave asked today and was shut out; an admin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlmodel import Session

from app.db import Database
from app.models import (
    ACCEPTED,
    DELETING,
    DONE,
    DROPPED,
    FAILED,
    OPEN,
    PROPOSED,
    READY,
    SNOOZED,
    Conversation,
    Document,
    ImportantDate,
    Message,
    Plan,
    PlanStep,
    Revision,
    Usage,
    User,
    now,
)
from app.principal import Principal, local_operator


def today() -> date:
    return now().astimezone(UTC).date()


def morning(days_ago: int) -> datetime:
    return datetime.combine(today() - timedelta(days=days_ago), datetime.min.time(), UTC) + timedelta(minutes=30)


def user(db: Database, name: str, *, disabled: bool = False) -> Principal:
    row = User(email=f"{name}@example.com", password_hash="-", disabled=disabled)
    with db.session() as session:
        session.add(row)
    return local_operator(row.id, "admin" if name == "admin" else "user")


def citing(*documents: str) -> list[dict[str, Any]]:
    return [{"label": f"P{place}", "document_id": one, "quote": "[\"}'"} for place, one in enumerate(documents, 1)]


@dataclass
class Said:
    """A message: a question, or an answer with its state. `put_aside` is the place in the talk of what came instead."""

    ago: int
    state: str | None = None
    cites: tuple[str, ...] = ()
    intent: str | None = None
    ms: int | None = None
    rating: int | None = None
    put_aside: int | None = None


def talk(session: Session, owner: Principal, *messages: Said) -> None:
    conversation = Conversation(user_id=owner.user_id, updated=morning(min(one.ago for one in messages)))
    session.add(conversation)
    session.flush()
    rows = []
    for one in messages:
        role = "user" if one.state is None else "assistant"
        rows.append(
            Message(
                conversation_id=conversation.id or 0, role=role, state=one.state, citations=citing(*one.cites),
                intent=one.intent, milliseconds=one.ms, rating=one.rating, created=morning(one.ago),
            )
        )  # fmt: skip
        session.add(rows[-1])
        session.flush()
    for one, row in zip(messages, rows, strict=True):
        if one.put_aside is not None:
            row.replaced_by = rows[one.put_aside].id


def document(owner: Principal | None, ago: int, title: str, status: str = READY, reason: str | None = None) -> Document:
    kb, user_id = ("personal", owner.user_id) if owner else ("global", None)
    return Document(
        kb=kb, user_id=user_id, title=title, filename="t.txt", suffix=".txt", status=status, reason=reason,
        created=morning(ago), updated=morning(ago),
    )  # fmt: skip


@dataclass
class Step:
    title: str
    due: int  # days from today
    status: str = OPEN
    done: int | None = None  # days ago
    wakes: int | None = None  # days from today


def plan(session: Session, owner: Principal, title: str, target: int, *steps: Step, status: str = OPEN) -> Plan:
    row = Plan(
        user_id=owner.user_id,
        title=title,
        template="release_single",
        target_date=today() + timedelta(days=target),
        status=status,
    )
    session.add(row)
    session.flush()
    for number, step in enumerate(steps):
        session.add(
            PlanStep(
                plan_id=row.id, key=f"s{number}", number=number, title=step.title, status=step.status,
                due=today() + timedelta(days=step.due), done_at=None if step.done is None else morning(step.done),
                snoozed_until=None if step.wakes is None else today() + timedelta(days=step.wakes),
            )
        )  # fmt: skip
    return row


@dataclass
class World:
    alice: Principal
    bob: Principal
    carol: Principal
    admin: Principal
    documents: dict[str, str] = field(default_factory=dict)  # title -> id, of Alice's


def settle(db: Database) -> World:
    alice, bob, carol, admin = (user(db, name) for name in ("alice", "bob", "carol", "admin"))
    dave = user(db, "dave", disabled=True)
    world = World(alice, bob, carol, admin)
    with db.session() as session:
        _documents(session, world)
    with db.session() as session:
        _talks(session, world, dave)
        _plans(session, world)
        _usage(session, world)
    return world


def _documents(session: Session, world: World) -> None:
    """Alice: today one ready and one failed, one 29 and one 40 days ago; one more is being deleted. A new version of the
    second failed."""
    mine = [document(world.alice, ago, title) for ago, title in ((0, "Deal"), (29, "Bio"), (40, "=Lyrics"))]
    session.add_all(mine)
    session.add(document(world.alice, 0, "Scan", FAILED, "Page 3 cannot be read."))
    session.add(document(world.alice, 0, "Going", DELETING))
    session.add_all([document(world.bob, 3, "Bob's"), document(None, 1, "Industry")])
    session.add(document(world.bob, 3, "Bob's scan", FAILED, "Page 12 cannot be read."))
    session.flush()
    world.documents = {one.title: one.id for one in mine}
    session.add(
        Revision(
            document_id=world.documents["Bio"], version=2, filename="t.pdf", suffix=".pdf", status=FAILED,
            reason="This file is empty.", updated=morning(2),
        )
    )  # fmt: skip


def _talks(session: Session, world: World, dave: Principal) -> None:
    """Alice: three questions today, one 6 days ago, one 7, one 10 (asked again in the same words), two 12 (the second instead
    of the first), one 29, two 30 days ago."""
    deal, bio, lyrics = (world.documents[title] for title in ("Deal", "Bio", "=Lyrics"))
    alice = world.alice
    talk(
        session, alice, Said(0), Said(0, "answered", (deal,), "personal", 900, rating=1), Said(0),
        Said(0, "direct", (), "hybrid", 200),
    )  # fmt: skip
    talk(session, alice, Said(0), Said(0, "nothing_found", (), "global", 2999), Said(0, "failed", ms=5000))
    talk(
        session, alice, Said(6), Said(6, "extractive", (deal, bio), "personal", 3000),
        Said(6, "partial", (), "personal", 100),
    )  # fmt: skip
    talk(session, alice, Said(7), Said(7, "answered", (deal, deal), "hybrid", 12_000, rating=-1))
    talk(
        session, alice, Said(10), Said(10, "answered", (), "global", 4000, put_aside=0), Said(10, "answered", (), "global"),
    )  # fmt: skip
    talk(
        session, alice, Said(12, put_aside=2), Said(12, "answered", (), "personal", 31_000, put_aside=2), Said(12),
        Said(12, "answered", (), "personal", 10_000),
    )  # fmt: skip
    talk(session, alice, Said(29), Said(30))
    talk(session, alice, Said(30), Said(30, "answered", (), "personal", 77))
    talk(session, world.bob, Said(0), Said(0, "answered", (lyrics,), "global", 1500, rating=1))  # what is not Bob's
    talk(session, dave, Said(0))


def _plans(session: Session, world: World) -> None:
    plan(
        session, world.alice, "Single", 20, Step("Mix", -9, DONE, done=2), Step("Master", -3),
        Step("Artwork", -1, SNOOZED, wakes=5), Step("Pitch", 10), Step("Video", 1, DROPPED), Step("Tour", 70),
    )  # fmt: skip
    plan(session, world.alice, "Old", -5, Step("Done it", -20, DONE, done=40), status=DONE)
    plan(session, world.alice, "Given up", 9, Step("Never", 2), status=DROPPED)
    plan(session, world.bob, "Bob's", 9, Step("Bob's step", 1))
    plan(session, world.carol, "Carol's", 9, Step("Carol's step", 1, DONE, done=3))
    for label, days, status in (
        ("Option ends", 7, ACCEPTED), ("Maybe", 3, PROPOSED), ("Gone", -2, ACCEPTED), ("Far", 61, ACCEPTED),
    ):  # fmt: skip
        session.add(
            ImportantDate(
                user_id=world.alice.user_id, key=label, label=label, day=today() + timedelta(days=days), status=status,
                document_id=world.documents["Deal"],
            )
        )  # fmt: skip


def _usage(session: Session, world: World) -> None:
    """tokens in, out, answers, failures, cost in millionths"""
    for owner, ago, model, took in (
        (world.alice, 0, "=tiny", (100, 10, 3, 2, 5000)),
        (world.bob, 1, "=tiny", (50, 5, 1, 0, 2500)),
        (world.alice, 29, "large", (1000, 100, 1, 0, 0)),
        (world.alice, 30, "large", (9999, 9999, 9, 9, 9)),
    ):
        names = ("tokens_in", "tokens_out", "answers", "failures", "cost_millionths")
        session.add(
            Usage(
                user_id=owner.user_id,
                day=today() - timedelta(days=ago),
                model=model,
                **dict(zip(names, took, strict=True)),
            )
        )
