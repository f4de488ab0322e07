"""The shapes that leave the process (design 6): names here are public and stay."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from app.models import KB, Intent

Item = TypeVar("Item")
Id = Annotated[
    str,
    # Stands before the next line: only a limit of the text itself makes pydantic refuse halves of characters.
    Field(max_length=64),
    BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value),
]
# Something was typed, and nothing that PostgreSQL cannot store.
Words = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
State = Literal["answered", "extractive", "direct", "nothing_found", "partial", "failed"]


class Listing(BaseModel, Generic[Item]):
    """A page of a list; `next` goes into `?after=` for the following one and is null on the last."""

    items: list[Item]
    next: str | None = None


class UserPublic(BaseModel):
    id: Id
    email: str
    role: Literal["user", "admin"]
    disabled: bool
    created: datetime


class AuditPublic(BaseModel):
    """A row of the access log: who did what through which door. A question is its keyed digest, reads are ids."""

    id: Id
    at: datetime
    user_id: str
    door: str
    action: str
    outcome: str
    object_id: str | None
    question_digest: str | None
    reads: list[dict[str, Any]]
    request_id: str
    email: str | None = Field(default=None, description="of `user_id`, for admins, while that account is there")
    object_email: str | None = Field(default=None, description="the same of `object_id`, where it names a user")
    names: dict[str, str] = Field(
        default_factory=dict, description="titles and names of the ids above, of what is there and the reader's to see"
    )


class OtherDocument(BaseModel):
    document_id: Id
    title: str


class KindBrief(BaseModel):
    """What kind of document it is, and what in it wants a look."""

    kind: str
    label: str
    warnings: int = Field(
        default=0, description="how many things want a look, those that other documents say otherwise too"
    )
    disagrees_with: list[OtherDocument] = Field(
        default=[], description="one's other documents about the same deal or song that say something else"
    )


class DocumentPublic(BaseModel):
    id: Id
    title: str
    kb: KB
    artist_id: Id | None
    standing: str
    status: str
    reason: str | None
    progress: float = Field(description="0 to 1")
    pages: int
    chunks: int
    bytes: int
    sha256: str
    created: datetime
    updated: datetime | None = Field(default=None, description="its last change; see `?since=`")
    as_of: date | None = Field(default=None, description="the day up to which what it says is known to hold")
    filename: str = ""
    version: int = Field(default=1, description="the one that answers, or will when it is ready")
    answers: bool = Field(
        default=False, description="whether it is found by searches now, if need be in its old version"
    )
    insight: KindBrief | None = Field(
        default=None, description="what it was read as, in lists and of one document; see `/documents/{id}/insight`"
    )
    detail: dict[str, Any] | None = Field(
        default=None,
        description="while it is read: pages, pages_read, chunks, models: {name: [done, total]}, seconds_left",
    )


class DocumentTotals(BaseModel):
    """What a user keeps: documents by state, pages and passages of those that answer, bytes, and how much fits."""

    documents: int = 0
    ready: int = 0
    reading: int = 0
    failed: int = 0
    pages: int = 0
    chunks: int = 0
    bytes: int = 0
    most_documents: int
    most_bytes: int
    kbs: list[KB] = Field(description="the knowledge bases that the caller may write")


class Hit(BaseModel):
    """A passage found: pages start at 1, offsets count characters of the page's text, ranks start at 1."""

    chunk_id: Id
    document_id: Id
    title: str
    kb: KB
    page: int
    start: int
    end: int
    text: str
    ranks: dict[str, int]
    heading: str = ""
    standing: str = "none"
    score: float | None = Field(default=None, description="for the command line and admins only")


class SearchAnswer(BaseModel):
    intent: Intent
    direct: bool
    kbs: list[KB]
    hits: list[Hit]
    trace_id: Id
    milliseconds: float
    missing: list[str] = Field(default_factory=list, description="models that could not take part")


class SearchRequest(BaseModel):
    query: Words = Field(max_length=4000)
    top_k: int = Field(8, ge=1, le=50)
    intent: Intent | None = None
    documents: list[Id] | None = Field(default=None, max_length=200)
    artist_id: Id | None = None


class ConversationPublic(BaseModel):
    id: Id
    title: str
    artist_id: Id | None
    created: datetime
    updated: datetime


class Citation(BaseModel):
    """A label such as P1 (yours) or G2 (industry) in an answer, and the passage it stands for."""

    label: str
    document_id: Id
    chunk_id: Id
    title: str
    kb: KB
    page: int
    quote: str
    standing: str = "none"
    as_of: date | None = Field(default=None, description="as of the document")
    start: int | None = Field(default=None, description="where the quote begins, in characters of the page's text")
    end: int | None = None
    deleted: bool = Field(default=False, description="the document is not here any more")
    replaced: bool = Field(default=False, description="the document is here in a newer version without this passage")


class MessagePublic(BaseModel):
    id: Id
    conversation: Id
    role: Literal["user", "assistant"]
    text: str
    intent: Intent | None
    state: State | None
    citations: list[Citation]
    trace_id: Id | None
    rating: int | None
    created: datetime
    earlier: bool = Field(default=False, description="of a question: it was asked before, see `/messages/{id}/earlier`")


class AskRequest(BaseModel):
    conversation: Id | None = None
    text: Words = Field(max_length=20_000)
    stream: bool = False
    documents: list[Id] | None = Field(default=None, max_length=200)
    artist_id: Id | None = None
    replaces: Id | None = Field(
        default=None,
        description="A question of this conversation, or its answer, to ask again in these words: what followed it is "
        "replaced, and kept as its earlier version.",
    )


class Event(BaseModel):
    """One step of an answer on its way: intent, sources, token (many), then done or error."""

    name: Literal["intent", "sources", "token", "done", "error"]
    data: dict[str, Any]
