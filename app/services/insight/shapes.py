"""What insight tells outside the process: names here are public and stay."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.models import KB
from app.services.shapes import Id

DateStatus = Literal["proposed", "accepted", "declined"]
NOT_ADVICE = (
    "Read by a program: it can overlook things, and it is not legal advice. What counts is the document itself."
)


class PlacePublic(BaseModel):
    """Where it stands: `quote` is an exact part of the page's text, `start` to `end` its characters."""

    page: int
    start: int
    end: int
    quote: str
    chunk_id: Id | None = Field(
        default=None, description="the passage that holds it, for showing the page with it marked"
    )


class FactPublic(PlacePublic):
    kind: str = Field(description="party, money, rate, territory, share, date, or a term of a contract")
    name: str
    value: str
    by: str = Field(description="`rules`, or `model` where the language model pointed to it")
    day: date | None = Field(default=None, description="of a date; null where the document names no day to count from")
    days: int | None = None
    until: date | None = None
    rule: str = Field(default="", description="how a date follows from another one")


class ClausePublic(BaseModel):
    """One line of the checklist. `found` false means: not found, which is not the same as not there."""

    name: str
    label: str
    found: bool
    quote: str = ""
    page: int | None = None
    start: int | None = None
    end: int | None = None
    chunk_id: Id | None = None
    by: str = "rules"


class WarningPublic(BaseModel):
    """Something to look at. `other`: the place in another document that says otherwise."""

    code: str
    text: str
    page: int | None = None
    start: int | None = None
    end: int | None = None
    quote: str = ""
    chunk_id: Id | None = None
    other: OtherPlace | None = None


class OtherPlace(PlacePublic):
    document_id: Id
    title: str


class DatePublic(BaseModel):
    """A day that a document names or that follows from it, or one's own. `accepted` ones enter calendar and deadlines."""

    id: Id
    document_id: Id | None = Field(description="null: the user's own")
    title: str | None = Field(default=None, description="of the document")
    artist_id: Id | None
    label: str
    day: date
    days_left: int = Field(description="negative once it has passed")
    status: DateStatus
    rule: str
    page: int | None
    quote: str
    start: int | None = None
    end: int | None = None
    chunk_id: Id | None = None
    changed: bool = Field(default=False, description="the document does not say this any more: it was replaced")
    created: datetime


class InsightPublic(BaseModel):
    """The short profile of a document. While `read` is false it waits to be read, and everything else is empty."""

    document_id: Id
    title: str
    kb: KB
    version: int
    read: bool
    kind: str
    label: str
    contract: bool
    facts: list[FactPublic] = []
    clauses: list[ClausePublic] = []
    warnings: list[WarningPublic] = []
    dates: list[DatePublic] = []
    questions: list[str] = Field(default=[], description="of a contract, for a lawyer: what is missing or left open")
    by_model: bool = False
    note: str = NOT_ADVICE


WarningPublic.model_rebuild()
