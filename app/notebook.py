"""The program without a web server: for notebooks, scripts and the command line, as the local operator."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from llama_index.core.query_engine import RouterQueryEngine

from app import log
from app.config import load_settings, quiet_libraries
from app.errors import AppError, NotFound
from app.models import FAILED, KB, Intent, now
from app.principal import Principal, local_operator, system
from app.retrievers.knowledge import KnowledgeFusionRetriever, Retrieval
from app.retrievers.router import build_router
from app.services.answering import Answerer
from app.services.documents import DocumentService
from app.services.services import Services
from app.services.shapes import DocumentPublic
from app.services.usage import Grant, record


class Manager:
    """An open data folder. Use as a context manager, or call `close`.

    Retrievers and query engines are built for one user; without `user` only the industry knowledge base is searched.
    """

    def __init__(self, services: Services) -> None:
        self.services = services

    def retriever(
        self, user: str | None = None, *, intent: Intent = "hybrid", top_k: int | None = None, artist: str | None = None
    ) -> KnowledgeFusionRetriever:
        """A LlamaIndex `BaseRetriever` over the knowledge bases of `user` (an e-mail address), sync and async."""
        principal = self.principal(user)
        artist_id = self.artist_id(principal, artist)
        scope = self.services.search.scope(principal, None, artist_id)
        keep = self._keeping(principal, artist_id)
        search = self.services.search
        return search.retriever(scope, intent, top_k=top_k, floor=False, join=False, keep=keep)

    def query_engine(self, user: str | None = None, *, artist: str | None = None) -> RouterQueryEngine:
        """The `RouterQueryEngine` every chat takes: intent, retrieval, answer with citations."""
        principal = self.principal(user)
        artist_id = self.artist_id(principal, artist)
        scope = self.services.search.scope(principal, None, artist_id)
        keep = self._keeping(principal, artist_id)
        profile = self.services.profiles.as_text(principal) if principal else ""
        grant = self.services.model.grant_now()
        answerer = Answerer(grant.model, self.services.chat.encoder, profile=profile, grant=grant)
        return build_router(
            lambda intent: self.services.search.retriever(scope, intent, keep=keep),
            self.services.search.selector(None, model=grant.model),
            lambda question, retrieval: self._counted(principal, grant, answerer.write(question, retrieval)),
        )

    async def _counted(
        self, principal: Principal | None, grant: Grant, pieces: AsyncGenerator[str, None]
    ) -> AsyncGenerator[str, None]:
        """The same pieces; what they took of the language model is added to the month."""
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
        finally:
            with self.services.db.session() as session:
                spent = record(session, principal.user_id if principal else None, grant)
            grant.settle(spent)

    def ingest(
        self,
        paths: Sequence[str | Path] | str | Path,
        *,
        kb: KB = "personal",
        user: str | None = None,
        artist: str | None = None,
    ) -> list[DocumentPublic]:
        """Take files in, and those of folders, and wait until each is ready or failed; `reason` says why. A file that is
        refused is failed too, without an id. Raises for a path that is not there.
        """
        principal = self.principal(user) if kb == "personal" else system("operator")
        if principal is None:
            raise AppError("Personal documents need an owner; name one with user=.")
        artist_id = self.artist_id(principal, artist)
        taken = take_in(self.services.documents, principal, files_of(paths), kb, artist_id)
        self.work()
        return at_present(self.services.documents, principal, taken)

    def work(self) -> None:
        """Finish everything that waits: back-fills first, then documents."""
        while self.services.ingestion.back_fill():
            pass
        self.services.ingestion.run_all()

    def principal(self, user: str | None) -> Principal | None:
        """The local operator acting for `user`; None for nobody. An unknown address raises."""
        if user is None:
            return None
        row = self.services.users.by_email(user)
        return local_operator(row.id, "admin" if row.role == "admin" else "user")

    def _keeping(self, principal: Principal | None, artist_id: str | None) -> Callable[[Retrieval], None]:
        """What every door does before it hands passages out: trace and audit row, or nothing (design rule 8)."""
        return lambda retrieval: self.services.search.keep(principal, retrieval, "notebook.read", artist_id)

    def artist_id(self, principal: Principal | None, name: str | None) -> str | None:
        if principal is None or name is None:
            return None
        for artist in self.services.artists.list(principal, limit=200).items:
            if artist.name.casefold() == name.casefold():
                return artist.id
        raise NotFound(
            f"There is no artist named '{name}' on this roster; its names are shown in the browser under Profile."
        )

    def close(self) -> None:
        self.services.close()

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_manager(config: str | Path | None = None, **overrides: Any) -> Manager:
    """Open the data folder named by the configuration; `overrides` are sections, like `data={"dir": ...}`.

    Raises an `AppError` with one sentence, for example while a server holds the folder.
    """
    settings = load_settings(config, **overrides)
    quiet_libraries(settings.data.dir)
    log.tame()
    from app.main import build_services

    services = build_services(settings)
    manager = Manager(services)
    # What waits is done now, but nothing is waited for: a document in its back-off has its own time.
    while services.ingestion.back_fill() or services.ingestion.run_once():
        pass
    return manager


def take_in(
    documents: DocumentService, principal: Principal, files: Sequence[Path], kb: KB, artist_id: str | None = None
) -> list[DocumentPublic]:
    """Queue files, in their order. One that is refused sinks none of the others: it is told as failed, without an id."""
    taken: list[DocumentPublic] = []
    for path in files:
        try:
            with path.open("rb") as source:
                taken.append(
                    documents.receive(principal, kb=kb, filename=path.name, source=source, artist_id=artist_id)
                )
        except AppError as error:
            if error.status in (401, 403, 404):  # about who asks, not about this file
                raise
            taken.append(_refused(path, kb, error.sentence))
        except OSError as error:
            taken.append(_refused(path, kb, f"This file cannot be opened ({error.strerror}); check its rights."))
    return taken


def at_present(
    documents: DocumentService, principal: Principal, taken: Sequence[DocumentPublic]
) -> list[DocumentPublic]:
    """The same documents as they are now. One that was deleted meanwhile is told as failed."""
    shown: list[DocumentPublic] = []
    for one in taken:
        try:
            shown.append(documents.get(principal, one.id) if one.id else one)
        except NotFound:
            shown.append(one.model_copy(update={"status": FAILED, "reason": "It was deleted meanwhile."}))
    return shown


def _refused(path: Path, kb: KB, reason: str) -> DocumentPublic:
    return DocumentPublic(
        id="", title=path.name, kb=kb, artist_id=None, standing="none", status=FAILED, reason=reason, progress=0.0,
        pages=0, chunks=0, bytes=0, sha256="", created=now(), filename=path.name,
    )  # fmt: skip


def files_of(paths: Sequence[str | Path] | str | Path) -> list[Path]:
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    files: list[Path] = []
    for one in map(Path, given):
        if one.is_dir():
            files += sorted(path for path in one.rglob("*") if path.is_file() and not path.name.startswith("."))
        elif one.is_file():
            files.append(one)
        else:
            raise NotFound(f"There is no file at {one}; check the path.")
    return files
