"""Short ways to people and documents in real services: text goes through the real chunker and writer."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from types import AsyncGeneratorType
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from app.indexes.readers import Page
from app.models import KB, READY, Artist, Chunk, Document, Intent, LoginSession, User, new_id, now
from app.principal import Principal, Role, authenticated
from app.retrievers.fusion import Fused
from app.retrievers.knowledge import Passage, Retrieval
from app.retrievers.passages import ChunkRow, DocumentRow
from app.retrievers.trace import Trace
from app.services.services import Services


def person(services: Services, role: Role = "user") -> Principal:
    """A new user, signed in; the row is written as it stands, because hashing a password takes a tenth of a second."""
    user = User(email=f"{uuid.uuid4().hex}@example.com", password_hash="-", role=role)
    expires = now() + timedelta(days=1)
    sign_in = LoginSession(user_id=user.id, kind="browser", secret_sha256=uuid.uuid4().hex, expires=expires)
    with services.db.session() as session:
        session.add(user)
        session.flush()
        session.add(sign_in)
    return authenticated(user.id, role, "session", sign_in.id)


def artist(services: Services, principal: Principal, name: str = "Night Ferry") -> str:
    row = Artist(user_id=principal.user_id, name=name)
    with services.db.session() as session:
        session.add(row)
    return row.id


def put(
    services: Services,
    text: str,
    *,
    title: str = "Untitled",
    owner: Principal | None = None,
    artist_id: str | None = None,
    standing: str = "none",
) -> str:
    """A ready document of one page, of the global kb unless it has an owner; returns its id."""
    kb: KB = "personal" if owner else "global"
    document = Document(
        id=new_id(), kb=kb, user_id=owner.user_id if owner else None, artist_id=artist_id, title=title,
        filename="text.txt", suffix=".txt", standing=standing, status=READY, pages=1,
    )  # fmt: skip
    chunks = services.ingestion.cut(document, [Page(1, text)])
    with services.db.session() as session:
        session.add(document)
        session.flush()
        session.add_all(chunks)
    services.ingestion.write_many([(document, chunks)])
    return document.id


def change(services: Services, document_id: str, **values: Any) -> None:
    """Write columns of a document past every service, as a crash or another process might have left them."""
    with services.db.session() as session:
        session.execute(update(Document).where(col(Document.id) == document_id).values(**values))


def chunk_ids(services: Services, document_id: str) -> list[str]:
    with services.db.reading() as session:
        return list(session.exec(select(Chunk.id).where(Chunk.document_id == document_id)).all())


def passage(text: str, kb: KB = "personal", **values: Any) -> Passage:
    """A passage outside any database; `values` are of its document (title, standing) and chunk (page, heading)."""
    chunk_values = {name: values.pop(name) for name in ("page", "heading") if name in values}
    document = DocumentRow(new_id(), kb, None, "Untitled", "none", now())
    document = replace(document, **values)
    chunk = ChunkRow(new_id(), document.id, 1, 0, 1, 0, len(text), "", text)
    chunk = replace(chunk, **chunk_values)
    return Passage(chunk, document, Fused(kb, chunk.id, 1.0, {}, {}))


async def left_open(leave: Awaitable[Any]) -> set[str]:
    """The names of our generators that are not closed once `leave` is done: each is held here, so that none is closed by
    being forgotten, which happens some time or never.
    """
    seen: list[AsyncGeneratorType[Any, Any]] = []
    before = sys.get_asyncgen_hooks()

    def first(generator: Any) -> None:
        seen.append(generator)
        if before.firstiter:
            before.firstiter(generator)

    sys.set_asyncgen_hooks(firstiter=first)
    try:
        await leave
    finally:
        sys.set_asyncgen_hooks(firstiter=before.firstiter)
    ours = [one for one in seen if "/app/" in one.ag_code.co_filename and one.ag_frame is not None]
    return {one.__qualname__ for one in ours} - {"close_with_loop"}  # open until its loop ends


def retrieval(*passages: Passage, intent: Intent = "personal", direct: bool = False) -> Retrieval:
    kbs: list[KB] = [] if direct else ["global"] if intent == "global" else ["personal", "global"]
    return Retrieval(list(passages), Trace(intent=intent, direct=direct, kbs=kbs))
