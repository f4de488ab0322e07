"""Sample documents: four short papers of our own writing, for somebody who has none at hand. They name nobody."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel
from sqlmodel import col, select

from app.db import Database
from app.models import DELETING, Document
from app.principal import Principal
from app.services.documents import DocumentService
from app.services.shapes import DocumentPublic

# file -> the title it gets; every one says what it is.
TITLES = {
    "management-agreement.md": "Sample: management agreement",
    "royalty-statement.csv": "Sample: royalty statement",
    "artist-bio.md": "Sample: artist bio",
    "lyrics.txt": "Sample: lyrics",
}
QUESTIONS = (
    "What commission does the manager take in the sample management agreement?",
    "When does the sample management agreement end, and what happens to the commission afterwards?",
    "What did radio in France pay according to the sample royalty statement?",
)


class SamplesPublic(BaseModel):
    """The samples that are among one's own documents, and what can be asked about them."""

    items: list[DocumentPublic]
    available: int
    questions: list[str]


class SampleDocuments:
    """Known again by their content: whatever a user calls a document of their own, it is never taken for a sample."""

    def __init__(self, db: Database, documents: DocumentService, folder: Path) -> None:
        self._db, self._documents, self._folder = db, documents, folder

    def held(self, principal: Principal) -> SamplesPublic:
        items = [self._documents.get(principal, document_id) for document_id in self._ids(principal)]
        return SamplesPublic(items=items, available=len(TITLES), questions=list(QUESTIONS))

    def add(self, principal: Principal) -> SamplesPublic:
        """Put those that are missing among the principal's own documents; twice is the same as once.

        Raises what receiving a document raises, such as `Conflict` for a full quota.
        """
        for name, title in TITLES.items():
            with (self._folder / name).open("rb") as source:
                self._documents.receive(principal, kb="personal", filename=name, source=source, title=title)
        return self.held(principal)

    def remove(self, principal: Principal) -> int:
        """Delete every sample; returns how many there were. A sample that got a new version of the user's stays."""
        ids = self._ids(principal)
        for document_id in ids:
            self._documents.delete(principal, document_id)
        return len(ids)

    def _ids(self, principal: Principal) -> list[str]:
        digests = [hashlib.sha256((self._folder / name).read_bytes()).hexdigest() for name in TITLES]
        query = select(Document.id).where(
            Document.user_id == principal.user_id,
            Document.kb == "personal",
            col(Document.sha256).in_(digests),
            col(Document.status) != DELETING,
        )
        with self._db.reading() as session:
            return list(session.exec(query.order_by(col(Document.created), col(Document.id))).all())
