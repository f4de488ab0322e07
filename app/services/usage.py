"""What language models took: added up by day, user and model in the transaction of what was answered, and told to admins."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, func, select

from app.db import Database
from app.errors import AppError, Forbidden
from app.llm_client import Call, LanguageModel
from app.models import AnswerTime, Usage, now
from app.principal import Principal
from app.services import csv_lines
from app.services.audit import AuditLog
from app.services.model_choices import Choices, Terms, terms_of

LONGEST_DAYS = 366  # of one report
STEP = 1.15  # between two bounds of the histogram of answer times: a percentile is told within 15 %
COLUMNS = (
    "day",
    "model",
    "tokens_in",
    "tokens_out",
    "estimated",
    "answers",
    "failures",
    "users",
    "cost",
    "p50_ms",
    "p95_ms",
)


@dataclass
class Grant:
    """What one question may be answered by: the model of the moment, or the sentence that says why there is none."""

    model: LanguageModel | None = None
    why: str | None = None
    name: Callable[[], str] = str
    terms: Terms = Terms()
    count: Callable[[str], int] = len  # tokens of a text, where the provider tells none
    spent: Callable[[int, float], None] | None = None  # is told tokens and cost once they are known
    intents: list[Call] = field(default_factory=list)
    answers: list[Call] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def settle(self, spent: Spent | None) -> None:
        """What `record` returned is committed: its calls are not counted again, and the month's sum knows of them."""
        if spent is None:
            return
        self.intents, self.answers = [], []
        if self.spent is not None:
            self.spent(spent.tokens, spent.cost)


@dataclass(frozen=True, slots=True)
class Spent:
    tokens: int = 0
    cost: float = 0.0


def record(session: Session, user_id: str | None, grant: Grant | None) -> Spent | None:
    """Add what a question took, in the caller's transaction, which may be undone and begun anew: once it is committed, what
    this returned goes to `grant.settle`.
    """
    if grant is None or not (calls := [*grant.intents, *grant.answers]):
        return None
    counted = [call.tokens(grant.count) for call in calls]
    read, written = (sum(tokens[place] for tokens, _ in counted) for place in (0, 1))
    answered = [call for call in grant.answers if not call.failed]
    cost = (read * (grant.terms.price_in or 0) + written * (grant.terms.price_out or 0)) / 1e6
    key = {"day": now().date(), "user_id": user_id, "model": grant.name()[:120]}
    amounts = {
        "tokens_in": read,
        "tokens_out": written,
        "estimated": sum(sum(tokens) for tokens, estimated in counted if estimated),
        "answers": len(answered),
        "failures": len(grant.answers) - len(answered),
        "cost_millionths": round(cost * 1e6),
    }
    _add(session, Usage, key, amounts)
    if answered:
        milliseconds = _bound(milliseconds_since(grant))
        times = {"day": key["day"], "model": key["model"], "milliseconds": milliseconds}
        _add(session, AnswerTime, times, {"count": 1})
    return Spent(read + written, cost)


def milliseconds_since(grant: Grant) -> int:
    """Since the question came."""
    return round((time.monotonic() - grant.started) * 1000)


def _add(session: Session, kind: type[SQLModel], key: dict[str, Any], amounts: dict[str, int]) -> None:
    """One statement, so that processes that add to the same row at once lose nothing."""
    session.execute(_adding(kind, tuple(key), tuple(amounts), session.get_bind().dialect.name), {**key, **amounts})


@cache
def _adding(kind: type[SQLModel], key: tuple[str, ...], amounts: tuple[str, ...], dialect: str) -> Any:
    table: Any = kind.__table__  # type: ignore[attr-defined]
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(table)
    more = {name: table.c[name] + statement.excluded[name] for name in amounts}
    return statement.on_conflict_do_update(index_elements=key, set_=more)


def spent_this_month(session: Session) -> Spent:
    """Of everybody, also of accounts that are gone, since the first of the month (UTC)."""
    tokens = func.coalesce(func.sum(Usage.tokens_in + Usage.tokens_out), 0)
    first = now().date().replace(day=1)
    query = select(tokens, func.coalesce(func.sum(Usage.cost_millionths), 0)).where(Usage.day >= first)
    row = session.exec(query).one()
    return Spent(int(row[0]), int(row[1]) / 1e6)


class UsageFigures(BaseModel):
    tokens_in: int = Field(description="Tokens that the model read.")
    tokens_out: int = Field(description="Tokens that it wrote.")
    estimated: int = Field(description="Of both together, those that the provider did not tell: they are estimated.")
    answers: int
    failures: int = Field(description="Answers that the model failed to write or to end.")
    users: int
    cost: float | None = Field(description="By the prices in force at that time; null where none were set.")
    p50_ms: int | None = Field(description="Half of the answers took at most so long, question to last word.")
    p95_ms: int | None


class UsageDay(UsageFigures):
    day: date
    model: str


class UsageModel(UsageFigures):
    model: str
    last: date = Field(description="The last day on which it was used.")


class UsagePublic(BaseModel):
    """What language models took, a row for each day and model. Days are those of UTC."""

    first: date
    last: date
    currency: str
    total: UsageFigures
    rows: list[UsageDay]


class UsageService:
    def __init__(self, db: Database, audit: AuditLog, choices: Choices) -> None:
        self._db, self._audit, self._choices = db, audit, choices

    def report(self, principal: Principal, first: date | None = None, last: date | None = None) -> UsagePublic:
        """From `first` to `last`, both included; this month by itself. Raises `Forbidden` for whoever is no admin."""
        with self._audit.refusing(self._db, principal, "usage.read"):
            if not principal.is_admin:
                raise Forbidden("This is for admins; ask one of them.")
        last = last or max(now().date(), first or date.min)
        first = first or last.replace(day=1)
        if not timedelta(0) <= last - first < timedelta(LONGEST_DAYS):
            raise AppError(
                f"Name a first and a last day at most {LONGEST_DAYS} days apart, the first one first.",
                status=422,
                code="period",
            )
        with self._db.session() as session:
            self._audit.record(session, principal, "usage.read")
        with self._db.reading() as session:
            rows = session.exec(select(Usage).where(Usage.day >= first, Usage.day <= last)).all()
            times = session.exec(select(AnswerTime).where(AnswerTime.day >= first, AnswerTime.day <= last)).all()
        by_place: dict[tuple[date, str], list[Usage]] = defaultdict(list)
        for row in rows:
            by_place[row.day, row.model].append(row)
        days = [
            UsageDay(
                day=day,
                model=model,
                **_figures(mine, [one for one in times if (one.day, one.model) == (day, model)]),
            )
            for (day, model), mine in sorted(by_place.items())
        ]
        return UsagePublic(
            first=first,
            last=last,
            currency=terms_of(self._choices.row()).currency,
            total=UsageFigures(**_figures(rows, times)),
            rows=days,
        )


def by_model(session: Session, first: date, last: date) -> list[UsageModel]:
    """What each model took from `first` to `last`, both included, the most read first."""
    rows = session.exec(select(Usage).where(Usage.day >= first, Usage.day <= last)).all()
    times = session.exec(select(AnswerTime).where(AnswerTime.day >= first, AnswerTime.day <= last)).all()
    found = [
        UsageModel(
            model=model,
            last=max(row.day for row in rows if row.model == model),
            **_figures([row for row in rows if row.model == model], [one for one in times if one.model == model]),
        )
        for model in {row.model for row in rows}
    ]
    return sorted(found, key=lambda one: (-one.tokens_in, one.model))


def _figures(rows: Sequence[Usage], times: Iterable[AnswerTime]) -> dict[str, Any]:
    names = ("tokens_in", "tokens_out", "estimated", "answers", "failures")
    cost = sum(row.cost_millionths for row in rows) / 1e6
    counts: dict[int, int] = defaultdict(int)
    for one in times:
        counts[one.milliseconds] += one.count
    return {
        **{name: sum(getattr(row, name) for row in rows) for name in names},
        "users": len({row.user_id for row in rows if row.user_id}),
        "cost": cost or None,
        "p50_ms": percentile(counts, 0.5),
        "p95_ms": percentile(counts, 0.95),
    }


def percentile(counts: dict[int, int], share: float) -> int | None:
    """The bound of the histogram below which `share` of the answers lie; None without any."""
    wanted, seen = share * sum(counts.values()), 0
    for bound in sorted(counts):
        seen += counts[bound]
        if seen >= wanted:
            return bound
    return None


def _bound(milliseconds: float) -> int:
    return round(STEP ** math.ceil(math.log(max(milliseconds, 1.0), STEP)))


def as_csv(report: UsagePublic) -> str:
    """A line for each row."""
    heads = [*COLUMNS[:8], f"cost_{report.currency}", *COLUMNS[9:]]
    values = (row.model_dump() for row in report.rows)
    return csv_lines.as_csv(heads, ([row[name] for name in COLUMNS] for row in values))
