"""What leaves the writing desk: kinds, drafts, rows of a list."""

from __future__ import annotations

from datetime import datetime
from difflib import SequenceMatcher
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.models import Draft
from app.services.desk.check import MARK, count_marks
from app.services.desk.kinds import Kind, KindField, load_kinds
from app.services.shapes import Citation, Id, Words

LONGEST_TEXT = 60_000  # characters of a draft
AROUND = 24  # characters on both sides by which a mark is known again after an edit

State = Literal["written", "template", "withdrawn"]
Typed = Annotated[str, StringConstraints(max_length=8000, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]


class KindPublic(BaseModel):
    id: str
    title: str
    group: str
    about: str
    opinion: bool = Field(description="creative feedback: an opinion, and marked so")
    public: bool = Field(description="for strangers: contracts are left out unless they are chosen")
    documents: bool = Field(description="whether one's own documents are searched for it")
    fields: list[KindField]


class KindsPublic(BaseModel):
    """The kinds of texts, and whether a language model writes them."""

    items: list[KindPublic]
    model: bool
    notice: str | None = Field(description="why there is only the template to fill in; null where a model writes")


class DraftCreate(BaseModel):
    kind: str = Field(min_length=1, max_length=40)
    artist_id: Id | None = None
    inputs: dict[Name, Typed] = Field(
        default_factory=dict, max_length=20, description="by the names of the kind's fields"
    )
    documents: list[Id] | None = Field(default=None, max_length=200, description="limits the sources to these")


class DraftUpdate(BaseModel):
    title: Words | None = Field(default=None, max_length=200)
    text: str | None = Field(default=None, max_length=LONGEST_TEXT, pattern=r"^[^\x00]*$")


class MarkPublic(BaseModel):
    """One "[to confirm]" of a draft, in their order."""

    was: str = Field(description="what the model had written there; empty where it left the place open")
    what: str = Field(description="number, name, link, quote or blank")
    label: str = Field(default="", description="what is missing there, where a template says so")


class DraftRow(BaseModel):
    id: Id
    kind: str
    kind_title: str
    title: str
    artist_id: Id | None
    state: State
    open: int = Field(description="how many places read [to confirm]")
    created: datetime
    updated: datetime


class DraftPublic(DraftRow):
    text: str
    opinion: bool
    edited: bool
    notice: str | None = Field(description="what to know about how it was written")
    unchecked: str | None = Field(description="what the check cannot see in this text")
    marks: list[MarkPublic]
    sources: list[Citation]
    inputs: dict[str, str]
    documents: list[Id] | None


def kind_public(kind: Kind) -> KindPublic:
    return KindPublic(**kind.model_dump(include={"id", "title", "group", "about", "opinion", "public"}),
                      documents=bool(kind.search), fields=list(kind.fields))  # fmt: skip


def _row(row: Draft) -> dict[str, Any]:
    kind = load_kinds().get(row.kind)
    return {
        "id": row.id, "kind": row.kind, "kind_title": kind.title if kind else row.kind, "title": row.title,
        "artist_id": row.artist_id, "state": row.body.get("state", "withdrawn"), "open": count_marks(row.text),
        "created": row.created, "updated": row.updated,
    }  # fmt: skip


def draft_row(row: Draft) -> DraftRow:
    return DraftRow(**_row(row))


def draft_public(row: Draft) -> DraftPublic:
    """A draft whose documents are gone has an empty body; its text says so (see `withdrawal`)."""
    kind, body = load_kinds().get(row.kind), row.body
    return DraftPublic(
        **_row(row),
        text=row.text,
        opinion=bool(kind and kind.opinion),
        edited=body.get("edited", False),
        notice=body.get("notice"),
        unchecked=body.get("unchecked"),
        marks=body.get("marks", []),
        sources=[Citation.model_validate(one) for one in row.sources],
        inputs=body.get("inputs", {}),
        documents=body.get("documents"),
    )


def realigned(old: str, marks: list[dict[str, Any]], new: str) -> list[dict[str, Any]]:
    """The marks of `new`, an edit of `old`: what is known of a mark goes with the words around it."""
    before, after = _around(old), _around(new)
    if len(before) == len(marks) == len(after):
        return marks
    left = list(zip(before, marks, strict=False))
    found: list[dict[str, Any]] = []
    for words in after:
        best = max(range(len(left)), key=lambda place: _like(left[place][0], words), default=None)
        if best is not None and _like(left[best][0], words) > 0.6:  # more than half of the words around are the same
            found.append(left[best][1])
            del left[: best + 1]
        else:
            found.append({"was": "", "what": "blank", "label": ""})
    return found


def _around(text: str) -> list[str]:
    parts = text.split(MARK)
    return [f"{one[-AROUND:]}|{other[:AROUND]}" for one, other in zip(parts, parts[1:], strict=False)]


def _like(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
