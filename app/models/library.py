"""What is kept to answer from: documents, their passages, the indexes over them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.base import RECEIVED, STORED, Number, new_id, now, owned_by


class Document(SQLModel, table=True):
    """An uploaded file. `user_id` is the owner (personal) or empty (global); `artist_id` empty means all artists."""

    __tablename__ = "documents"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    kb: str = Field(max_length=10, index=True)
    user_id: str | None = Field(default=None, sa_column=owned_by("users.id", nullable=True))
    artist_id: str | None = Field(default=None, sa_column=owned_by("artists.id", nullable=True))
    title: str = Field(max_length=300)
    filename: str = Field(max_length=300)
    suffix: str = Field(max_length=10)
    standing: str = Field(default="none", max_length=12)
    as_of: date | None = None  # the day up to which what it says is known to hold
    status: str = Field(default=RECEIVED, max_length=12, index=True)
    reason: str | None = None
    version: int = 1  # the one that answers when ready
    newest: int = 1  # the highest version number given out
    file: str | None = Field(default=None, max_length=60)  # its name in uploads; empty: the document's id
    bytes: int = 0
    sha256: str = Field(default="", max_length=64, index=True)
    pages: int = 0
    chunks: int = 0
    progress: float = 0.0
    detail: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    attempts: int = 0
    next_attempt: datetime | None = None
    lease_until: datetime | None = None
    created: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now)


class Revision(SQLModel, table=True):
    """A new version of a ready document on its way. The old one answers until this one is whole and takes its place.

    The document's lease is this one's too: nobody works on both at once.
    """

    __tablename__ = "revisions"
    document_id: str = Field(
        sa_column=Column(String(36), ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    )
    version: int
    file: str | None = Field(default=None, max_length=60)  # empty: the document's own file, cut anew
    filename: str = Field(max_length=300)
    suffix: str = Field(max_length=10)
    status: str = Field(default=STORED, max_length=12)
    reason: str | None = None
    bytes: int = 0
    sha256: str = Field(default="", max_length=64)
    pages: int = 0
    chunks: int = 0
    progress: float = 0.0
    detail: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    attempts: int = 0
    next_attempt: datetime | None = None
    created: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now)


class Chunk(SQLModel, table=True):
    """A passage: `text == page_text[start:end]`, offsets in characters. The id is the point id in every collection."""

    __tablename__ = "chunks"
    id: str = Field(primary_key=True, max_length=36)
    document_id: str = Field(sa_column=owned_by("documents.id"))
    version: int
    number: int
    page: int
    start: int
    end: int
    heading: str = ""
    text: str
    digest: str = Field(default="", max_length=32)  # of what is embedded for it: equal ones need no second vector
    __table_args__ = (UniqueConstraint("document_id", "version", "number"),)


class IndexGeneration(SQLModel, table=True):
    """A collection of one (kb, model). Searches use the one that is `live`; `building` is being filled from SQL."""

    __tablename__ = "index_generations"
    id: int | None = Field(default=None, sa_column=Column(Number, primary_key=True, autoincrement=True))
    kb: str = Field(max_length=10)
    model: str = Field(max_length=40)
    generation: int
    collection: str = Field(unique=True, max_length=120)
    dimension: int
    fingerprint: str = Field(max_length=80)
    state: str = Field(default="building", max_length=10)
    filled: int = 0  # documents, while it is building ...
    documents: int = 0  # ... of so many
    created: datetime = Field(default_factory=now)
    __table_args__ = (UniqueConstraint("kb", "model", "generation"),)
