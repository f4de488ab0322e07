"""Links that show one thing to whoever holds them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from app.models.base import empty_dict, json_column, new_id, now, owned_by


class ShareLink(SQLModel, table=True):
    """The secret itself is never stored, only its SHA-256. `object_id` is the plan, answer or conversation; a clause sheet
    has its documents in `body`."""

    __tablename__ = "share_links"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=owned_by("artists.id", nullable=True))
    kind: str = Field(max_length=20)  # plan | answer | conversation | clauses
    object_id: str | None = Field(default=None, max_length=40, index=True)
    body: dict[str, Any] = Field(default_factory=empty_dict, sa_column=json_column())
    title: str = Field(default="", max_length=300)
    secret_sha256: str = Field(unique=True, max_length=64)
    expires: datetime
    revoked: bool = False
    opened: int = 0
    last_opened: datetime | None = None
    created: datetime = Field(default_factory=now)
