"""Doing once what a client may ask twice: the answer to a request is kept under the client's own key for a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import Conflict
from app.models import IdempotencyKey, now
from app.principal import Principal

KEEP = timedelta(hours=24)
LEASE = timedelta(minutes=5)  # longer than any answer takes: what is unfinished after it was cut off by a crash
RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do what was asked; or, with a `status`, how it was answered before."""

    id: int
    status: int | None = None
    body: Any = None


class Idempotency:
    def __init__(self, db: Database, clock: Callable[[], datetime] = now) -> None:
        self._db, self._clock = db, clock

    def claim(self, principal: Principal, route: str, key: str, request_sha256: str) -> Claim:
        """The first to come claims the key. Raises `Conflict` for another request under it, and while the first is at
        work."""
        moment = self._clock()
        row = IdempotencyKey(
            user_id=principal.user_id, route=route, key=key, request_sha256=request_sha256, created=moment
        )
        busy = Conflict(
            "This request is being answered already; ask again in a few seconds for its answer.",
            code="in_progress",
            retry_after=RETRY_SECONDS,
        )
        same = (IdempotencyKey.user_id == row.user_id, IdempotencyKey.route == route, IdempotencyKey.key == key)
        try:
            with self._db.session() as session:
                session.execute(delete(IdempotencyKey).where(col(IdempotencyKey.created) <= moment - KEEP))
                known = session.exec(select(IdempotencyKey).where(*same)).first()
                if known is not None and known.request_sha256 != request_sha256:
                    raise Conflict(
                        "This Idempotency-Key was sent with another request before; use a new key for a new request.",
                        code="key_reused",
                    )
                if known is not None and known.status is not None:
                    return Claim(known.id or 0, known.status, known.body)
                if known is not None:
                    if known.created > moment - LEASE:
                        raise busy
                    session.execute(delete(IdempotencyKey).where(col(IdempotencyKey.id) == known.id))
                session.add(row)
                session.flush()
        except IntegrityError:  # on PostgreSQL two may insert at once
            raise busy from None
        return Claim(row.id or 0)

    def keep(self, claim: Claim, status: int, body: Any, object_id: str) -> None:
        """Keep the answer for whoever asks again; `object_id` is what it tells of, with which it is deleted."""
        values = {"status": status, "body": body, "object_id": object_id}
        with self._db.session() as session:
            session.execute(update(IdempotencyKey).where(col(IdempotencyKey.id) == claim.id).values(values))

    def release(self, claim: Claim) -> None:
        """What was asked failed: the next one with this key tries anew."""
        with self._db.session() as session:
            session.execute(delete(IdempotencyKey).where(col(IdempotencyKey.id) == claim.id))


def forget(session: Session, object_id: str) -> None:
    """Inside the transaction that deletes a document or conversation: delete the answers that tell of it."""
    session.execute(delete(IdempotencyKey).where(col(IdempotencyKey.object_id) == object_id))
