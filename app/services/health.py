"""Health: each part with its status and milliseconds; the language model and remote models are asked at most once a minute."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from loguru import logger
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, func, select

from app.db import Database
from app.errors import AppError
from app.indexes.cross_encoder import CrossEncoder
from app.indexes.knowledge import KnowledgeIndexes
from app.models import DELETING, UNFINISHED, Document, now
from app.services.model_slot import ModelSlot

CHECK_SECONDS = 3.0
IMPORT_SECONDS = 30.0  # the libraries of a language model take 1.7 s on a quiet machine
REMEMBER_SECONDS = 60.0
STALE_SECONDS = 180.0  # longer than the longest step without a sign of life: one batch, `ingestion.embed_seconds`


class HealthService:
    """`ok` of the whole means that questions can be answered and documents taken in; a missing model only degrades."""

    def __init__(
        self,
        db: Database,
        indexes: KnowledgeIndexes,
        model: ModelSlot,
        reconciled: Callable[[], dict[str, Any]] = dict,
        cross_encoder: CrossEncoder | None = None,
    ) -> None:
        self._cross_encoder = cross_encoder
        self._db, self._indexes, self._model, self._reconciled = db, indexes, model, reconciled
        self._asked: str | None = None  # which choice of a language model is remembered
        self._remembered: dict[str, tuple[float, dict[str, Any]]] = {}
        self.worker_seen: float | None = None  # on the monotonic clock; set by the worker of this process

    async def report(self) -> dict[str, Any]:
        """{status: ok | degraded | down, components: {name: {status, milliseconds, detail?}}}."""
        components = {
            "database": await _timed(lambda: asyncio.to_thread(self._db.ping)),
            "vectors": await _timed(lambda: asyncio.wrap_future(self._indexes.engine.ping())),
        }
        for model in self._indexes.models:
            components[f"embedding:{model.name}"] = await self._embedding(model.name)
        for name, reason in self._indexes.broken.items():
            components[f"embedding:{name}"] = {"status": "down", "milliseconds": 0.0, "detail": reason}
        if (encoder := self._cross_encoder) is not None:

            async def read_a_pair() -> None:
                await asyncio.wrap_future(encoder.score("health", ["health"], CHECK_SECONDS))

            components["cross_encoder"] = await self._once_a_minute("cross_encoder", read_a_pair)
        components["language_model"] = await self._language_model()
        components["worker"] = await self._queue_report(self._worker)
        components["reconciler"] = await self._queue_report(self._reconciler)
        needed = (components["database"], components["vectors"])
        if any(part["status"] == "down" for part in needed):
            status = "down"
        else:
            status = "ok" if all(part["status"] in ("ok", "off") for part in components.values()) else "degraded"
        return {"status": status, "components": components}

    def forget(self) -> None:
        """Ask every part again at the next report, also those that are asked once a minute."""
        self._remembered.clear()

    async def _embedding(self, name: str) -> dict[str, Any]:
        model = next(model for model in self._indexes.models if model.name == name)

        async def ask() -> None:
            await asyncio.shield(asyncio.wrap_future(model.embed_question("health")))

        report = await _timed(ask) if model.required else await self._once_a_minute(name, ask)
        building = [index.kb for index in self._indexes.building() if index.model.name == name]
        if not building or report["status"] != "ok":
            return report
        try:
            filled = await asyncio.to_thread(self._indexes.filled)
        except SQLAlchemyError:  # the database's own entry says what is wrong with it
            filled = {}
        told = ", ".join(f"{kb} ({_of(filled.get((kb, name)))})" for kb in building)
        # Where the generation before still answers, nothing is missing.
        incomplete = any(name in self._indexes.missing(kb) for kb in building)
        return report | {"status": "building" if incomplete else "ok", "detail": f"being filled for: {told}"}

    async def _language_model(self) -> dict[str, Any]:
        why = (await self._model.grant()).why
        current = self._model.current
        if current.model is None:
            none = "No language model is set up; answers quote the sources."
            return {"status": "down" if why else "off", "milliseconds": 0.0, "detail": why or none}
        if self._asked != current.stamp:
            self._remembered.pop("language_model", None)
            self._asked = current.stamp
        # Imported beforehand: how long that takes on a busy machine says nothing of the provider.
        opened = await _timed(current.model.ready, IMPORT_SECONDS)
        if opened["status"] == "down":
            return opened
        report = await self._once_a_minute("language_model", current.model.check)
        return report | ({"status": "down", "detail": why} if why else {})

    async def _once_a_minute(self, name: str, ask: Callable[[], Awaitable[object]]) -> dict[str, Any]:
        at, report = self._remembered.get(name, (0.0, {}))
        if not report or time.monotonic() - at > REMEMBER_SECONDS:
            report = await _timed(ask)
            self._remembered[name] = (time.monotonic(), report)
        return dict(report)

    async def _queue_report(self, report: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return await asyncio.to_thread(report)
        except SQLAlchemyError:  # the database's own entry says what is wrong with it
            return {"status": "down", "milliseconds": 0.0, "detail": "The database with the queue does not answer."}

    def _reconciler(self) -> dict[str, Any]:
        start = time.perf_counter()
        report = self._reconciled()
        milliseconds = round((time.perf_counter() - start) * 1000, 2)
        return {"status": "ok" if report.get("finished") else "off", "milliseconds": milliseconds, **report}

    def _worker(self) -> dict[str, Any]:
        start = time.perf_counter()
        with self._db.reading() as session:
            waiting = (*UNFINISHED, DELETING)
            queued = session.exec(select(func.count()).where(col(Document.status).in_(waiting))).one()
            held = col(Document.lease_until) > now()
            working = session.exec(select(func.count()).where(col(Document.status).in_(waiting), held)).one()
        if self.worker_seen is None:
            status = "off"  # the command line and notebooks do their work themselves
        else:
            alive = time.monotonic() - self.worker_seen < STALE_SECONDS or working > 0
            status = "ok" if alive else "down"
        return {
            "status": status,
            "milliseconds": round((time.perf_counter() - start) * 1000, 2),
            "queued": queued,
            "working": working,
        }


def _of(filled: tuple[int, int] | None) -> str:
    done, of = filled or (0, 0)
    return f"{done} of {of} documents"


async def _timed(ask: Callable[[], Awaitable[object]], seconds: float | None = None) -> dict[str, Any]:
    """Within `CHECK_SECONDS`, or as many as are given."""
    limit = seconds or CHECK_SECONDS
    start = time.perf_counter()
    detail = None
    try:
        async with asyncio.timeout(limit):
            await ask()
    except AppError as error:
        detail = error.sentence
    except TimeoutError:
        detail = f"No answer within {limit:.0f} seconds."
    except Exception as error:
        # Whatever a part's library raises, the report of the others must not be lost.
        logger.bind(error=type(error).__name__).warning("health check failed")
        detail = "This part failed unexpectedly; see the log."
    report: dict[str, Any] = {
        "status": "down" if detail else "ok",
        "milliseconds": round((time.perf_counter() - start) * 1000, 2),
    }
    return report | ({"detail": detail} if detail else {})
