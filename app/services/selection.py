"""Which documents of a list are wanted: search and filters as conditions in SQL, and what a user keeps, added up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, get_args

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlmodel import Session, col

from app.config import QuotaSettings
from app.errors import AppError
from app.models import DELETING, FAILED, KB, READY, Document, DocumentInsight, Revision
from app.services.insight.kinds import DocumentKind, ids_of
from app.services.shapes import DocumentTotals

Progress = Literal["ready", "reading", "failed"]
Standing = Literal["draft", "signed", "superseded", "none"]
Kind = Literal["pdf", "word", "text", "web", "mail", "table", "picture"]
KINDS: dict[Kind, tuple[str, ...]] = {
    "pdf": (".pdf",),
    "word": (".docx",),
    "text": (".txt", ".md"),
    "web": (".html", ".htm"),
    "mail": (".eml",),
    "table": (".csv", ".tsv", ".xlsx"),
    "picture": (".jpg", ".jpeg", ".png", ".heic"),
}
NO_ARTIST = "none"  # in place of an artist's id: documents that are for all artists
MOST_WORDS = 8  # of a search that are looked for

# What is told of a document: while a new version is on its way, that one's state.
STATE = case(
    ((col(Document.status) == READY) & col(Revision.status).is_not(None), col(Revision.status)),
    else_=col(Document.status),
)
COMING = col(Revision.document_id) == col(Document.id)  # for the outer join that STATE needs


def conditions(
    *,
    q: str | None = None,
    status: Progress | None = None,
    artist_id: str | None = None,
    standing: str | None = None,
    kind: Kind | None = None,
    document_kind: DocumentKind | None = None,
    since: datetime | None = None,
) -> list[ColumnElement[bool]]:
    """What a query of documents, joined with their revisions, must meet. Every word of `q` stands in the title or in the
    file's name; `kind` is of the file, `document_kind` what the version that answers was read as; `since` is the moment of the
    last change. Raises `AppError` 422 for a moment that no clock shows.
    """
    wanted = [_named(word) for word in (q or "").split()[:MOST_WORDS]]
    if status == "reading":
        wanted.append(STATE.not_in((READY, FAILED)))
    elif status is not None:
        wanted.append(STATE.in_((status,)))
    if artist_id is not None:
        wanted.append(
            col(Document.artist_id).is_(None) & (col(Document.kb) == "personal")
            if artist_id == NO_ARTIST
            else col(Document.artist_id) == artist_id
        )
    if standing is not None:
        wanted.append(col(Document.standing) == standing)
    if kind is not None:
        wanted.append(func.coalesce(Revision.suffix, Document.suffix).in_(KINDS[kind]))
    if document_kind is not None:
        wanted.append(_read_as(document_kind))
    if since is not None:
        moment = _utc(since)
        wanted.append(or_(col(Document.updated) >= moment, col(Revision.updated) >= moment))
    return wanted


def totals(session: Session, user_id: str, quotas: QuotaSettings, kbs: list[KB]) -> DocumentTotals:
    """What a user keeps, and how much of it there may be; `kbs` are the knowledge bases they may write."""
    # Grouped by its name: bound in the server, the same CASE with other parameters is another.
    shown = STATE.label("shown")
    sums = [func.coalesce(func.sum(column), 0) for column in (Document.pages, Document.chunks, Document.bytes)]
    query = (
        select(shown, col(Document.status), func.count(), *sums)
        .select_from(Document)
        .outerjoin(Revision, COMING)
        .where(col(Document.user_id) == user_id, col(Document.status) != DELETING)
        .group_by("shown", col(Document.status))
    )
    told = DocumentTotals(most_documents=quotas.documents, most_bytes=quotas.bytes, kbs=kbs)
    for state, status, count, pages, chunks, size in session.execute(query):
        told.documents += count
        told.bytes += size
        if status == READY:  # what is found by searches, if need be in its old version
            told.pages, told.chunks = told.pages + pages, told.chunks + chunks
        name = state if state in get_args(Progress) else "reading"
        setattr(told, name, getattr(told, name) + count)
    return told


def _read_as(kind: DocumentKind) -> ColumnElement[bool]:
    read = select(col(DocumentInsight.document_id)).where(
        col(DocumentInsight.document_id) == col(Document.id),
        col(DocumentInsight.version) == col(Document.version),
        col(DocumentInsight.kind).in_(sorted(ids_of(kind))),
    )
    return read.exists()


def _named(word: str) -> ColumnElement[bool]:
    """SQLite knows the capitals of ASCII alone: the usual spellings of others are looked for as well."""
    spellings = {word, word.lower(), word.upper(), word.capitalize()}
    places = (col(Document.title), col(Document.filename), col(Revision.filename))
    return or_(*(place.icontains(spelling, autoescape=True) for place in places for spelling in sorted(spellings)))


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise AppError("The moment in 'since' is out of range; send a later one.", status=422, code="since") from None
