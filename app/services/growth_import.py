"""Growth figures from a table that another program exported. Read first and shown, kept when the user says so.

What was imported once is known again: the same file adds nothing a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import AppError
from app.models import Artist, GrowthFigure
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.growth import Metric, check_room, hold, platforms, shown
from app.services.growth_reading import KEPT, Found, GrowthImportRequest, Place, Reading
from app.services.growth_table import Meaning, Table, guess, read_table
from app.services.ownership import check_artist
from app.services.shapes import Id

MOST_TOLD = 100  # troubles of one import
SAMPLE = 5


class ColumnRead(BaseModel):
    name: str
    means: Meaning
    example: str = Field(description="What stands in its first filled cell.")


class FigureRead(BaseModel):
    day: date
    metric: Metric
    platform: str
    value: str
    currency: str
    artist_id: Id | None


class RowTrouble(BaseModel):
    row: int = Field(description="Line of the file, from 1 on.")
    sentence: str


class GrowthImported(BaseModel):
    """What an import did, or would do."""

    preview: bool
    needs: str | None = Field(default=None, description="What must be said before anything can be imported.")
    columns: list[ColumnRead]
    rows: int
    added: int = 0
    replaced: int = 0
    unchanged: int = Field(default=0, description="Figures that are kept already, just so.")
    refused: int = Field(default=0, description="Rows of which something was left out.")
    troubles: list[RowTrouble] = Field(default_factory=list, description="Why; the first hundred.")
    sample: list[FigureRead] = Field(default_factory=list, description="The first five figures that were read.")


class GrowthImport:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

    def run(self, principal: Principal, request: GrowthImportRequest) -> GrowthImported:
        """Keep every figure that can be read; with `preview` only tell what would be done.

        Raises `AppError` 422 where there is no table, or where something must be said first (a preview tells it instead).
        """
        table = read_table(request.csv)
        means = (
            [(request.columns or {}).get(head, "ignore") for head in table.heads]
            if request.columns
            else guess(table.heads)
        )
        with self._audit.refusing(self._db, principal, "growth.import", request.artist_id):
            if request.preview:
                with self._db.reading() as session:
                    return self._import(session, principal, request, table, means)
            with self._db.session() as session:
                hold(session, principal)
                return self._import(session, principal, request, table, means)

    def _import(
        self, session: Session, principal: Principal, request: GrowthImportRequest, table: Table, means: list[Meaning]
    ) -> GrowthImported:
        check_artist(session, principal, request.artist_id)
        named = session.exec(select(Artist.name, Artist.id).where(Artist.user_id == principal.user_id)).all()
        roster = {" ".join(name.casefold().split()): key for name, key in named}
        reading = Reading(request, table, means, roster, platforms(session, principal))
        done = GrowthImported(preview=request.preview, columns=_columns(table, means), rows=len(table.rows))
        done.needs = reading.needs()
        if done.needs is not None:
            if request.preview:
                return done
            raise AppError(done.needs, status=422, code="columns")
        figures = reading.figures()
        new = self._compare(session, principal, figures, reading, done)
        if not request.preview:
            check_room(session, principal, len(new))
            session.add_all(new)
            self._audit.record(session, principal, "growth.import")
        done.refused = len(reading.troubles)
        told = sorted(reading.troubles.items())[:MOST_TOLD]
        done.troubles = [RowTrouble(row=row, sentence=sentence) for row, sentence in told]
        done.sample = [_sample(one) for one in list(figures.values())[:SAMPLE]]
        return done

    def _compare(
        self,
        session: Session,
        principal: Principal,
        figures: Mapping[Place, Found],
        reading: Reading,
        done: GrowthImported,
    ) -> list[GrowthFigure]:
        """What is new; what is kept already is counted, and changed where that was asked for."""
        kept = _kept(session, principal, figures)
        new: list[GrowthFigure] = []
        for place, one in figures.items():
            row = kept.get(place)
            if row is None:
                new.append(
                    GrowthFigure(user_id=principal.user_id, value=one.value, source="imported", **place._asdict())
                )
            elif row.value == one.value:
                done.unchanged += 1
            elif not reading.request.replace:
                reading.troubles[one.row] = KEPT.format(shown(row), one.value)
            else:
                done.replaced += 1
                if not reading.request.preview:
                    row.value, row.source = one.value, "imported"
                    session.add(row)
        done.added = len(new)
        return new


def _kept(session: Session, principal: Principal, figures: Mapping[Place, Found]) -> dict[Place, GrowthFigure]:
    """The user's figures of the same days."""
    if not figures:
        return {}
    days = [place.day for place in figures]
    query = select(GrowthFigure).where(
        GrowthFigure.user_id == principal.user_id, col(GrowthFigure.day).between(min(days), max(days))
    )
    return {Place(*(getattr(row, name) for name in Place._fields)): row for row in session.exec(query)}


def _columns(table: Table, means: Sequence[Meaning]) -> list[ColumnRead]:
    def example(place: int) -> str:
        return next((row[place][:60] for _, row in table.rows if place < len(row) and row[place]), "")

    return [ColumnRead(name=head, means=means[place], example=example(place)) for place, head in enumerate(table.heads)]


def _sample(one: Found) -> FigureRead:
    return FigureRead(value=f"{one.value:f}", **one.place._asdict())
