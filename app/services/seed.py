"""The starter industry knowledge base: loaded on the first start, and again for files that changed since."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from pathlib import Path

from sqlmodel import col, select

from app.db import Database
from app.models import DELETING, Document, Stamp
from app.principal import system
from app.services.documents import DocumentService

SEEDED = "seed:"
_AS_OF = re.compile(r"^As of ([A-Z][a-z]+ \d{4})\.$", re.MULTILINE)


def load_seed(db: Database, documents: DocumentService, folder: Path) -> int:
    """Queue each Markdown file of `folder` that is new or changed; returns how many. A seed document that an admin deleted
    stays deleted until its file changes.
    """
    principal = system("seed")
    with db.reading() as session:
        known = {
            row.key: row.value for row in session.exec(select(Stamp).where(col(Stamp.key).startswith(SEEDED))).all()
        }
    queued = 0
    for file in sorted(folder.glob("*.md")):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if known.get(SEEDED + file.name) == digest:
            continue
        with file.open("rb") as source:
            title, as_of = _title(file), _as_of(file)
            new = documents.receive(principal, kb="global", filename=file.name, source=source, title=title, as_of=as_of)
        with db.reading() as session:
            query = select(Document.id).where(
                Document.kb == "global",
                Document.filename == file.name,
                Document.id != new.id,
                Document.sha256 == known.get(SEEDED + file.name, ""),  # an admin's own file may have the same name
                Document.status != DELETING,
            )
            older = session.exec(query).all()
        for document_id in older:
            documents.delete(principal, document_id)
        with db.session() as session:
            session.merge(Stamp(key=SEEDED + file.name, value=digest))
        queued += 1
    return queued


def _as_of(file: Path) -> date | None:
    """The first day of the month in its line "As of November 2026."; none where there is no such line."""
    found = _AS_OF.search(file.read_text(encoding="utf-8"))
    try:
        return datetime.strptime(found.group(1), "%B %Y").date() if found else None
    except ValueError:  # no month of the calendar
        return None


def _title(file: Path) -> str:
    first = file.read_text(encoding="utf-8").lstrip().splitlines()[0]
    return first.lstrip("# ").strip() if first.startswith("#") else file.stem.replace("-", " ").capitalize()
