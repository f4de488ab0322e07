"""Work that one process does for all, such as reconciling: whose turn it is stands in SQL, and runs out by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, or_, select

from app.db import Database
from app.models import Turn, new_id, now


class Turns:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._me = new_id()

    def take(self, name: str, seconds: float) -> bool:
        """Have the turn for `seconds` from now, again if it is ours; False while another process has it."""
        moment = now()
        mine = or_(col(Turn.held_until).is_(None), col(Turn.held_until) < moment, col(Turn.holder) == self._me)
        until = moment + timedelta(seconds=seconds)
        try:
            with self._db.session() as session:
                if session.get(Turn, name) is None:
                    session.add(Turn(name=name, holder=self._me, held_until=until))
                    return True
                taken = session.execute(
                    update(Turn).where(col(Turn.name) == name, mine).values(holder=self._me, held_until=until)
                )
                return bool(taken.rowcount == 1)  # type: ignore[attr-defined]
        except IntegrityError:  # another process took its first turn at this moment
            return False

    def finish(self, name: str, found: dict[str, int]) -> None:
        """Give the turn back, with what was found."""
        with self._db.session() as session:
            session.execute(
                update(Turn)
                .where(col(Turn.name) == name, col(Turn.holder) == self._me)
                .values(held_until=None, finished=now(), found=found)
            )

    def last(self, name: str) -> tuple[datetime | None, dict[str, int]]:
        """When the last round ended, in any process, and what it found."""
        with self._db.reading() as session:
            row = session.exec(select(Turn).where(Turn.name == name)).first()
        return (row.finished, row.found) if row else (None, {})

    def free(self) -> None:
        """Take every turn from processes that ended. Only for the holder of the data folder at its start."""
        with self._db.session() as session:
            session.execute(update(Turn).where(col(Turn.held_until).is_not(None)).values(held_until=None))
