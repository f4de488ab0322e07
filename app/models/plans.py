"""Plans: dated steps towards a goal, what is said about them, and what the chat proposes to change."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.base import empty_dict, empty_list, json_column, new_id, now, owned_by

OPEN, DONE, SNOOZED, DROPPED = "open", "done", "snoozed", "dropped"
PROPOSED, ACCEPTED, DECLINED = "proposed", "accepted", "declined"


class Plan(SQLModel, table=True):
    """`body` holds what the template gave beside the steps: assumptions, budget rows, open questions."""

    __tablename__ = "plans"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=owned_by("artists.id", nullable=True))
    title: str = Field(max_length=200)
    template: str = Field(max_length=60)
    goal: str = ""
    target_date: date
    status: str = Field(default=OPEN, max_length=10)
    body: dict[str, Any] = Field(default_factory=empty_dict, sa_column=json_column())
    created: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now, index=True)


class PlanStep(SQLModel, table=True):
    """`key` names the step within its plan for ever; `depends_on` holds keys. `edited` names the fields that the user
    wrote by hand: nothing else may write them again.
    """

    __tablename__ = "plan_steps"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    plan_id: str = Field(sa_column=owned_by("plans.id"))
    key: str = Field(max_length=60)
    number: int
    title: str = Field(max_length=300)
    reason: str = ""
    owner: str = Field(default="", max_length=100)
    effort: str = Field(default="", max_length=60)
    due: date
    depends_on: list[str] = Field(default_factory=empty_list, sa_column=json_column())
    sources: list[dict[str, Any]] = Field(default_factory=empty_list, sa_column=json_column())  # as citations
    unknown: str = ""  # what must be found out to do it
    status: str = Field(default=OPEN, max_length=10)
    snoozed_until: date | None = None
    done_at: datetime | None = None
    edited: list[str] = Field(default_factory=empty_list, sa_column=json_column())
    body: dict[str, Any] = Field(default_factory=empty_dict, sa_column=json_column())  # lead time and where it is from
    updated: datetime = Field(default_factory=now)
    __table_args__ = (UniqueConstraint("plan_id", "key"),)


class StepComment(SQLModel, table=True):
    __tablename__ = "step_comments"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    step_id: str = Field(sa_column=owned_by("plan_steps.id"))
    text: str
    created: datetime = Field(default_factory=now)


class PlanProposal(SQLModel, table=True):
    """One change of a plan that the chat proposes: nothing of it holds before the user accepts it."""

    __tablename__ = "plan_proposals"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    plan_id: str = Field(sa_column=owned_by("plans.id"))
    message_id: int | None = None  # of the answer that proposed it
    kind: str = Field(max_length=20)
    step_key: str | None = Field(default=None, max_length=60)
    change: dict[str, Any] = Field(default_factory=empty_dict, sa_column=json_column())
    reason: str = ""
    status: str = Field(default=PROPOSED, max_length=10)
    created: datetime = Field(default_factory=now)


class ImportantDate(SQLModel, table=True):
    """A day that a document names or that follows from it. It enters calendar and deadlines when the user confirms it.

    `key` is the same whenever the same clause is read again, so that what was confirmed or put away stays so.
    """

    __tablename__ = "important_dates"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=owned_by("artists.id", nullable=True))
    document_id: str | None = Field(
        default=None, sa_column=Column(String(36), ForeignKey("documents.id", ondelete="CASCADE"), index=True)
    )
    key: str = Field(max_length=64)
    label: str = Field(max_length=200)
    day: date
    rule: str = ""  # how a derived date follows, such as "60 days before 31 December 2027"
    page: int | None = None
    quote: str = ""
    status: str = Field(default=PROPOSED, max_length=10)
    created: datetime = Field(default_factory=now)
    __table_args__ = (UniqueConstraint("user_id", "key"),)
