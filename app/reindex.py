"""`ai-manager reindex`: new generations of vectors from the text in SQL; with `rechunk`, new chunks from the files first."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from app.config import Settings
from app.db import Database
from app.errors import Conflict, NotFound
from app.indexes.edge_engine import FolderHeld
from app.indexes.embeddings import OpenedModels, open_models
from app.indexes.knowledge import begin_generations
from app.models import FAILED, LIVE, READY, RETIRED, UNFINISHED, Document, IndexGeneration, Revision, Stamp
from app.services.services import Services
from app.services.versions import queue_again, start_again


def reindex(settings: Settings, *, model: str | None, rechunk: bool) -> Iterator[str]:
    """Yields a line for each thing done. The generations before answer until the new ones are complete.

    While a server holds the data folder the work is handed to it. What is cut short goes on at the next start.
    """
    from app.main import build_services, open_database, open_engine, prepare_data

    prepare_data(settings)
    names = [row.name for row in settings.embeddings]
    if model is not None and model not in names:
        raise NotFound(f"There is no embedding model '{model}' in config.yaml; its rows are {', '.join(names)}.")
    try:
        engine = open_engine(settings)  # before anything is touched
    except FolderHeld:
        yield _hand_over(open_database(settings), settings, model, rechunk)
        return
    db = open_database(settings)
    models = open_models(settings)
    with db.session() as session:
        _retire_what_does_not_fit(session, models, None if rechunk else model)
        if rechunk:
            session.execute(delete(Stamp).where(col(Stamp.key) == "chunker"))
            cut_anew(session)
    models.close()
    db.close()
    engine.close()
    services = build_services(settings)
    try:
        if not rechunk:  # which writes every chunk that changed into the live generations
            services.indexes.rebuild(model)
        yield from _work(services)
        left = sorted({index.model.name for index in services.indexes.building()})
        services.indexes.drop_retired(at_once=services.indexes.engine.alone)
    finally:
        services.close()
    yield f"Not finished for now: {', '.join(left)}; it goes on while the program runs." if left else "Done."


def cut_anew(session: Session) -> None:
    """Queue every document to be read and cut again. A ready one answers with its old chunks until the new ones are whole."""
    coming = {row.document_id: row for row in session.exec(select(Revision)).all()}
    wanted = select(Document).where(col(Document.status).in_((READY, *UNFINISHED)))
    for document in session.exec(wanted).all():
        revision = coming.get(document.id)
        if document.status != READY or (revision is not None and revision.status == FAILED):
            queue_again(document)
        else:
            document.newest += 1
            revision = revision or Revision(
                document_id=document.id, version=0, filename=document.filename, suffix=document.suffix,
                bytes=document.bytes, sha256=document.sha256,
            )  # fmt: skip
            revision.version = document.newest
            start_again(revision)
            session.add(revision)
        document.lease_until = None
        session.add(document)


def _hand_over(db: Database, settings: Settings, model: str | None, rechunk: bool) -> str:
    try:
        if rechunk:
            raise Conflict("A server holds the data folder; stop it to have the documents cut anew.", code="running")
        with db.session() as session:
            begin_generations(session, settings.vectors.prefix, model)
    finally:
        db.close()
    return "Handed to the running server, which goes on answering meanwhile; 'ai-manager doctor' shows how far it is."


def _retire_what_does_not_fit(session: Session, opened: OpenedModels, model: str | None) -> None:
    """Live vectors of another version of a model answer nothing: without this, opening refuses."""
    prints = {one.name: one.fingerprint for one in opened.models}
    for row in session.exec(select(IndexGeneration).where(IndexGeneration.state == LIVE)).all():
        if model in (None, row.model) and prints.get(row.model, row.fingerprint) != row.fingerprint:
            session.execute(update(IndexGeneration).where(col(IndexGeneration.id) == row.id).values(state=RETIRED))


def _work(services: Services) -> Iterator[str]:
    building = len(services.indexes.building())
    while services.ingestion.back_fill():
        left = len(services.indexes.building())
        yield from ["An index is complete."] * (building - left)
        building = left
    if waiting := services.ingestion.waiting():
        yield f"Reading {waiting} documents."
        services.ingestion.run_all()
