"""Everything of one account: taken out as an archive, or gone for good."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Literal, cast

from loguru import logger
from pydantic import BaseModel, Field
from sqlalchemy import Table, delete, update
from sqlmodel import Session, SQLModel, col, func, select

from app.db import Database
from app.errors import AppError, Conflict, Forbidden, NotFound, Unavailable
from app.indexes.writer import IndexWriter
from app.models import DELETING, Document, User, now
from app.principal import Principal
from app.services.archives import write_archive
from app.services.audit import AuditLog
from app.services.ingestion import Ingestion
from app.services.passwords import UNUSABLE
from app.services.sessions import revoke_all
from app.services.shapes import Id

REMOVAL_SECONDS = 30.0  # longest wait for a document that is being read at this moment


class AccountPublic(BaseModel):
    """Who is signed in."""

    id: Id
    email: str
    role: Literal["user", "admin"]
    password: bool = Field(description="whether it can sign in by a password; else at its provider alone")
    created: datetime


class AccountService:
    def __init__(
        self, db: Database, audit: AuditLog, ingestion: Ingestion, writer: IndexWriter, data_dir: Path
    ) -> None:
        self._db, self._audit, self._ingestion, self._writer = db, audit, ingestion, writer
        self._uploads, self._work = data_dir / "uploads", data_dir / "tmp"

    def get(self, principal: Principal) -> AccountPublic:
        with self._db.reading() as session:
            user = self._user(session, principal)
        role = cast(Literal["user", "admin"], user.role)
        password = user.password_hash != UNUSABLE
        return AccountPublic(id=user.id, email=user.email, role=role, password=password, created=user.created)

    def export(self, principal: Principal) -> IO[bytes]:
        """A ZIP of everything the principal owns, open at its start. It has no name on disk (on Windows: until it is
        closed), so that nothing stays when a reader goes away or the process ends. Raises `AppError` 507 on a full disk.
        """
        with self._db.session() as session:
            self._user(session, principal)
            self._audit.record(session, principal, "account.export", object_id=principal.user_id)
        try:
            self._work.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = tempfile.TemporaryFile(dir=self._work, prefix="export-")  # noqa: SIM115  (the caller closes it)
            try:
                write_archive(file, self._db, self._uploads, principal)
                file.seek(0)
            except BaseException:  # also when cancelled: the file has no name to find it by
                file.close()
                raise
        except OSError:
            raise AppError(
                "The archive could not be written; make room on the disk and try again.", status=507, code="disk_full"
            ) from None
        return file

    def delete(self, principal: Principal) -> None:
        """Remove the account and everything it owns: points, files, rows, and what SQLite's files hold of them.

        When it returns nothing is left but audit rows with opaque ids. When it raises (`Unavailable`: the vectors are
        down, a document is being read) the account is still there, without its documents, and this can be called again.
        """
        self._close(principal)
        deadline = time.monotonic() + REMOVAL_SECONDS
        while not self._erase(principal):
            gone = [self._ingestion.remove(document_id) for document_id in self._doom(principal)]
            if not all(gone):
                if time.monotonic() > deadline:
                    raise Unavailable(
                        "One of your documents is being read at this moment; try again in a minute.", retry_after=60
                    )
                time.sleep(0.1)
        if not self._db.purge():
            logger.bind(user_id=principal.user_id).error("write-ahead log not emptied after an account was deleted")

    def _close(self, principal: Principal) -> None:
        """End every other sign-in, so that nothing new comes in but what is under way. The last admin stays."""
        with self._db.session() as session:
            check_not_last_admin(session, principal.user_id)
            self._user(session, principal)
            revoke_all(session, principal.user_id, except_id=principal.session_id)
            self._audit.record(session, principal, "account.close", object_id=principal.user_id)

    def _doom(self, principal: Principal) -> list[str]:
        """Stop answering from every document; returns their ids."""
        mine = col(Document.user_id) == principal.user_id
        with self._db.session() as session:
            session.execute(
                update(Document).where(mine).values(status=DELETING, attempts=0, next_attempt=None, updated=now())
            )
            return list(session.exec(select(Document.id).where(mine)).all())

    def _erase(self, principal: Principal) -> bool:
        """Delete the user, and by its foreign keys every row of theirs; False while documents are there, whose points and
        files must go first. From this commit on nothing can be added: it would belong to nobody.
        """
        user_id = principal.user_id
        with self._db.reading() as session:
            if _documents(session, user_id):
                return False
        self._writer.delete_user(user_id)
        with self._db.session() as session:
            if _documents(session, user_id):
                return False
            check_not_last_admin(session, user_id)  # two may leave at once
            session.execute(delete(User).where(col(User.id) == user_id))
            if left := rows_of(session, user_id):
                raise RuntimeError(f"rows left of a deleted account in {', '.join(left)}")
            self._audit.record(session, principal, "account.delete", object_id=user_id)
        logger.bind(user_id=user_id).info("account gone")
        return True

    def _user(self, session: Session, principal: Principal) -> User:
        if principal.kind == "system":
            raise Forbidden("Only a user has an account.")
        if (user := session.get(User, principal.user_id)) is None:
            raise NotFound("There is no such user.")
        return user


def check_not_last_admin(session: Session, user_id: str) -> None:
    """Raise `Conflict` where nobody would be left to run this server but others to use it.

    Admins are locked in one order: of two who leave at once, the second sees what the first did.
    """
    if set(ruling(session)) != {user_id}:
        return
    if session.exec(select(User.id).where(User.id != user_id).limit(1)).first() is not None:
        raise Conflict(
            "You are the last admin of this server; make somebody else an admin on the admin page first, then delete your "
            "account.",
            code="last_admin",
        )


def ruling(session: Session) -> Sequence[str]:
    """Ids of the admins who can sign in; none of them changes before this transaction ends."""
    query = select(User.id).where(col(User.role) == "admin", col(User.disabled).is_(False))
    return session.exec(query.order_by(col(User.id)).with_for_update()).all()


def rows_of(session: Session, user_id: str) -> dict[str, int]:
    """How many rows each table that names users holds of one; tables without any are left out."""
    tables: list[Table] = SQLModel.metadata.sorted_tables
    found: dict[str, int] = {}
    for table in tables:
        for column in table.columns:
            if any(key.target_fullname == "users.id" for key in column.foreign_keys):
                count = session.execute(select(func.count()).select_from(table).where(column == user_id)).scalar_one()
                found[table.name] = found.get(table.name, 0) + count
    return {name: count for name, count in found.items() if count}


def _documents(session: Session, user_id: str) -> int:
    return session.exec(select(func.count()).where(Document.user_id == user_id)).one()
