"""What keeps the installation going: turns, stamps, the language model and its use, repeated requests, the audit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Integer, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.base import Number, empty_dict, empty_list, new_id, now, owned_by


class Turn(SQLModel, table=True):
    """Work that one process does for all: who holds it, until when, and what the last round found."""

    __tablename__ = "turns"
    name: str = Field(primary_key=True, max_length=40)
    holder: str = Field(default="", max_length=36)
    held_until: datetime | None = None
    finished: datetime | None = None
    found: dict[str, int] = Field(default_factory=empty_dict, sa_column=Column(JSON, nullable=False))


class Stamp(SQLModel, table=True):
    """A fact about this installation that must not change unnoticed: chunker, vector location, seed digest."""

    __tablename__ = "stamps"
    key: str = Field(primary_key=True, max_length=60)
    value: str


class ModelChoice(SQLModel, table=True):
    """The language model that an admin chose: one row, or none where the configuration decides.

    `stamp` is new with every save: other processes see by it that they must read again. The key is sealed (`Vault`).
    """

    __tablename__ = "model_choices"
    id: int = Field(default=1, sa_column=Column(Integer, primary_key=True, autoincrement=False))
    stamp: str = Field(default_factory=new_id, max_length=36)
    provider: str = Field(max_length=12)
    base_url: str | None = Field(default=None, max_length=500)
    model: str | None = Field(default=None, max_length=120)
    sealed_key: str | None = None
    monthly_cap: float | None = None
    cap_unit: str = Field(default="tokens", max_length=6)  # tokens | money
    currency: str = Field(default="USD", max_length=3)
    price_in: float | None = None  # of a million tokens
    price_out: float | None = None
    updated: datetime = Field(default_factory=now)


class Usage(SQLModel, table=True):
    """What a user had a language model do on one day. Of a deleted account it stays without the user: the month's sum is
    the same as before."""

    __tablename__ = "usage"
    id: int | None = Field(default=None, sa_column=Column(Number, primary_key=True, autoincrement=True))
    day: date = Field(index=True)  # in UTC
    user_id: str | None = Field(
        default=None, sa_column=Column(String(36), ForeignKey("users.id", ondelete="SET NULL"), index=True)
    )
    model: str = Field(max_length=120)
    tokens_in: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    tokens_out: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    estimated: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # of both, not told by the provider
    answers: int = 0
    failures: int = 0
    cost_millionths: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    __table_args__ = (UniqueConstraint("day", "user_id", "model"),)


class AnswerTime(SQLModel, table=True):
    """How many answers of a day took up to so many milliseconds: a histogram, from which percentiles are read."""

    __tablename__ = "answer_times"
    day: date = Field(primary_key=True)
    model: str = Field(primary_key=True, max_length=120)
    milliseconds: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    count: int = 0


class IdempotencyKey(SQLModel, table=True):
    """What a request with an Idempotency-Key was answered; `status` is empty while the first one is still at work.

    `object_id` is the document or conversation that the answer tells of: deleting that deletes the row.
    """

    __tablename__ = "idempotency_keys"
    id: int | None = Field(default=None, sa_column=Column(Number, primary_key=True, autoincrement=True))
    user_id: str = Field(sa_column=owned_by("users.id"))
    route: str = Field(max_length=40)
    key: str = Field(max_length=200)
    request_sha256: str = Field(max_length=64)
    status: int | None = None
    body: Any = Field(default=None, sa_column=Column(JSON, nullable=True))
    object_id: str | None = Field(default=None, max_length=40, index=True)
    created: datetime = Field(default_factory=now, index=True)
    __table_args__ = (UniqueConstraint("user_id", "route", "key"), {"sqlite_autoincrement": True})


class AuditEvent(SQLModel, table=True):
    """Append-only: who did what to which document when. No foreign keys: it outlives accounts as opaque ids."""

    __tablename__ = "audit_events"
    id: int | None = Field(default=None, sa_column=Column(Number, primary_key=True, autoincrement=True))
    at: datetime = Field(default_factory=now, index=True)
    user_id: str = Field(max_length=60, index=True)
    door: str = Field(max_length=10)
    action: str = Field(max_length=40)
    outcome: str = Field(default="granted", max_length=12)
    object_id: str | None = Field(default=None, max_length=60)
    question_digest: str | None = Field(default=None, max_length=64)
    request_id: str = Field(default="-", max_length=36)
    reads: list[dict[str, Any]] = Field(default_factory=empty_list, sa_column=Column(JSON, nullable=False))
    __table_args__ = ({"sqlite_autoincrement": True},)
