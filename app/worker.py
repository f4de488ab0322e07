"""The background worker: takes documents through their states and keeps indexes complete, in the serving process.
Beside it the sweeper carries deletions out of the files of SQLite."""

from __future__ import annotations

import sqlite3
import threading
import time

from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.errors import AppError
from app.services.insight.second_reading import SecondReading
from app.services.services import Services

REFRESH_SECONDS = 15.0  # how soon this process sees index pointers that another one moved
SECOND_READING_SECONDS = 2.0  # between two looks for documents that the language model may read
SWEEP_SECONDS = 0.5  # after a deletion, so that several are swept together
SWEEP_TRY_SECONDS = 2.0  # for a moment without readers; then again


class Worker:
    """One thread. `wake` it when something was queued; otherwise it looks by itself every `ingestion.poll_seconds`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self._refreshed = time.monotonic()
        self._sweeper = Sweeper(services.db)
        self._second = SecondReader(services.second_reading)

    def start(self) -> None:
        self._services.documents.wake = self._awake.set
        self._services.ingestion.beat = self._beat
        self._thread.start()
        self._sweeper.start()
        self._second.start()

    def stop(self) -> None:
        """Let the present step end, at most ten seconds; what is unfinished is resumed at the next start."""
        self._sweeper.stop()
        self._second.stop()
        self._stopping.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._beat()
            self._awake.clear()
            if not self._step():
                self._awake.wait(self._services.settings.ingestion.poll_seconds)

    def _beat(self) -> None:
        self._services.health.worker_seen = time.monotonic()

    def _step(self) -> bool:
        """One piece of work; False when there was none or it must wait."""
        try:
            if time.monotonic() - self._refreshed > REFRESH_SECONDS:
                self._refreshed = time.monotonic()
                self._services.indexes.refresh()
                self._services.indexes.drop_retired()
            # One piece of each: a long back-fill keeps no document waiting, many documents no back-fill.
            worked = [
                step()
                for step in (
                    self._services.ingestion.run_once,
                    self._services.reader.step,
                    self._services.ingestion.back_fill,
                )
            ]
            return self._services.reconciler.step() or any(worked)
        except AppError as error:  # a part is down: its sentence is in the health report, the work waits
            logger.bind(code=error.code).warning("worker waits")
        except Exception as error:  # the worker outlives any single failure
            logger.bind(error=type(error).__name__).opt(exception=True).error("worker step failed")
        self._stopping.wait(1.0)
        return False


class SecondReader:
    """One thread in which the language model reads documents: an answer of it may take a minute, which nothing waits for."""

    def __init__(self, reading: SecondReading) -> None:
        self._reading = reading
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="second reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Breaks off what is being read; it is read at the next start."""
        self._stopping.set()
        self._reading.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.wait(SECOND_READING_SECONDS):
            try:
                while not self._stopping.is_set() and self._reading.step():
                    pass
            except Exception as error:  # as the worker, it outlives any single failure
                logger.bind(error=type(error).__name__).opt(exception=True).error("second reading failed")


class Sweeper:
    """One thread that purges the database soon after rows were deleted. The worker cannot: it may be busy with a document."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Sweeps at once: a process that crashed may have left something."""
        self._db.deleted.set()
        self._thread.start()

    def stop(self) -> None:
        """What is not swept yet goes when the last connection closes."""
        self._stopping.set()
        self._db.deleted.set()
        if self._thread.is_alive():
            self._thread.join(timeout=SWEEP_TRY_SECONDS + 1)

    def _run(self) -> None:
        while self._db.deleted.wait() and not self._stopping.wait(SWEEP_SECONDS):
            self._db.deleted.clear()
            if not self._sweep():
                self._db.deleted.set()

    def _sweep(self) -> bool:
        try:
            return self._db.purge(SWEEP_TRY_SECONDS)
        except (SQLAlchemyError, sqlite3.Error) as error:  # a full disk, a locked file: it is tried again
            logger.bind(error=type(error).__name__).warning("deleted rows are still in the files of the database")
            return False
