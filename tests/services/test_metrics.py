"""The figures of admins against hand-counted data (seeded.py) on both databases."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import get_args

import pytest
from sqlmodel import col, func, select

from app.config import LLMSettings
from app.db import Database
from app.errors import Forbidden
from app.models import AuditEvent
from app.services.audit import AuditLog
from app.services.metrics import WEEKS, MetricsPublic, MetricsService, Table
from app.services.model_choices import Choices, Vault
from tests.services.both import db, postgres_url
from tests.services.seeded import World, morning, settle, today

__all__ = ["db", "postgres_url"]


@pytest.fixture(scope="module")
def world(db: Database) -> World:
    return settle(db)


def over(db: Database, folder: Path) -> MetricsService:
    vault = Vault(folder / "models.key", lambda _: b"k" * 32)
    return MetricsService(db, AuditLog(b"k"), Choices(db, LLMSettings(), vault))


@pytest.fixture(scope="module")
def metrics(db: Database, tmp_path_factory: pytest.TempPathFactory) -> MetricsService:
    return over(db, tmp_path_factory.mktemp("secrets"))


@pytest.fixture(scope="module")
def found(metrics: MetricsService, world: World) -> MetricsPublic:
    return metrics.report(world.admin)


def test_the_goals_are_as_counted_by_hand(found: MetricsPublic) -> None:
    """Four accounts may sign in: Alice, Bob and Carol did something this week, two of them ever asked; Dave is shut out."""
    assert {one.name: (one.part, one.whole, one.target) for one in found.metrics} == {
        "weekly_active": (3, 4, 0.7),
        "asking": (2, 4, 0.8),
        "processed": (4, 6, 0.9),
        "fast": (4, 9, None),
        "referenced": (2, 4, 0.75),
        "acting": (2, 3, 0.6),
        "steps_done": (3, 8, None),
        "helpful": (2, 3, 0.85),
    }
    assert found.metrics[0].share == 0.75


def test_active_users_by_week(found: MetricsPublic) -> None:
    """Carol's step 3 days ago counts; Alice asked 7 to 12 and 29 days ago, and did a step 40 days ago."""
    assert len(found.active) == WEEKS
    assert [week.users for week in found.active] == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 3]
    assert (found.active[-1].last, found.active[0].last) == (today(), morning(77).date())


def test_failures_are_told_by_reason_and_name_nobody(found: MetricsPublic) -> None:
    assert [(one.what, one.reason, one.count, one.last) for one in found.failures] == [
        ("document", "Page … cannot be read.", 2, today()),
        ("language_model", "=tiny", 2, today()),
        ("answer", "", 1, today()),
        ("answer_cut_short", "", 1, morning(6).date()),
        ("new_version", "This file is empty.", 1, morning(2).date()),
    ]
    told = found.model_dump_json()
    assert not [word for word in ("Deal", "Lyrics", "alice", "example.com", "Master") if word in told]


def test_tokens_and_cost_by_model(found: MetricsPublic) -> None:
    """A row of 30 days ago is one day too old."""
    assert [
        (one.model, one.tokens_in, one.tokens_out, one.answers, one.failures, one.users, one.cost)
        for one in found.models
    ] == [("large", 1000, 100, 1, 0, 1, None), ("=tiny", 150, 15, 4, 2, 2, 0.0075)]


def test_each_table_as_csv(metrics: MetricsService, world: World) -> None:
    tables = {name: list(csv.reader(io.StringIO(metrics.table(world.admin, name)))) for name in get_args(Table)}
    assert {name: len(lines) - 1 for name, lines in tables.items()} == {
        "metrics": 8, "activity": 30, "active_users": WEEKS, "failures": 5, "models": 2,
    }  # fmt: skip
    assert tables["metrics"][1] == ["weekly_active", "Active within a week", "3", "4", "0.75", "0.7"]
    assert tables["models"][2][0] == "'=tiny", "no name is a formula"


def test_whoever_is_no_admin_is_refused_and_every_look_is_on_record(
    db: Database, metrics: MetricsService, world: World
) -> None:
    with db.reading() as session:
        last = session.exec(select(func.max(AuditEvent.id))).one() or 0
    metrics.table(world.admin, "models")
    with pytest.raises(Forbidden):
        metrics.report(world.alice)
    with pytest.raises(Forbidden):
        metrics.table(world.alice, "metrics")
    with db.reading() as session:
        rows = session.exec(select(AuditEvent).where(col(AuditEvent.id) > last).order_by(col(AuditEvent.id))).all()
    assert [(row.user_id, row.action, row.outcome) for row in rows] == [
        (world.admin.user_id, "metrics.read", "granted"),
        (world.alice.user_id, "metrics.read", "refused"),
        (world.alice.user_id, "metrics.read", "refused"),
    ]


def test_an_empty_installation_has_shares_of_nothing(tmp_path: Path, world: World) -> None:
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    empty.migrate()
    found = over(empty, tmp_path).report(world.admin)
    assert {one.share for one in found.metrics} == {None}
    assert (found.failures, found.models) == ([], [])
    empty.close()
