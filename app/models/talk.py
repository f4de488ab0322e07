"""Conversations, messages and the record of what each answer found."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey
from sqlmodel import Field, SQLModel

from app.models.base import Number, empty_dict, empty_list, new_id, now, owned_by


class Conversation(SQLModel, table=True):
    __tablename__ = "conversations"
    id: int | None = Field(default=None, sa_column=Column(Number, primary_key=True, autoincrement=True))
    user_id: str = Field(sa_column=owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=owned_by("artists.id", nullable=True))
    title: str = Field(default="New conversation", max_length=200)
    created: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now, index=True)
    __table_args__ = ({"sqlite_autoincrement": True},)


class Message(SQLModel, table=True):
    __tablename__ = "messages"
    id: int | None = Field(default=None, sa_column=Column(Number, primary_key=True, autoincrement=True))
    conversation_id: int = Field(
        sa_column=Column(Number, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    role: str = Field(max_length=10)  # user | assistant
    text: str = ""
    intent: str | None = Field(default=None, max_length=10)
    state: str | None = Field(default=None, max_length=16)
    citations: list[dict[str, Any]] = Field(default_factory=empty_list, sa_column=Column(JSON, nullable=False))
    trace_id: str | None = Field(default=None, max_length=36)
    milliseconds: int | None = None  # of an answer: from the question to its last word
    rating: int | None = None
    feedback: str | None = None
    replaced_by: int | None = None  # the question that was asked instead, in the same words or in others
    created: datetime = Field(default_factory=now)
    __table_args__ = ({"sqlite_autoincrement": True},)


class Trace(SQLModel, table=True):
    """The record of one retrieval (design 2). Holds ids, ranks and milliseconds; passage text stays in `chunks`."""

    __tablename__ = "traces"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=owned_by("artists.id", nullable=True))
    body: dict[str, Any] = Field(default_factory=empty_dict, sa_column=Column(JSON, nullable=False))
    created: datetime = Field(default_factory=now)
