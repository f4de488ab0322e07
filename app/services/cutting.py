"""Pages to chunks with their lasting ids, and the text that is embedded for each."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence

from app.indexes.chunking import Chunker
from app.indexes.readers import Page
from app.indexes.writer import Passage
from app.models import Chunk, Document

NAMESPACE = uuid.UUID("6f1c1d5e-7a3c-5e0e-9d0b-2f6f0c8a7e11")


class Cutting:
    def __init__(self, chunker: Chunker) -> None:
        self._chunker = chunker

    def cut(self, document: Document, pages: Sequence[Page], version: int | None = None) -> list[Chunk]:
        """The chunks of a document's pages; they are not stored yet."""
        version = version or document.version
        return [
            Chunk(
                id=chunk_id(document, piece.number, version), document_id=document.id, version=version,
                number=piece.number, page=piece.page, start=piece.start, end=piece.end, heading=piece.heading[:300],
                text=piece.text,
            )
            for piece in self._chunker.cut(pages)
        ]  # fmt: skip

    def passages(self, document: Document, chunks: Sequence[Chunk]) -> list[Passage]:
        """Chunks with the text that is embedded for them."""
        return [
            Passage(chunk, self._chunker.embedding_text(document.title, chunk.heading, chunk.text)) for chunk in chunks
        ]

    def digested(self, document: Document, chunks: Sequence[Chunk]) -> list[Passage]:
        """The same, each chunk marked with the digest of that text: equal ones need no second vector."""
        passages = self.passages(document, chunks)
        for passage in passages:
            passage.chunk.digest = hashlib.sha256(passage.embedded.encode()).hexdigest()[:32]
        return passages


def chunk_id(document: Document, number: int, version: int | None = None) -> str:
    """UUIDv5 of (kb, user, document, version, chunk number): the same chunk is the same point however often it is written."""
    name = f"{document.kb}\0{document.user_id or ''}\0{document.id}\0{version or document.version}\0{number}"
    return str(uuid.uuid5(NAMESPACE, name))
