"""The writing desk's drafts, and what the program remembers about its user."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from app.models.base import empty_dict, empty_list, json_column, new_id, now, owned_by
from app.models.plans import PROPOSED


class Draft(SQLModel, table=True):
    """A text from the writing desk. `sources` are the passages it rests on, as citations; `body` is what was asked for."""

    __tablename__ = "drafts"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=owned_by("artists.id", nullable=True))
    kind: str = Field(max_length=40)
    title: str = Field(default="", max_length=200)
    text: str = ""
    sources: list[dict[str, Any]] = Field(default_factory=empty_list, sa_column=json_column())
    body: dict[str, Any] = Field(default_factory=empty_dict, sa_column=json_column())
    created: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now, index=True)


class ProfileNote(SQLModel, table=True):
    """A fact that the user said about themselves. It is used when they confirmed it, not before; a declined one is kept as
    a digest alone, so that it is not proposed again."""

    __tablename__ = "profile_notes"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=owned_by("artists.id", nullable=True))
    text: str = Field(default="", max_length=500)
    digest: str = Field(default="", max_length=64, index=True)
    status: str = Field(default=PROPOSED, max_length=10)
    message_id: int | None = None  # of the user's own message that said it
    created: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now)
