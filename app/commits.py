"""One commit for many: units of work of several threads share a transaction, and its flush to the disk, on SQLite."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlmodel import Session

T = TypeVar("T")
AT_MOST = 64  # units in one transaction


@dataclass(slots=True, eq=False)
class _Unit:
    work: Callable[[Session], Any]
    context: Context = field(default_factory=copy_context)
    result: Any = None
    error: BaseException | None = None
    done: bool = False
    woken: threading.Event = field(default_factory=threading.Event)  # done, or to lead the others now


class SharedCommits:
    """Whoever leads does the work of all who wait, and commits once; then the first of those
    who came meanwhile leads.

    A commit waits for the disk (4 ms), the work itself for nothing: alone a unit takes as long as before, and of fifty at
    once the last one is written after a few commits instead of fifty. `turn` is held by one writer at a time; `begin` opens a
    session that has the write lock.
    """

    def __init__(self, turn: Callable[[], AbstractContextManager[Any]], begin: Callable[[], Session]) -> None:
        self._turn, self._begin = turn, begin
        self._lock = threading.Lock()  # over the two below
        self._waiting: deque[_Unit] = deque()
        self._led = False

    def run(self, work: Callable[[Session], T], patience: float) -> T:
        """`work(session)` in a transaction that is committed when this returns; what it raises undoes it alone.

        It may be called again with a fresh session, where the transaction it shared could not go on. Raises
        `OperationalError` when no turn came within `patience` seconds.
        """
        unit = _Unit(work)
        with self._lock:
            self._waiting.append(unit)
            leads, self._led = not self._led, True
        if not leads and not unit.woken.wait(patience):
            self._give_up(unit)
        if not unit.done:
            self._lead(unit)
        if unit.error is not None:
            raise unit.error
        result: T = unit.result
        return result

    def _give_up(self, unit: _Unit) -> None:
        with self._lock:
            waits = unit in self._waiting
            if waits and not unit.woken.is_set():
                self._waiting.remove(unit)
                raise OperationalError("BEGIN IMMEDIATE", None, TimeoutError("another thread writes"))
        unit.woken.wait()  # somebody is at it

    def _lead(self, unit: _Unit) -> None:
        units: list[_Unit] = []
        try:
            with self._turn():
                with self._lock:
                    units = [self._waiting.popleft() for _ in range(min(AT_MOST, len(self._waiting)))]
                if not self._together(units):
                    for one in units:
                        self._alone(one)
        except BaseException as error:  # also an interrupt: those who wait are told, and not left waiting
            for one in units:
                one.error = error
            raise
        finally:
            for one in units:
                one.done = True
                one.woken.set()
            with self._lock:
                if unit in self._waiting:  # no turn came
                    self._waiting.remove(unit)
                self._led = bool(self._waiting)
                if self._led:
                    self._waiting[0].woken.set()

    def _together(self, units: list[_Unit], *, apart: bool = False) -> bool:
        """False where the database itself failed: what became of the transaction nobody knows, and nothing of it stands.

        At first without savepoints, which are two statements more for each; where one raises, all begin anew with them.
        """
        with self._begin() as session:
            try:
                for unit in units:
                    try:
                        with session.begin_nested() if apart else nullcontext():
                            unit.result = unit.context.run(unit.work, session)
                            session.flush()
                    except IntegrityError as error:
                        unit.error = error
                    except DBAPIError:
                        raise
                    except Exception as error:  # whoever asked for it gets it
                        unit.error = error
                    if unit.error is not None and not apart:
                        break
                    session.expunge_all()  # the next one reads for itself
                undone = not apart and any(unit.error is not None for unit in units)
                if undone:
                    session.rollback()
                else:
                    session.commit()
            except DBAPIError:
                session.rollback()
                return False
        if undone and len(units) > 1:
            for unit in units:
                unit.result = unit.error = None
            return self._together(units, apart=True)
        return True

    def _alone(self, unit: _Unit) -> None:
        unit.result = unit.error = None
        try:
            with self._begin() as session:
                unit.result = unit.context.run(unit.work, session)
                session.commit()
        except Exception as error:  # whoever asked for it gets it
            unit.error = error
