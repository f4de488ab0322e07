"""The SQL tables. Shapes that leave the process stand beside the door that shows them, never here."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Integer, String, UniqueConstraint
from sqlmodel import Field, SQLModel

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
_Number = BigInteger().with_variant(Integer(), "sqlite")


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    return str(uuid.uuid4())


def _owned_by(column: str, *, nullable: bool = False) -> Any:
    return Column(String(36), ForeignKey(column, ondelete="CASCADE"), nullable=nullable, index=True)


class User(SQLModel, table=True):
    __tablename__ = "users"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    email: str = Field(unique=True, max_length=254)
    password_hash: str
    role: str = Field(default="user", max_length=10)
    disabled: bool = False
    steps_hidden: bool = False  # the first steps are put away
    created: datetime = Field(default_factory=now)


class Profile(SQLModel, table=True):
    """What the prompt may know about the asker; every field is optional."""

    __tablename__ = "profiles"
    user_id: str = Field(sa_column=Column(String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True))
    role: str = ""
    artist_name: str = ""
    bio: str = ""
    genres: str = ""
    stage: str = ""
    goals: str = ""
    audience: str = ""


class LoginSession(SQLModel, table=True):
    """A signed-in device or a refresh family. The secret itself is never stored, only its SHA-256."""

    __tablename__ = "login_sessions"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=_owned_by("users.id"))
    kind: str = Field(max_length=10)  # browser | api
    secret_sha256: str = Field(unique=True, max_length=64)
    previous_sha256: str | None = Field(default=None, max_length=64, index=True)
    trusted: bool = False
    device: str = Field(
        default="", max_length=60
    )  # words such as "Firefox on Windows"; what the browser says of itself
    created: datetime = Field(default_factory=now)
    last_seen: datetime = Field(default_factory=now)
    expires: datetime
    revoked: bool = False


class Identity(SQLModel, table=True):
    """Who a user is at an OpenID provider. `subject` is the provider's own lasting id; an e-mail address never counts."""

    __tablename__ = "identities"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=_owned_by("users.id"))
    issuer: str = Field(max_length=255)
    subject: str = Field(max_length=255)
    created: datetime = Field(default_factory=now)
    __table_args__ = (UniqueConstraint("issuer", "subject"),)


class SpentHandshake(SQLModel, table=True):
    """A sign-in at a provider that came back: it is not taken a second time. Kept until it would have expired."""

    __tablename__ = "spent_handshakes"
    id: str = Field(primary_key=True, max_length=64)
    expires: datetime = Field(index=True)


class Artist(SQLModel, table=True):
    __tablename__ = "artists"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=_owned_by("users.id"))
    name: str = Field(max_length=200)
    created: datetime = Field(default_factory=now)


class Handover(SQLModel, table=True):
    """An open offer of an artist to another user; accepting or declining ends it. One at a time for each artist."""

    __tablename__ = "handovers"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    artist_id: str = Field(
        sa_column=Column(String(36), ForeignKey("artists.id", ondelete="CASCADE"), nullable=False, unique=True)
    )
    from_user_id: str = Field(sa_column=_owned_by("users.id"))
    to_user_id: str = Field(sa_column=_owned_by("users.id"))
    created: datetime = Field(default_factory=now)


class Document(SQLModel, table=True):
    """An uploaded file. `user_id` is the owner (personal) or empty (global); `artist_id` empty means all artists."""

    __tablename__ = "documents"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    kb: str = Field(max_length=10, index=True)
    user_id: str | None = Field(default=None, sa_column=_owned_by("users.id", nullable=True))
    artist_id: str | None = Field(default=None, sa_column=_owned_by("artists.id", nullable=True))
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
    document_id: str = Field(sa_column=_owned_by("documents.id"))
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
    id: int | None = Field(default=None, sa_column=Column(_Number, primary_key=True, autoincrement=True))
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


class Turn(SQLModel, table=True):
    """Work that one process does for all: who holds it, until when, and what the last round found."""

    __tablename__ = "turns"
    name: str = Field(primary_key=True, max_length=40)
    holder: str = Field(default="", max_length=36)
    held_until: datetime | None = None
    finished: datetime | None = None
    found: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


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
    id: int | None = Field(default=None, sa_column=Column(_Number, primary_key=True, autoincrement=True))
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


class Conversation(SQLModel, table=True):
    __tablename__ = "conversations"
    id: int | None = Field(default=None, sa_column=Column(_Number, primary_key=True, autoincrement=True))
    user_id: str = Field(sa_column=_owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=_owned_by("artists.id", nullable=True))
    title: str = Field(default="New conversation", max_length=200)
    created: datetime = Field(default_factory=now)
    updated: datetime = Field(default_factory=now, index=True)
    __table_args__ = ({"sqlite_autoincrement": True},)


class Message(SQLModel, table=True):
    __tablename__ = "messages"
    id: int | None = Field(default=None, sa_column=Column(_Number, primary_key=True, autoincrement=True))
    conversation_id: int = Field(
        sa_column=Column(_Number, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    role: str = Field(max_length=10)  # user | assistant
    text: str = ""
    intent: str | None = Field(default=None, max_length=10)
    state: str | None = Field(default=None, max_length=16)
    citations: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    trace_id: str | None = Field(default=None, max_length=36)
    rating: int | None = None
    feedback: str | None = None
    replaced_by: int | None = None  # the question that was asked instead, in the same words or in others
    created: datetime = Field(default_factory=now)
    __table_args__ = ({"sqlite_autoincrement": True},)


class Trace(SQLModel, table=True):
    """The record of one retrieval (design 2). Holds ids, ranks and milliseconds; passage text stays in `chunks`."""

    __tablename__ = "traces"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=_owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=_owned_by("artists.id", nullable=True))
    body: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created: datetime = Field(default_factory=now)


class IdempotencyKey(SQLModel, table=True):
    """What a request with an Idempotency-Key was answered; `status` is empty while the first one is still at work.

    `object_id` is the document or conversation that the answer tells of: deleting that deletes the row.
    """

    __tablename__ = "idempotency_keys"
    id: int | None = Field(default=None, sa_column=Column(_Number, primary_key=True, autoincrement=True))
    user_id: str = Field(sa_column=_owned_by("users.id"))
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
    id: int | None = Field(default=None, sa_column=Column(_Number, primary_key=True, autoincrement=True))
    at: datetime = Field(default_factory=now, index=True)
    user_id: str = Field(max_length=60, index=True)
    door: str = Field(max_length=10)
    action: str = Field(max_length=40)
    outcome: str = Field(default="granted", max_length=12)
    object_id: str | None = Field(default=None, max_length=60)
    question_digest: str | None = Field(default=None, max_length=64)
    request_id: str = Field(default="-", max_length=36)
    reads: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    __table_args__ = ({"sqlite_autoincrement": True},)
