"""What was read out of a document beside its passages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, String
from sqlmodel import Field, SQLModel

from app.models.base import empty_list, json_column, now


class DocumentInsight(SQLModel, table=True):
    """The short profile of one version of a document, and, for a contract, the checklist of its clauses.

    `facts`: kind, name, value, page, start, end, quote, by (rules | model). `clauses`: one entry for each clause of the
    checklist, found or not. `stamp` names the code that read it: another one reads it again.
    """

    __tablename__ = "document_insights"
    document_id: str = Field(
        sa_column=Column(String(36), ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    )
    version: int
    stamp: str = Field(max_length=60)
    kind: str = Field(default="other", max_length=30)
    facts: list[dict[str, Any]] = Field(default_factory=empty_list, sa_column=json_column())
    clauses: list[dict[str, Any]] = Field(default_factory=empty_list, sa_column=json_column())
    warnings: list[dict[str, Any]] = Field(default_factory=empty_list, sa_column=json_column())
    created: datetime = Field(default_factory=now)
