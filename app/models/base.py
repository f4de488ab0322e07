"""What all tables share: names of constraints, ids, the words of states."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Integer, String
from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

KB = Literal["personal", "global"]
Intent = Literal["personal", "global", "hybrid"]
KBS: tuple[KB, ...] = ("personal", "global")

# Design rule 6; `failed` keeps the file and its reason, `deleting` already answers nothing.
RECEIVED, STORED, PARSING, EMBEDDING, INDEXING = "received", "stored", "parsing", "embedding", "indexing"
READY, FAILED, DELETING = "ready", "failed", "deleting"
UNFINISHED = (STORED, PARSING, EMBEDDING, INDEXING)
# Of an index generation.
BUILDING, LIVE, RETIRED = "building", "live", "retired"
STANDINGS = ("draft", "signed", "superseded", "none")

# SQLite numbers rows by itself only when the key is INTEGER.
Number = BigInteger().with_variant(Integer(), "sqlite")


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    return str(uuid.uuid4())


def owned_by(column: str, *, nullable: bool = False) -> Any:
    return Column(String(36), ForeignKey(column, ondelete="CASCADE"), nullable=nullable, index=True)


def json_column(*, nullable: bool = False) -> Any:
    return Column(JSON, nullable=nullable)


# Pydantic looks at a factory's signature each time, and of `list` it is parsed from its documentation: a message took 333 µs to
# make, and takes 41 so.
def empty_list() -> list[Any]:
    return []


def empty_dict() -> dict[str, Any]:
    return {}
