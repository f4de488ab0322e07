"""Figures of use against hand-counted data: whose, which days, which answers, and in how few queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from app.db import Database
from app.errors import Forbidden
from app.models import DELETING, FAILED, READY, AuditEvent, Conversation, Document, Message, User, now
from app.principal import Principal, local_operator
from app.services.analytics import DAYS, AnalyticsPublic, AnalyticsService
from app.services.audit import AuditLog

SOURCE = [{"label": "P1", "quote": "Two options."}]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'app.db'}")
    database.migrate()
    yield database
    database.close()


def morning(days_ago: int) -> datetime:
    return datetime.combine(now().astimezone(UTC).date(), datetime.min.time(), UTC) - timedelta(
        days=days_ago, hours=-0.5
    )


def user(db: Database, name: str) -> Principal:
    row = User(email=f"{name}@example.com", password_hash="-")
    with db.session() as session:
        session.add(row)
    return local_operator(row.id, "admin" if name == "admin" else "user")


def talk(session: Session, owner: Principal, *messages: tuple[int, str | None, Any]) -> None:
    """A conversation of (days ago, state of an answer or None for a question, citations)."""
    conversation = Conversation(user_id=owner.user_id, updated=morning(min(message[0] for message in messages)))
    session.add(conversation)
    session.flush()
    for ago, state, citations in messages:
        role = "user" if state is None else "assistant"
        session.add(
            Message(
                conversation_id=conversation.id or 0, role=role, state=state, citations=citations, created=morning(ago)
            )
        )


def document(owner: Principal | None, ago: int, status: str = READY) -> Document:
    kb, user_id = ("personal", owner.user_id) if owner else ("global", None)
    return Document(
        kb=kb, user_id=user_id, title="t", filename="t.txt", suffix=".txt", status=status, created=morning(ago)
    )


@pytest.fixture
def figures(db: Database) -> AnalyticsService:
    return AnalyticsService(db, AuditLog(b"k"))


@pytest.fixture
def alice(db: Database) -> Principal:
    """Three questions today, one 6 days ago, one 7, one 29, one 30 days ago. Of the week's answers 2 of 4 cite; one direct and
    one failed count nowhere. Documents: today 1 ready and 1 failed, one 29 and one 40 days ago."""
    alice, bob = user(db, "alice"), user(db, "bob")
    with db.session() as session:
        talk(session, alice, (0, None, []), (0, "answered", SOURCE), (0, None, []), (0, "direct", []))
        talk(session, alice, (0, None, []), (0, "nothing_found", []), (0, "failed", []))
        talk(session, alice, (6, None, []), (6, "extractive", SOURCE), (6, "partial", []))
        talk(session, alice, (7, None, []), (7, "answered", SOURCE))
        talk(session, alice, (29, None, []), (30, None, []))
        talk(session, alice, (30, None, []), (30, "answered", []))
        talk(session, bob, (0, None, []), (0, "answered", []))
        session.add_all([document(alice, 0), document(alice, 0, FAILED), document(alice, 29), document(alice, 40)])
        session.add_all([document(alice, 0, DELETING), document(bob, 3), document(None, 1)])
    return alice


def asked(found: AnalyticsPublic) -> dict[int, int]:
    """Days ago -> questions, where there are any."""
    return {DAYS - 1 - place: day.questions for place, day in enumerate(found.days) if day.questions}


def added(found: AnalyticsPublic) -> dict[int, int]:
    return {DAYS - 1 - place: day.documents for place, day in enumerate(found.days) if day.documents}


def test_ones_own_figures_are_as_counted_by_hand(figures: AnalyticsService, alice: Principal) -> None:
    found = figures.own(alice)
    assert len(found.days) == DAYS
    assert (found.days[-1].date, found.days[0].date) == (morning(0).date(), morning(29).date())
    assert asked(found) == {0: 3, 6: 1, 7: 1, 29: 1}
    assert added(found) == {0: 2, 29: 1}
    assert (found.documents_ready, found.questions_week) == (3, 4)
    assert (found.answers_week, found.sourced_week) == (4, 2)


def test_somebody_new_has_thirty_empty_days(db: Database, figures: AnalyticsService, alice: Principal) -> None:
    found = figures.own(user(db, "newcomer"))
    assert (asked(found), added(found), found.documents_ready, found.answers_week) == ({}, {}, 0, 0)


def test_admins_see_everybody_together_and_the_look_is_on_record(
    db: Database, figures: AnalyticsService, alice: Principal
) -> None:
    admin = user(db, "admin")
    found = figures.everyone(admin)
    assert asked(found) == {0: 4, 6: 1, 7: 1, 29: 1}
    assert added(found) == {0: 2, 1: 1, 3: 1, 29: 1}
    assert (found.documents_ready, found.answers_week, found.sourced_week) == (5, 5, 2)
    with pytest.raises(Forbidden, match="for admins"):
        figures.everyone(alice)
    with db.reading() as session:
        rows = session.exec(select(AuditEvent).order_by(AuditEvent.id)).all()  # type: ignore[arg-type]
    assert [(row.user_id, row.action, row.outcome) for row in rows] == [
        (admin.user_id, "analytics.read", "granted"),
        (alice.user_id, "analytics.read", "refused"),
    ]


def test_three_queries_whatever_was_kept(db: Database, figures: AnalyticsService, alice: Principal) -> None:
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    figures.own(alice)
    asking = [one for one in statements if one.startswith("SELECT")]
    # A day's questions are counted without reading the long citations (15 ms for 5 000 answers).
    assert [("citations" in one, "GROUP BY" in one) for one in asking] == [(False, True), (True, False), (False, True)]
