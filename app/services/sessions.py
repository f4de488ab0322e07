"""Signed-in browsers and refresh families, in SQL: what makes a sign-in end when it should."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from loguru import logger
from sqlalchemy import ColumnElement, CursorResult, delete, update
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from app.config import AuthSettings
from app.db import Database
from app.errors import Unauthorized
from app.models import LoginSession, User, new_id, now

BROWSER, API = "browser", "api"
SEEN_EVERY = timedelta(minutes=1)
GRACE = timedelta(seconds=10)  # a client that sent its refresh twice at once is clumsy, not a thief

_REFUSED = "This sign-in has ended; sign in again."


class SessionService:
    """Opens, finds, renews and closes sign-ins. Secrets are 256 random bits; only their SHA-256 is stored."""

    def __init__(self, db: Database, settings: AuthSettings, clock: Callable[[], datetime] = now) -> None:
        self._db = db
        self._clock = clock
        self._noting = Lock()
        self._idle = timedelta(hours=settings.idle_hours)
        self._longest = timedelta(days=settings.trusted_days)
        self.trusted_seconds = int(self._longest.total_seconds())
        self._refresh = timedelta(days=settings.refresh_days)

    def open_browser(self, user_id: str, trusted: bool, device: str = "") -> tuple[str, datetime]:
        """A new browser sign-in: its secret, and when it ends. `device` is what its owner knows it by (`device_words`).

        A trusted device stays signed in for `trusted_days`; any other until `idle_hours` without use, and never longer.
        """
        moment = self._clock()
        secret = secrets.token_urlsafe(32)
        expires = moment + (self._longest if trusted else self._idle)
        self._open(_row(new_id(), user_id, BROWSER, secret, moment, expires, trusted, device))
        return secret, expires

    def by_secret(self, secret: str) -> tuple[LoginSession, User] | None:
        """The live browser sign-in of this secret and its user, role and state as of now; None for any other."""
        found = self._find(LoginSession.secret_sha256 == _digest(secret), LoginSession.kind == BROWSER)
        if found is not None:
            self._slide(found[0])
        return found

    def open_api(self, user_id: str) -> tuple[LoginSession, str]:
        """A new refresh family and its first refresh secret; the family ends after `refresh_days` whatever happens."""
        moment = self._clock()
        family = secrets.token_urlsafe(16)
        secret = f"{family}.{secrets.token_urlsafe(32)}"
        session = _row(_family_id(family), user_id, API, secret, moment, moment + self._refresh)
        self._open(session)
        return session, secret

    def rotate(self, refresh_secret: str) -> tuple[LoginSession, User, str]:
        """Exchange a refresh secret for its successor; the old one is void from then on.

        Presenting any earlier secret of the family revokes the whole family (RFC 9700, 4.14.2), except the latest one
        within 10 s, which is refused only. Raises `Unauthorized`.
        """
        family = refresh_secret.partition(".")[0]
        new_secret = f"{family}.{secrets.token_urlsafe(32)}"
        with self._db.session() as session:
            moment = self._clock()
            swapped = _swap(session, _family_id(family), refresh_secret, new_secret, moment)
            row = session.get(LoginSession, _family_id(family), populate_existing=True)
            user = session.get(User, row.user_id) if row is not None else None
            valid = swapped and user is not None and not user.disabled
            if row is not None and not valid and (swapped or not _is_slip(row, refresh_secret, moment)):
                row.revoked = True
                logger.bind(user_id=row.user_id).warning("refresh family revoked")
        if row is None or user is None or not valid:
            raise Unauthorized(_REFUSED)
        return row, user, new_secret

    def alive(self, session_id: str) -> User | None:
        """The user of a sign-in that is neither ended nor its user disabled."""
        found = self._find(LoginSession.id == session_id)
        return found[1] if found is not None else None

    def alive_among(self, session_ids: Collection[str]) -> set[str]:
        """Of these sign-ins, those that are neither ended nor their user disabled, in one query."""
        query = select(LoginSession.id).join(User, col(User.id) == col(LoginSession.user_id))
        with self._db.reading() as session:
            return set(session.exec(query.where(col(LoginSession.id).in_(session_ids), *self._live())).all())

    @property
    def changes(self) -> int:
        """Another number after any sign-in ended, or any user changed, by this process."""
        return self._db.sign_ins

    def close(self, session_id: str) -> None:
        with self._db.session() as session:
            session.execute(update(LoginSession).where(col(LoginSession.id) == session_id).values(revoked=True))

    def close_all(self, user_id: str, except_id: str | None = None) -> None:
        """End every sign-in of the user, on every device, but the one kept."""
        with self._db.session() as session:
            revoke_all(session, user_id, except_id)

    def close_family(self, refresh_secret: str) -> None:
        """End the family of a refresh secret, current or earlier; an unknown one changes nothing."""
        self.close(_family_id(refresh_secret.partition(".")[0]))

    def _open(self, row: LoginSession) -> None:
        with self._db.session() as session:
            gone = col(LoginSession.expires) < row.created
            session.execute(delete(LoginSession).where(col(LoginSession.user_id) == row.user_id, gone))
            session.add(row)

    def _live(self) -> tuple[ColumnElement[bool], ...]:
        """What holds of every sign-in that counts, its user joined."""
        running = col(LoginSession.expires) > self._clock()
        return col(LoginSession.revoked).is_(False), running, col(User.disabled).is_(False)

    def _find(self, *conditions: Any) -> tuple[LoginSession, User] | None:
        query = (
            select(LoginSession, User)
            .join(User, col(User.id) == col(LoginSession.user_id))
            .where(*conditions, *self._live())
        )
        with self._db.reading() as session:
            found = session.exec(query).first()
        return (found[0], found[1]) if found is not None else None

    def _slide(self, row: LoginSession) -> None:
        """Note the use, at most once a minute; an untrusted device earns another idle period by it."""
        moment = self._clock()
        if moment - row.last_seen < SEEN_EVERY or not self._noting.acquire(blocking=False):
            return  # while a note waits for the write lock, others leave theirs to a later request
        expires = row.expires if row.trusted else min(moment + self._idle, row.created + self._longest)
        noted = update(LoginSession).where(col(LoginSession.id) == row.id, col(LoginSession.revoked).is_(False))
        try:
            with self._db.session() as session:
                session.execute(noted.values(last_seen=moment, expires=expires))
        except OperationalError:
            # The write lock is taken: the next request notes the use, this one is signed in all the same.
            logger.warning("session use not noted")
        else:
            row.last_seen, row.expires = moment, expires
        finally:
            self._noting.release()


def revoke_all(session: Session, user_id: str, except_id: str | None = None) -> None:
    """Inside the caller's transaction: end every sign-in of the user but the one kept."""
    condition = [col(LoginSession.user_id) == user_id]
    if except_id is not None:
        condition.append(col(LoginSession.id) != except_id)
    session.execute(update(LoginSession).where(*condition).values(revoked=True))


def _swap(session: Session, session_id: str, old: str, new: str, moment: datetime) -> bool:
    """Compare and set: of any number of callers with the same secret, one sees True."""
    statement = (
        update(LoginSession)
        .where(
            col(LoginSession.id) == session_id,
            col(LoginSession.secret_sha256) == _digest(old),
            col(LoginSession.revoked).is_(False),
            col(LoginSession.expires) > moment,
        )
        .values(secret_sha256=_digest(new), previous_sha256=_digest(old), last_seen=moment)
    )
    result = session.execute(statement)
    return isinstance(result, CursorResult) and result.rowcount == 1


def _is_slip(row: LoginSession, secret: str, moment: datetime) -> bool:
    """The secret was valid until a moment ago: two refreshes at once, not a stolen copy."""
    return row.previous_sha256 == _digest(secret) and moment - row.last_seen <= GRACE


def _row(
    session_id: str,
    user_id: str,
    kind: str,
    secret: str,
    moment: datetime,
    expires: datetime,
    trusted: bool = False,
    device: str = "",
) -> LoginSession:
    return LoginSession(
        id=session_id,
        user_id=user_id,
        kind=kind,
        secret_sha256=_digest(secret),
        trusted=trusted,
        device=device,
        created=moment,
        last_seen=moment,
        expires=expires,
    )


def _digest(secret: str) -> str:
    """SHA-256, hex. The secrets are random, so that a slow hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _family_id(family: str) -> str:
    """The session id of a family. It follows from a secret half that every refresh secret of the family begins with, so
    that an old one still names its family, while the id (which access tokens carry) names no secret."""
    return str(uuid.UUID(bytes=hashlib.sha256(family.encode("utf-8", "surrogatepass")).digest()[:16], version=4))
