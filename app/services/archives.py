"""The archive of an account: a ZIP of JSON files and of the uploaded files as they came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import inspect
from sqlmodel import Session, SQLModel, col, select

from app.db import Database
from app.models import (
    DELETING,
    Artist,
    AuditEvent,
    Conversation,
    Document,
    DocumentInsight,
    Draft,
    GrowthFigure,
    ImportantDate,
    LoginSession,
    Message,
    Plan,
    PlanProposal,
    PlanStep,
    Profile,
    ProfileNote,
    ShareLink,
    StepComment,
    Trace,
    Usage,
    User,
)  # fmt: skip
from app.principal import Principal
from app.services.conversations import conversation_public, message_public, trace_public
from app.services.documents import public
from app.services.uploads import display_name

_RESERVED = re.compile(r'[<>:"|?*]')  # characters that no Windows file name holds
STEM_BYTES = 120  # with the id before it and a suffix after it a name stays below the 255 bytes of file systems
ROWS = 100  # read from the database at a time
# File of the archive -> the rows in it, which name their owner themselves or through the row before them in the path.
KEPT: dict[str, tuple[type[SQLModel], ...]] = {
    "plans.json": (Plan,),
    "plan_steps.json": (PlanStep, Plan),
    "step_comments.json": (StepComment, PlanStep, Plan),
    "plan_proposals.json": (PlanProposal, Plan),
    "important_dates.json": (ImportantDate,),
    "document_insights.json": (DocumentInsight, Document),
    "share_links.json": (ShareLink,),
    "growth_figures.json": (GrowthFigure,),
    "drafts.json": (Draft,),
    "profile_notes.json": (ProfileNote,),
}
SECRET = {"secret_sha256"}


def write_archive(file: IO[bytes], db: Database, uploads: Path, principal: Principal) -> None:
    """Write everything `principal` owns into `file`. Documents that are being deleted are left out."""
    user_id = principal.user_id
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        with db.reading() as session:
            user, profile = session.get_one(User, user_id), session.get(Profile, user_id)
            artists = session.exec(select(Artist).where(Artist.user_id == user_id).order_by(col(Artist.created))).all()
            sign_ins = [
                row.model_dump(mode="json", exclude={"secret_sha256", "previous_sha256"})
                for row in session.exec(select(LoginSession).where(LoginSession.user_id == user_id))
            ]
        _write(archive, "account.json", user.model_dump(mode="json", exclude={"password_hash"}))
        _write(archive, "profile.json", _row(profile) if profile else {})
        _write(archive, "artists.json", [_row(artist) for artist in artists])
        _write(archive, "sessions.json", sign_ins)
        _write(archive, "documents.json", _documents(archive, db, user_id, uploads))
        with db.reading() as session:
            for conversation in _conversations(session, user_id):
                _write(archive, f"conversations/{conversation['id']}.json", conversation)
            _write_list(archive, "traces.json", _traces(session, principal))
            _write_list(archive, "audit.json", _audit(session, user_id))
            usage = session.exec(select(Usage).where(Usage.user_id == user_id).order_by(col(Usage.day))).all()
            for name, tables in KEPT.items():
                _write_list(archive, name, _kept(session, user_id, tables))
        _write(archive, "usage.json", [row.model_dump(mode="json", exclude={"id", "user_id"}) for row in usage])


def file_name(document: Document) -> str:
    """A name for the archive that no system unpacks anywhere else or cannot store: the id, then what a person called it."""
    path = Path(_RESERVED.sub("_", display_name(document.filename)))
    stem = path.stem.encode()[:STEM_BYTES].decode(errors="ignore").rstrip(" .")
    return f"documents/{document.id}-{stem or 'document'}{document.suffix}"


def _documents(archive: ZipFile, db: Database, user_id: str, uploads: Path) -> list[dict[str, Any]]:
    """The files go into the archive on the way, while no session is held; one that is gone by then has no name."""
    query = select(Document).where(Document.user_id == user_id, Document.status != DELETING)
    with db.reading() as session:
        documents = session.exec(query.order_by(col(Document.created))).all()
    described: list[dict[str, Any]] = []
    for document in documents:
        name: str | None = file_name(document)
        try:
            archive.write(uploads / (document.file or document.id), name)
        except FileNotFoundError:
            name = None
        described.append({**public(document).model_dump(mode="json"), "filename": document.filename, "file": name})
    return described


def _conversations(session: Session, user_id: str) -> Iterator[dict[str, Any]]:
    query = select(Conversation).where(Conversation.user_id == user_id).order_by(col(Conversation.id))
    for conversation in session.exec(query).all():
        messages = session.exec(
            select(Message).where(Message.conversation_id == conversation.id).order_by(col(Message.id))
        ).all()
        yield {
            **conversation_public(conversation).model_dump(mode="json"),
            "messages": [{**message_public(row).model_dump(mode="json"), "feedback": row.feedback} for row in messages],
        }


def _traces(session: Session, principal: Principal) -> Iterator[dict[str, Any]]:
    query = select(Trace).where(Trace.user_id == principal.user_id).order_by(col(Trace.created), col(Trace.id))
    for row in session.exec(query.execution_options(yield_per=ROWS)):
        about = {"artist_id": row.artist_id, "created": row.created.isoformat()}
        yield {**trace_public(row, scores=principal.is_admin), **about}


def _audit(session: Session, user_id: str) -> Iterator[dict[str, Any]]:
    query = select(AuditEvent).where(AuditEvent.user_id == user_id).order_by(col(AuditEvent.id))
    return map(_row, session.exec(query.execution_options(yield_per=ROWS)))


def _kept(session: Session, user_id: str, tables: tuple[type[SQLModel], ...]) -> Iterator[dict[str, Any]]:
    """Rows of the first table whose last one belongs to the user; each leads to the next by its foreign key."""
    first, owner = tables[0], tables[-1]
    query = select(first)
    for table in tables[1:]:
        query = query.join(table)
    query = query.where(owner.user_id == user_id).order_by(*inspect(first).primary_key)  # type: ignore[attr-defined]
    for row in session.exec(query.execution_options(yield_per=ROWS)):
        yield row.model_dump(mode="json", exclude=SECRET)


def _row(row: SQLModel) -> dict[str, Any]:
    return row.model_dump(mode="json")


def _write(archive: ZipFile, name: str, value: Any) -> None:
    archive.writestr(name, json.dumps(value, ensure_ascii=False, indent=2))


def _write_list(archive: ZipFile, name: str, items: Iterable[dict[str, Any]]) -> None:
    """A JSON list, one item a line, written as it is read: traces and audit rows are many."""
    with archive.open(name, "w", force_zip64=True) as file:
        file.write(b"[")
        for number, item in enumerate(items):
            file.write(b",\n" if number else b"\n")
            file.write(json.dumps(item, ensure_ascii=False).encode())
        file.write(b"\n]\n")
