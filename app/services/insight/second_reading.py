"""The language model's reading of documents that the rules have read: in the background, one at a time, never in anybody's way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from loguru import logger
from sqlmodel import Session, col, select

from app.config import InsightSettings
from app.db import Database
from app.errors import AppError
from app.models import READY, Document, DocumentInsight
from app.services.insight.contracts import more_clauses
from app.services.insight.dates import NAMED, Dated
from app.services.insight.kinds import CONTRACTS, GUIDE
from app.services.insight.model import more_facts
from app.services.insight.page_texts import PageText, page_texts
from app.services.insight.reader import propose
from app.services.insight.reading import MOST_FACTS, STAMP, date_fact
from app.services.model_slot import ModelSlot
from app.services.usage import Grant, record

PAUSE_SECONDS = 300.0  # after the model failed, or its month's limit was reached
TRIES = 3  # of one document while this process lives
UNREAD = (GUIDE, "lyrics", "table", "royalty_statement", "set_list")  # kinds that hold no deal


class SecondReading:
    """`step` is called by a thread of its own; `stop`, from any thread, breaks off what it does."""

    def __init__(self, db: Database, slot: ModelSlot, settings: InsightSettings, busy: Callable[[], int]) -> None:
        """`busy` tells how many answers are being written: people come first."""
        self._db, self._slot, self._settings, self._busy = db, slot, settings, busy
        self._later = 0.0  # no try before this moment, monotonic
        self._tried: dict[tuple[str, int], int] = {}
        self._asking: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        self._stopped = False

    def step(self) -> bool:
        """Have the model read the oldest document that it has not read; False when there is nothing to do now."""
        if not self._settings.model or self._stopped or self._slot.get() is None:
            return False
        if time.monotonic() < self._later or self._busy():
            return False
        with self._db.reading() as session:
            found = self._next(session)
            pages = page_texts(session, found[0]) if found else []
        if found is None:
            return False
        grant = self._slot.grant_now()
        if grant.model is None:
            self._later = time.monotonic() + PAUSE_SECONDS
            return False
        document, row = found
        key = (document.id, document.version)
        self._tried[key] = self._tried.get(key, 0) + 1
        try:
            asyncio.run(self._read(grant, document, row, pages))
        except AppError as error:
            self._later = time.monotonic() + PAUSE_SECONDS
            logger.bind(document_id=document.id, code=error.code).warning("not read by the language model")
        except (asyncio.CancelledError, TimeoutError):
            logger.bind(document_id=document.id).info("reading by the language model broke off")
        finally:
            self._settle(grant, document)
        return True

    def stop(self) -> None:
        self._stopped = True
        if (asking := self._asking) is not None:
            loop, task = asking
            if not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

    def _next(self, session: Session) -> tuple[Document, DocumentInsight] | None:
        query = select(Document, DocumentInsight).join(
            DocumentInsight, col(DocumentInsight.document_id) == col(Document.id)
        )
        query = query.where(
            col(Document.status) == READY, col(Document.kb) == "personal",
            col(DocumentInsight.version) == col(Document.version), DocumentInsight.stamp == f"{STAMP}.rules",
            col(DocumentInsight.kind).not_in(UNREAD),
        )  # fmt: skip
        gone = [document_id for (document_id, _), count in self._tried.items() if count >= TRIES]
        if gone:
            query = query.where(col(Document.id).not_in(gone))
        return session.exec(query.order_by(col(Document.updated)).limit(1)).first()

    async def _read(self, grant: Grant, document: Document, row: DocumentInsight, pages: list[PageText]) -> None:
        task = asyncio.current_task()
        assert grant.model is not None
        assert task is not None
        self._asking = (asyncio.get_running_loop(), task)
        try:
            found = await more_facts(grant.model, pages, row.facts, self._settings.model_chars)
            clauses = row.clauses
            if row.kind in CONTRACTS and clauses:
                clauses = await more_clauses(grant.model, pages, clauses)
        finally:
            self._asking = None
        facts = [date_fact(document.id, one, "model") if isinstance(one, Dated) else one.as_json() for one in found]
        explained = {one["day"] for one in facts if one["kind"] == "date"}
        known = [one for one in row.facts if one["name"] != NAMED or one.get("day") not in explained]
        await asyncio.to_thread(self._write, document, [*known, *facts][:MOST_FACTS], clauses)

    def _write(self, document: Document, facts: list[dict[str, Any]], clauses: list[dict[str, Any]]) -> None:
        with self._db.session() as session:
            fresh = session.get(Document, document.id, with_for_update={"key_share": True})
            row = session.get(DocumentInsight, document.id)
            if fresh is None or row is None or (fresh.status, fresh.version, row.version) != (
                READY, document.version, document.version,
            ):  # fmt: skip
                return
            row.facts, row.clauses, row.stamp = facts, clauses, f"{STAMP}.model"
            session.add(row)
            propose(session, fresh, facts)

    def _settle(self, grant: Grant, document: Document) -> None:
        """What it took counts like what answers take."""
        spent = self._db.together(lambda session: record(session, document.user_id, grant))
        grant.settle(spent)
