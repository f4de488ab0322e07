"""Figures of use against hand-counted data (seeded.py) on both databases: whose, which days, which answers, which documents."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, func, select

from app.db import Database
from app.errors import Forbidden
from app.models import AuditEvent
from app.services.analytics import DAYS, AnalyticsPublic, AnalyticsService
from app.services.audit import AuditLog
from app.services.own_figures import times_of
from tests.services.both import db, postgres_url
from tests.services.seeded import World, morning, settle, today

__all__ = ["db", "postgres_url"]


@pytest.fixture(scope="module")
def figures(db: Database) -> AnalyticsService:
    return AnalyticsService(db, AuditLog(b"k"))


@pytest.fixture(scope="module")
def world(db: Database) -> World:
    return settle(db)


def asked(found: AnalyticsPublic) -> dict[int, int]:
    """Days ago -> questions, where there are any."""
    return {DAYS - 1 - place: day.questions for place, day in enumerate(found.days) if day.questions}


def added(found: AnalyticsPublic) -> dict[int, int]:
    return {DAYS - 1 - place: day.documents for place, day in enumerate(found.days) if day.documents}


def intents(found: AnalyticsPublic) -> dict[str, int]:
    return {one.intent: one.questions for one in found.intents}


def test_ones_own_figures_are_as_counted_by_hand(figures: AnalyticsService, world: World) -> None:
    found = figures.own(world.alice)
    assert len(found.days) == DAYS
    assert (found.days[-1].date, found.days[0].date) == (morning(0).date(), morning(29).date())
    assert asked(found) == {0: 3, 6: 1, 7: 1, 10: 1, 12: 2, 29: 1}
    assert added(found) == {0: 2, 29: 1}
    assert (found.documents_ready, found.questions_week) == (3, 4)
    assert (found.answers_week, found.sourced_week) == (4, 2)


def test_a_question_asked_again_counts_once_and_one_in_other_words_twice(
    figures: AnalyticsService, world: World
) -> None:
    assert intents(figures.own(world.alice)) == {"personal": 5, "global": 2, "hybrid": 1, "direct": 1}


def test_answer_times_are_those_of_answers_that_ended_well(figures: AnalyticsService, world: World) -> None:
    times = figures.own(world.alice).answer_times
    assert (times.answers, times.fast, times.p50_ms, times.p95_ms) == (8, 3, 3000, 31_000)
    assert [(span.below_ms, span.answers) for span in times.spans] == [
        (1000, 2), (3000, 1), (5000, 2), (10_000, 0), (30_000, 2), (None, 1),
    ]  # fmt: skip


def test_no_answer_has_no_percentile() -> None:
    times = times_of({})
    assert (times.answers, times.p50_ms, sum(span.answers for span in times.spans)) == (0, None, 0)


def test_a_document_is_used_when_an_answer_of_ones_own_cites_it(figures: AnalyticsService, world: World) -> None:
    used = figures.own(world.alice).documents_used
    assert used is not None
    assert (used.ready, used.cited) == (3, 2)
    assert [(one.title, one.answers, one.last and one.last.date()) for one in used.most] == [
        ("Deal", 3, morning(0).date()),
        ("Bio", 1, morning(6).date()),
    ]
    assert [(one.title, one.answers, one.last) for one in used.never] == [("=Lyrics", 0, None)]
    bobs = figures.own(world.bob).documents_used
    assert bobs is not None
    assert (bobs.ready, bobs.cited, [one.title for one in bobs.never]) == (1, 0, ["Bob's"])


def test_plans_and_what_is_due(figures: AnalyticsService, world: World) -> None:
    found = figures.own(world.alice)
    assert [(one.title, one.steps, one.done, one.overdue, one.progress, one.next_step) for one in found.plans] == [
        ("Single", 5, 1, 2, 0.2, "Master"),
        ("Old", 1, 1, 0, 1.0, None),
    ]
    assert found.plans[0].next_due == today() - timedelta(days=3)
    assert [(one.kind, one.title, one.days_left) for one in found.upcoming] == [
        ("step", "Master", -3), ("step", "Artwork", 5), ("date", "Option ends", 7), ("step", "Pitch", 10),
    ]  # fmt: skip
    assert found.upcoming[2].document_id == world.documents["Deal"]
    assert [one.title for one in figures.own(world.bob).upcoming] == ["Bob's step"]


def test_somebody_new_has_thirty_empty_days(db: Database, figures: AnalyticsService, world: World) -> None:
    found = figures.own(world.admin)
    assert (asked(found), added(found), found.documents_ready, found.answers_week) == ({}, {}, 0, 0)
    assert (found.plans, found.upcoming, set(intents(found).values())) == ([], [], {0})


def test_admins_see_everybody_together_and_the_look_is_on_record(
    db: Database, figures: AnalyticsService, world: World
) -> None:
    with db.reading() as session:
        last = session.exec(select(func.max(AuditEvent.id))).one() or 0
    found = figures.everyone(world.admin)
    assert asked(found) == {0: 5, 6: 1, 7: 1, 10: 1, 12: 2, 29: 1}
    assert added(found) == {0: 2, 1: 1, 3: 2, 29: 1}
    assert (found.documents_ready, found.answers_week, found.sourced_week) == (5, 5, 3)
    assert intents(found) == {"personal": 5, "global": 3, "hybrid": 1, "direct": 1}
    assert (found.documents_used, found.plans, found.upcoming) == (None, [], [])
    with pytest.raises(Forbidden, match="for admins"):
        figures.everyone(world.alice)
    with db.reading() as session:
        rows = session.exec(select(AuditEvent).where(col(AuditEvent.id) > last).order_by(col(AuditEvent.id))).all()
    assert [(row.user_id, row.action, row.outcome) for row in rows] == [
        (world.admin.user_id, "analytics.read", "granted"),
        (world.alice.user_id, "analytics.read", "refused"),
    ]


def test_as_many_queries_whatever_was_kept(db: Database, figures: AnalyticsService, world: World) -> None:
    statements: list[str] = []

    def note(*told: Any) -> None:
        statements.append(told[2])

    event.listen(db.engine, "before_cursor_execute", note)
    figures.own(world.alice)
    event.remove(db.engine, "before_cursor_execute", note)
    asking = [one for one in statements if one.startswith("SELECT")]
    # A day's questions are counted without reading the long citations (15 ms for 5 000 answers).
    assert [("citations" in one, "GROUP BY" in one) for one in asking[:3]] == [
        (False, True),
        (True, False),
        (False, True),
    ]
    assert len(asking) == 11


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_each_table_as_csv(figures: AnalyticsService, world: World) -> None:
    activity = rows(figures.table(world.alice, "activity"))
    assert len(activity) == DAYS
    assert activity[-1] == {"day": str(today()), "questions": "3", "documents": "2"}
    listed = [row["title"] for row in rows(figures.table(world.alice, "documents"))]
    assert listed == ["Deal", "Bio", "'=Lyrics"], "what is being deleted is not there, and no title is a formula"
    assert [row["questions"] for row in rows(figures.table(world.alice, "intents"))] == ["5", "2", "1", "1"]
    assert rows(figures.table(world.alice, "answer_times"))[-1] == {"below_ms": "", "answers": "1"}
    assert [row["overdue"] for row in rows(figures.table(world.alice, "plans"))] == ["2", "0"]
    assert [row["days_left"] for row in rows(figures.table(world.alice, "dates"))] == ["-3", "5", "7", "10"]
