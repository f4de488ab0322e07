"""A page of a document as one sees it: drawn as a picture with the cited passage marked, or its text with the passage marked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loguru import logger
from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from app.config import IngestionSettings, child_environment
from app.db import Database
from app.errors import NotFound
from app.indexes.page_lane import Kept, Places
from app.indexes.page_pictures import DRAWN, Mark, Picture, draw_page
from app.models import DELETING, FAILED, KB, READY, Chunk, Document
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.document_access import DocumentAccess
from app.services.shapes import Id

NOT_READ = "This document has not been read yet; look again in a moment."
NO_TEXT = "No text was found on this page."
NO_PICTURE = "Documents of this kind have no pictures of their pages; ask for the page without .png."
NO_PASSAGE = "This passage is not in the document any more."
GONE = "The file of this document is not here any more."


class Span(BaseModel):
    """Characters of the page's text; `quote` says whether these are the cited words themselves or what is around them."""

    start: int
    end: int
    quote: bool = False


class PagePublic(BaseModel):
    """A page's text as it was read. With `picture` the page can be had as a picture too, under the same address and .png."""

    document_id: Id
    title: str
    kb: KB
    standing: str
    page: int
    pages: int = Field(description="0 while it has not been read")
    picture: bool
    text: str
    marks: list[Span]
    note: str | None = Field(default=None, description="why there is no text")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which passages of a page to mark: chunks, and within them the cited words, by their characters on the page."""

    chunks: Sequence[str] = ()
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a principal may see: the page of a document, with its chunks as they were when it was asked for."""

    document: Document
    page: int
    chunks: list[Chunk]
    cited: list[Chunk]
    quote: tuple[int, int] | None


class PageService(DocumentAccess):
    def __init__(self, db: Database, audit: AuditLog, settings: IngestionSettings, data_dir: Path) -> None:
        super().__init__(db, audit)
        self._settings, self._uploads, self._work = settings, data_dir / "uploads", data_dir / "tmp"
        self._places, self._kept = Places(), Kept()

    def text(self, principal: Principal, document_id: str, page: int, asked: Asked = Asked()) -> PagePublic:
        """The page's text with the cited passages marked; the reading is audited.

        Raises `NotFound` for documents, pages and passages that are not there, or not this principal's to see.
        """
        granted = self._grant(principal, document_id, page, asked)
        document, text = granted.document, page_text(granted.chunks)
        return PagePublic(
            document_id=document.id,
            title=document.title,
            kb="personal" if document.kb == "personal" else "global",
            standing=document.standing,
            page=page,
            pages=document.pages,
            picture=document.suffix in DRAWN,
            text=text,
            marks=_spans(granted),
            note=None if text.strip() else _why_none(document),
        )

    def picture(self, principal: Principal, document_id: str, page: int, asked: Asked = Asked()) -> Picture:
        """The page as a PNG with the cited passages marked, drawn in a child process; the reading is audited.

        Raises as `text` does; `UnsupportedFile` when the page cannot be drawn; `TooMany` or `Unavailable` when too many
        are being drawn.
        """
        granted = self._grant(principal, document_id, page, asked)
        document = granted.document
        if document.suffix not in DRAWN:
            raise NotFound(NO_PICTURE, code="no_picture")
        # Who may see it was asked above, every time: the key need not name anybody.
        key = (document.id, document.version, document.file or "", page, *(c.id for c in granted.cited), granted.quote)
        self._sweep()
        if (kept := self._kept.get(key)) is not None:
            return kept
        text = page_text(granted.chunks)
        marks = [Mark(text[span.start : span.end], span.start, span.quote) for span in _spans(granted)]
        path = self._uploads / (document.file or document.id)
        began = time.perf_counter()
        with self._places.one(principal.user_id):
            try:
                drawn = draw_page(path, document.suffix, page, marks, self._settings, child_environment(), self._work)
            except FileNotFoundError:
                raise NotFound(GONE) from None
            finally:
                milliseconds = round((time.perf_counter() - began) * 1000)
                logger.bind(document_id=document.id, milliseconds=milliseconds).debug("page drawn")
        self._kept.put(key, drawn)
        return drawn

    def forget(self, principal: Principal, document_id: str) -> None:
        """Drop the pictures of a document that the principal deleted."""
        logger.bind(document_id=document_id, user_id=principal.user_id).debug("pictures dropped")
        self._kept.drop({document_id})

    def _grant(self, principal: Principal, document_id: str, page: int, asked: Asked) -> _Grant:
        with self._refusing(principal, "document.page", document_id), self._db.session() as session:
            document = self._get(session, principal, document_id)
            cited = self._cited(session, document, asked.chunks)
            if page > max(1, document.pages):
                raise NotFound(
                    f"This document has no page {page}; its last one is {max(1, document.pages)}.", code="no_page"
                )
            mine = select(Chunk).where(
                Chunk.document_id == document.id, Chunk.version == document.version, Chunk.page == page
            )
            chunks = list(session.exec(mine.order_by(col(Chunk.number))).all())
            here = [chunk for chunk in cited if chunk.page == page]
            self._audit.record(
                session, principal, "document.page", object_id=document.id,
                reads=[{"document_id": document.id, "chunk_ids": [chunk.id for chunk in chunks]}],
            )  # fmt: skip
        return _Grant(document, page, chunks, here, _quote(asked, chunks, here))

    def _cited(self, session: Session, document: Document, ids: Sequence[str]) -> list[Chunk]:
        """The chunks of these ids in the order of the document. Another document's and nobody's are the same 404."""
        wanted = set(ids)
        query = select(Chunk).where(
            col(Chunk.id).in_(wanted), Chunk.document_id == document.id, Chunk.version == document.version
        )
        found = session.exec(query.order_by(col(Chunk.number))).all()
        if len(found) < len(wanted):
            raise NotFound(NO_PASSAGE, code="no_passage")
        return list(found)

    def _sweep(self) -> None:
        """Pictures of documents that went in another way than by `forget`: with an account, or in another process."""
        if not (ids := self._kept.documents()):
            return
        with self._db.reading() as session:
            here = select(Document.id).where(col(Document.id).in_(ids), col(Document.status) != DELETING)
            self._kept.drop(ids - set(session.exec(here).all()))


def _quote(asked: Asked, chunks: Sequence[Chunk], cited: Sequence[Chunk]) -> tuple[int, int] | None:
    """The cited words, where they are on a page of whose chunks one is cited."""
    if asked.start is None or asked.end is None or not cited:
        return None
    last = max(chunk.end for chunk in chunks)
    return (asked.start, min(asked.end, last)) if asked.start < min(asked.end, last) else None


def _why_none(document: Document) -> str:
    if document.status == FAILED and document.reason:
        return document.reason
    return NO_TEXT if document.status == READY or document.pages else NOT_READ


def page_text(chunks: Sequence[Chunk]) -> str:
    """The text of the page that these are all chunks of: they overlap, and between those that do not lies only white space."""
    text = ""
    for chunk in chunks:
        gap = chunk.start - len(text)
        text += "\n\n".ljust(gap) if gap > 1 and text else " " * gap
        text += chunk.text[max(0, -gap) :]
    return text


def _spans(granted: _Grant) -> list[Span]:
    marks = [Span(start=chunk.start, end=chunk.end, quote=granted.quote is None) for chunk in granted.cited]
    return marks + ([Span(start=granted.quote[0], end=granted.quote[1], quote=True)] if granted.quote else [])
