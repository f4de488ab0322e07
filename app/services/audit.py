"""The append-only audit table: who did and read what, when, for which question digest. No audit, no data."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlmodel import Session

from app.db import Database
from app.errors import Forbidden, NotFound
from app.log import request_id
from app.models import AuditEvent
from app.principal import Principal

# A UUID, a number, or a part of the program that acts by itself: other words in an id's place are a caller's own.
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{1,19}|system:[a-z-]{1,20}")


class AuditLog:
    """Rows are written in the caller's transaction, so that a grant without its row cannot be committed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def record(
        self,
        session: Session,
        principal: Principal | None,
        action: str,
        *,
        outcome: str = "granted",
        object_id: str | None = None,
        question: str | None = None,
        reads: Sequence[dict[str, Any]] = (),
    ) -> None:
        """`reads` lists {document_id, chunk_ids}; the question is kept as a keyed digest only (design rule 8)."""
        session.add(
            AuditEvent(
                user_id=principal.user_id if principal else "anonymous",
                door=principal.kind if principal else "anonymous",
                action=action,
                outcome=outcome,
                object_id=object_id,
                question_digest=self.digest(question) if question is not None else None,
                reads=list(reads),
                request_id=request_id.get(),
            )
        )

    @contextmanager
    def refusing(
        self, db: Database, principal: Principal | None, action: str, object_id: str | None = None
    ) -> Iterator[None]:
        """Note what is refused inside (403, and the 404 of unknown and of other people's ids, which look the same).

        Stand it outside the unit of work, which has ended without a trace by then. What is no id is not kept.
        """
        try:
            yield
        except (NotFound, Forbidden):
            with db.session() as session:
                self.record(session, principal, action, outcome="refused", object_id=known_id(object_id))
            raise

    def digest(self, question: str) -> str:
        """HMAC-SHA256 of a question: equal questions can be counted, none can be read."""
        return hmac.new(self._key, question.encode(), hashlib.sha256).hexdigest()


def known_id(object_id: str | None) -> str | None:
    """What looks like an id of ours; None for any other text, which may be anything."""
    return object_id if object_id is not None and _ID.fullmatch(object_id) else None
