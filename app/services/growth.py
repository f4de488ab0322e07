"""Figures of growth that users keep by day: listeners, followers, streams, and income in a currency."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlmodel import Session, col, func, select

from app.db import Database
from app.errors import AppError, Conflict
from app.models import Artist, GrowthFigure, User, now
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.csv_lines import as_csv
from app.services.ownership import check_artist, own
from app.services.paging import Order, next_after, page_size
from app.services.shapes import Id, Listing

Metric = Literal["listeners", "followers", "streams", "income"]
METRICS: tuple[Metric, ...] = ("listeners", "followers", "streams", "income")
FIRST_DAY = date(1950, 1, 1)
MOST = Decimal("999999999999.99")  # SQLite keeps numbers as floating point: up to here cents are exact
CENT = Decimal("0.01")
MOST_FIGURES = 50_000  # of one user: four figures a day on three platforms for eleven years
_CODE = re.compile(r"[A-Z]{3}")  # ISO 4217
ORDER = Order(col(GrowthFigure.day), col(GrowthFigure.id), newest_first=True)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _upper(text: str) -> str:
    return text.strip().upper()


Value = Annotated[Decimal, Field(ge=-MOST, le=MOST, description="A decimal number; of income with cents, else whole.")]
Platform = Annotated[str, Field(max_length=60, pattern=r"^[^\x00]*$"), AfterValidator(_plain)]
Currency = Annotated[str, Field(max_length=40, pattern=r"^[^\x00]*$"), AfterValidator(_upper)]


class GrowthCreate(BaseModel):
    """What was counted on a day. Income has a currency, the others have none."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"day": "2026-03-01", "metric": "listeners", "value": "1840", "platform": "Spotify"}
        }
    )
    day: date
    metric: Metric
    value: Value
    platform: Platform = Field(default="", description="Where it was counted; may stay empty.")
    currency: Currency = Field(default="", description="Three letters, such as EUR.")
    artist_id: Id | None = None


class GrowthUpdate(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"value": "1850"}})
    day: date | None = None
    metric: Metric | None = None
    value: Value | None = None
    platform: Platform | None = None
    currency: Currency | None = None
    artist_id: Id | None = None


class GrowthPublic(BaseModel):
    id: Id
    artist_id: Id | None
    metric: Metric
    platform: str
    day: date
    value: str = Field(description="A decimal number as text: no digit is lost on the way.")
    currency: str
    source: Literal["entered", "imported"]
    created: datetime


class Line(BaseModel):
    """The figures of one metric, artist and platform as they went on: a line of a plot."""

    metric: Metric
    artist_id: Id | None
    artist: str | None = Field(description="Null: of all artists.")
    platform: str
    currency: str
    points: list[tuple[date, Decimal]] = Field(description="Oldest first.")


class GrowthService:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

    def list(
        self,
        principal: Principal,
        *,
        metric: Metric | None = None,
        artist_id: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Listing[GrowthPublic]:
        """The principal's own figures, the newest day first."""
        limit = page_size(limit)
        query = self._mine(principal, metric).order_by(*ORDER.columns).limit(limit + 1)
        with self._refusing(principal, "growth.list", after or artist_id), self._db.reading() as session:
            if artist_id is not None:
                check_artist(session, principal, artist_id)
                query = query.where(GrowthFigure.artist_id == artist_id)
            if after is not None:
                last = _own(session, principal, after)
                query = query.where(ORDER.after(last.day, last.id))
            rows = session.exec(query).all()
        return Listing(items=[public(row) for row in rows[:limit]], next=next_after(rows, limit))

    def lines(
        self, principal: Principal, *, metric: Metric | None = None, artist_id: str | None = None
    ) -> Sequence[Line]:
        """All that was kept, as lines: by metric, then artist, platform and currency."""
        with self._refusing(principal, "growth.list", artist_id), self._db.reading() as session:
            query = self._mine(principal, metric)
            if artist_id is not None:
                check_artist(session, principal, artist_id)
                query = query.where(GrowthFigure.artist_id == artist_id)
            rows = session.exec(query.order_by(col(GrowthFigure.day))).all()
            named = session.exec(select(Artist.id, Artist.name).where(Artist.user_id == principal.user_id)).all()
        names = dict(named)
        lines: dict[tuple[Any, ...], Line] = {}
        for row in rows:
            artist = names.get(row.artist_id or "")
            key = (METRICS.index(row.metric), artist or "", row.artist_id or "", row.platform, row.currency)
            if key not in lines:
                same = row.model_dump(include={"metric", "artist_id", "platform", "currency"})
                lines[key] = Line(**same, artist=artist, points=[])
            lines[key].points.append((row.day, shown(row)))
        return [lines[key] for key in sorted(lines)]

    def add(self, principal: Principal, wanted: GrowthCreate) -> GrowthPublic:
        """Keep a figure. Raises `Conflict` where one of that day, metric, artist, platform and currency is kept already."""
        checked(wanted)
        with self._refusing(principal, "growth.add", wanted.artist_id), self._db.session() as session:
            hold(session, principal)
            check_artist(session, principal, wanted.artist_id)
            check_room(session, principal, 1)
            figure = GrowthFigure(user_id=principal.user_id, **wanted.model_dump())
            figure.platform = platforms(session, principal).get(folded(figure.platform), figure.platform)
            _check_free(session, figure)
            session.add(figure)
            self._audit.record(session, principal, "growth.add", object_id=figure.id)
        return public(figure)

    def change(self, principal: Principal, figure_id: str, wanted: GrowthUpdate) -> GrowthPublic:
        """Change what is given. Raises as `add`."""
        given = wanted.model_dump(exclude_unset=True)
        with self._refusing(principal, "growth.change", figure_id), self._db.session() as session:
            hold(session, principal)
            figure = _own(session, principal, figure_id)
            kept = figure.model_dump(include=set(GrowthCreate.model_fields))
            said = {name: value for name, value in given.items() if value is not None or name == "artist_id"}
            if said.get("metric", kept["metric"]) != "income":
                kept["currency"] = ""
            whole = checked(GrowthCreate.model_validate({**kept, **said}))
            check_artist(session, principal, whole.artist_id)
            for name, value in whole.model_dump().items():
                setattr(figure, name, value)
            figure.platform = platforms(session, principal, but=figure.id).get(folded(figure.platform), figure.platform)
            _check_free(session, figure)
            session.add(figure)
            self._audit.record(session, principal, "growth.change", object_id=figure_id)
        return public(figure)

    def delete(self, principal: Principal, figure_id: str) -> None:
        with self._refusing(principal, "growth.delete", figure_id), self._db.session() as session:
            session.delete(_own(session, principal, figure_id))
            self._audit.record(session, principal, "growth.delete", object_id=figure_id)

    def table(self, principal: Principal) -> str:
        """Everything as CSV, which can be imported again."""
        with self._db.reading() as session:
            rows = session.exec(self._mine(principal, None).order_by(col(GrowthFigure.day), col(GrowthFigure.id))).all()
            named = session.exec(select(Artist.id, Artist.name).where(Artist.user_id == principal.user_id)).all()
        names = dict(named)
        lines = (
            [row.day, row.metric, row.platform, shown(row), row.currency, names.get(row.artist_id or "", "")]
            for row in rows
        )
        return as_csv(("day", "metric", "platform", "value", "currency", "artist"), lines)

    def _mine(self, principal: Principal, metric: Metric | None) -> Any:
        query = select(GrowthFigure).where(GrowthFigure.user_id == principal.user_id)
        return query if metric is None else query.where(GrowthFigure.metric == metric)

    def _refusing(self, principal: Principal, action: str, object_id: str | None) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)


def public(row: GrowthFigure) -> GrowthPublic:
    return GrowthPublic.model_validate({**row.model_dump(exclude={"value", "user_id"}), "value": f"{shown(row):f}"})


def shown(row: GrowthFigure) -> Decimal:
    """With cents where it is money, whole where it was counted."""
    return row.value.quantize(CENT if row.metric == "income" else Decimal(1))


def checked(wanted: GrowthCreate) -> GrowthCreate:
    """Raises `AppError` 422 with the sentence that says what does not fit."""
    if trouble := trouble_of(wanted):
        raise AppError(trouble, status=422, code="figure")
    return wanted


def trouble_of(wanted: GrowthCreate) -> str | None:
    money = wanted.metric == "income"
    if not FIRST_DAY <= wanted.day <= now().date() + timedelta(days=1):  # where it is tomorrow already
        return "A figure is of a day that has been; choose today or an earlier one."
    if money and not _CODE.fullmatch(wanted.currency):
        return "Income needs a currency; name it by its three letters, such as EUR or USD."
    if not money and wanted.currency:
        return "Only income has a currency; leave it empty here."
    if not money and (wanted.value < 0 or wanted.value != wanted.value.to_integral_value()):
        return f"{wanted.metric.capitalize()} are counted: give a whole number from 0 on."
    if money and wanted.value != wanted.value.quantize(CENT):
        return "Give income with at most two decimals."
    return None


def hold(session: Session, principal: Principal) -> None:
    """Two who add to the same user's figures at once take turns: the second sees what the first did."""
    if session.get(User, principal.user_id, with_for_update=True) is None:
        raise AppError("Figures belong to a user.", status=403, code="forbidden")


def folded(platform: str) -> str:
    """Equal for spellings of one platform: "Spotify", "spotify" and "Spot ify"."""
    return "".join(platform.casefold().split())


def platforms(session: Session, principal: Principal, but: str | None = None) -> dict[str, str]:
    """How each platform was first typed, by its `folded` name; without what the figure `but` calls it."""
    first = select(GrowthFigure.platform, func.min(GrowthFigure.created)).group_by(col(GrowthFigure.platform))
    with session.no_autoflush:
        mine = first.where(GrowthFigure.user_id == principal.user_id, GrowthFigure.id != (but or ""))
        rows = session.exec(mine.order_by(func.min(GrowthFigure.created), col(GrowthFigure.platform))).all()
    found: dict[str, str] = {}
    for platform, _ in rows:
        found.setdefault(folded(platform), platform)
    return found


def check_room(session: Session, principal: Principal, more: int) -> None:
    kept = session.exec(select(func.count()).where(GrowthFigure.user_id == principal.user_id)).one()
    if kept + more > MOST_FIGURES:
        raise Conflict(
            f"You keep {kept} of at most {MOST_FIGURES} figures; delete some that you do not need any more.",
            code="quota",
        )


def _check_free(session: Session, wanted: GrowthFigure) -> None:
    """The service sees to it that there is one: an empty artist equals no other in a constraint of the database."""
    place = ("user_id", "artist_id", "metric", "platform", "day", "currency")
    same = [col(getattr(GrowthFigure, name)).is_not_distinct_from(getattr(wanted, name)) for name in place]
    with session.no_autoflush:
        other = session.exec(select(GrowthFigure).where(*same, GrowthFigure.id != wanted.id)).first()
    if other is not None:
        raise Conflict(
            f"For this day {shown(other):f} is kept already; change that figure instead.", code="already_there"
        )


def _own(session: Session, principal: Principal, figure_id: str) -> GrowthFigure:
    return own(session, principal, GrowthFigure, figure_id, "figure")
