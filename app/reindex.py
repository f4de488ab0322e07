"""`ai-manager reindex`: new generations of vectors from the text in SQL; with `rechunk`, new chunks from the files first."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import delete, update
from sqlmodel import col, select

from app.config import Settings
from app.errors import NotFound
from app.models import DELETING, FAILED, RETIRED, STORED, Document, IndexGeneration, Stamp


def reindex(settings: Settings, *, model: str | None, rechunk: bool) -> Iterator[str]:
    """Yields a line for each thing done. Holds the data folder meanwhile; what is cut short goes on at the next start."""
    from app.main import build_services, open_database, open_engine, prepare_data

    prepare_data(settings)
    names = [row.name for row in settings.embeddings]
    if model is not None and model not in names:
        raise NotFound(f"There is no embedding model '{model}' in config.yaml; its rows are {', '.join(names)}.")
    engine = open_engine(settings)  # before anything is touched: a server may hold the folder
    db = open_database(settings)
    with db.session() as session:
        # What is wrong with the live vectors is what this mends: retire their pointers so that opening does not refuse.
        chosen = select(IndexGeneration).where(IndexGeneration.state != RETIRED)
        for row in session.exec(chosen).all():
            if rechunk or model is None or row.model == model:
                row.state = RETIRED
                session.add(row)
        if rechunk:
            session.execute(delete(Stamp).where(col(Stamp.key) == "chunker"))
            session.execute(
                update(Document)
                .where(col(Document.status).not_in((DELETING, FAILED)))
                .values(status=STORED, version=Document.version + 1, attempts=0, next_attempt=None, lease_until=None)
            )
    db.close()
    engine.close()
    services = build_services(settings)
    try:
        services.indexes.drop_retired()
        while services.ingestion.back_fill():
            yield "An index is complete."
        waiting = services.ingestion.waiting()
        if waiting:
            yield f"Cutting {waiting} documents anew."
            services.ingestion.run_all()
        left = sorted({index.model.name for index in services.indexes.building()})
    finally:
        services.close()
    yield f"Not finished for now: {', '.join(left)}; it goes on while the program runs." if left else "Done."
