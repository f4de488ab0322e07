"""How this installation is doing, for admins: health, counts, disk, queues, versions. Every look is audited."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from loguru import logger
from pydantic import BaseModel, Field
from sqlmodel import Session, col, func, select

from app import __version__
from app.config import Settings
from app.db import Database
from app.errors import AppError, Forbidden
from app.indexes.knowledge import KnowledgeIndexes
from app.models import (
    DELETING,
    FAILED,
    READY,
    UNFINISHED,
    Chunk,
    Conversation,
    Document,
    IndexGeneration,
    Message,
    User,
    now,
)
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.health import HealthService
from app.services.reconciler import Reconciler

ACTION = "system.read"
COUNT_SECONDS = 3.0
FOLDERS = ("uploads", "vectors", "models", "logs", "tmp")  # of the data folder; the rest is the database and the keys
PACKAGES = (
    "fastapi", "gradio", "llama-index-core", "onnxruntime", "qdrant-client", "qdrant-edge-py", "sqlalchemy", "uvicorn",
)  # fmt: skip


class Part(BaseModel):
    """One part of the whole; the worker tells of its queue too."""

    status: Literal["ok", "down", "off", "building"]
    milliseconds: float
    detail: str | None = None
    queued: int | None = None
    working: int | None = None


class HealthReport(BaseModel):
    """`ok` and `degraded`: questions can be answered. `down`: they cannot."""

    status: Literal["ok", "degraded", "down"]
    components: dict[str, Part] = Field(
        description="By name: database, vectors, embedding:…, cross_encoder (where enabled), language_model, worker."
    )


class Counts(BaseModel):
    users: int
    disabled_users: int
    admins: int
    documents: dict[str, int] = Field(description="Ready ones, by knowledge base.")
    chunks: int
    conversations: int
    messages: int


class Disk(BaseModel):
    """Bytes."""

    folders: dict[str, int] = Field(description="What the data folder holds, by part.")
    free: int
    total: int


class Queues(BaseModel):
    waiting: int = Field(description="Documents that nobody reads yet.")
    working: int = Field(description="Documents being read, embedded or indexed at this moment.")
    deleting: int
    failed: int
    answers: int = Field(description="Answers being written at this moment.")
    most_answers: int = Field(description="As many are written at once at most.")


class IndexPublic(BaseModel):
    """One generation of the index of a knowledge base and an embedding model. Searches use the one that is live."""

    kb: str
    model: str
    generation: int
    state: str = Field(description="live, building or retired")
    dimension: int = Field(description="0 for one of words (BM25).")
    points: int | None = Field(description="Passages in it; null where the vectors do not answer.")
    filled: int = Field(description="While it is building: documents in it ...")
    documents: int = Field(description="... of so many.")
    created: datetime


class Reconciled(BaseModel):
    """The last comparison of database, vectors and files, which mends what differs; one runs every hour."""

    finished: datetime | None
    findings: dict[str, int] = Field(description="How many of each kind were found, and mended where that is possible.")


class SystemPublic(HealthReport):
    counts: Counts
    indexes: list[IndexPublic]
    reconciled: Reconciled
    disk: Disk
    queues: Queues
    versions: dict[str, str]


class SystemService:
    def __init__(
        self,
        settings: Settings,
        db: Database,
        audit: AuditLog,
        health: HealthService,
        answers: Callable[[], int],
        indexes: KnowledgeIndexes,
        reconciler: Reconciler,
    ) -> None:
        """`answers` tells how many are being written."""
        self._settings, self._db, self._audit, self._health, self._answers = settings, db, audit, health, answers
        self._indexes, self._reconciler = indexes, reconciler

    async def report(self, principal: Principal) -> SystemPublic:
        """Raises `Forbidden` for whoever is no admin."""
        counts, queues, database, generations = await asyncio.to_thread(self._from_sql, principal)
        finished, found = await asyncio.to_thread(self._reconciler.last)
        return SystemPublic(
            **await self._health.report(),
            counts=counts,
            indexes=[await self._index(one) for one in generations],
            reconciled=Reconciled(finished=finished, findings=found),
            disk=await asyncio.to_thread(disk_use, self._settings.data.dir),
            queues=queues,
            versions={
                "ai-manager": __version__,
                "python": platform.python_version(),
                **database,
                **{name: version(name) for name in PACKAGES},
            },
        )

    async def check(self, principal: Principal) -> SystemPublic:
        """The report with every part asked at this moment; a comparison of database, vectors and files begins with it.

        Raises `Forbidden` for whoever is no admin.
        """
        await asyncio.to_thread(self._note, principal, "system.check")
        self._health.forget()
        self._reconciler.hurry()
        return await self.report(principal)

    async def _index(self, row: IndexGeneration) -> IndexPublic:
        points: int | None = None
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                points = await asyncio.wrap_future(self._indexes.engine.count(row.collection))
        except (AppError, TimeoutError) as error:  # the health report says what is wrong with the vectors
            logger.bind(error=type(error).__name__).warning("points not counted")
        return IndexPublic(**row.model_dump(exclude={"id", "collection", "fingerprint"}), points=points)

    def _note(self, principal: Principal, action: str) -> None:
        with self._audit.refusing(self._db, principal, action):
            if not principal.is_admin:
                raise Forbidden("This is for admins; ask one of them.")
        with self._db.session() as session:
            self._audit.record(session, principal, action)

    def _from_sql(self, principal: Principal) -> tuple[Counts, Queues, dict[str, str], list[IndexGeneration]]:
        self._note(principal, ACTION)
        with self._db.reading() as session:
            dialect = session.connection().dialect
            number = ".".join(str(part) for part in dialect.server_version_info or ())
            order = (col(IndexGeneration.kb), col(IndexGeneration.model), col(IndexGeneration.generation))
            generations = session.exec(select(IndexGeneration).order_by(*order)).all()
            return _counts(session), self._queues(session), {dialect.name: number}, list(generations)

    def _queues(self, session: Session) -> Queues:
        by_status = dict(session.exec(select(Document.status, func.count()).group_by(col(Document.status))).all())
        held = col(Document.lease_until) > now()
        working = session.exec(select(func.count()).where(col(Document.status).in_(UNFINISHED), held)).one()
        return Queues(
            waiting=sum(by_status.get(status, 0) for status in UNFINISHED) - working,
            working=working,
            deleting=by_status.get(DELETING, 0),
            failed=by_status.get(FAILED, 0),
            answers=self._answers(),
            most_answers=self._settings.quotas.all_answers,
        )


def disk_use(folder: Path) -> Disk:
    """What the data folder holds. The models folder may be a link to one that several share: it is followed."""
    found = {name: _bytes(folder / name) for name in FOLDERS}
    files = [one for one in os.scandir(folder) if one.is_file(follow_symlinks=False)]
    found["database"] = sum(one.stat().st_size for one in files)
    space = shutil.disk_usage(folder)
    return Disk(folders=found, free=space.free, total=space.total)


def _bytes(folder: Path) -> int:
    """Files come and go meanwhile: one that went counts nothing."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue
    return size


def _counts(session: Session) -> Counts:
    def count(table: type, *conditions: object) -> int:
        return session.exec(select(func.count()).select_from(table).where(*conditions)).one()  # type: ignore[arg-type]

    ready = select(Document.kb, func.count()).where(Document.status == READY).group_by(col(Document.kb))
    return Counts(
        users=count(User),
        disabled_users=count(User, col(User.disabled).is_(True)),
        admins=count(User, User.role == "admin", col(User.disabled).is_(False)),
        documents={"personal": 0, "global": 0, **dict(session.exec(ready).all())},
        chunks=count(Chunk),
        conversations=count(Conversation),
        messages=count(Message),
    )
