"""How the rows of a table become growth figures, and what is said of those that do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.services.growth import CENT, METRICS, Currency, GrowthCreate, Metric, Platform, folded, trouble_of
from app.services.growth_table import (
    DayOrder,
    DecimalSign,
    Meaning,
    Table,
    currency_in,
    day_of,
    day_order,
    decimal_sign,
    number_of,
)
from app.services.shapes import Id

NO_DAY = "No column holds the days; choose the one that does."
NO_VALUE = "No column holds figures; choose one, and say what it counts."
NO_METRIC = "Say what the figures count: listeners, followers, streams or income."
UNCLEAR = "The days can be read in two ways, such as 03/04/2026; say whether the day or the month comes first."
NOT_A_DAY = "“{}” is no day that can be read; write it like 2026-03-01."
NOT_A_NUMBER = "“{}” in “{}” is no number that can be read."
NO_ARTIST = "“{}” is no artist of yours; add them on the Profile page, or leave this column out."
NOT_A_METRIC = "“{}” is none of listeners, followers, streams and income."
TWICE = "Row {} has the same day, platform and figure; tick “Add up” if they are parts of one."
KEPT = "{:f} is kept already for this day, and the file says {:f}; tick “Replace” to take the file's."


class GrowthImportRequest(BaseModel):
    """A table as text, its first line naming the columns, and how to read it. What is left out is read from the table."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "csv": "date,listeners,followers\n2026-03-01,1840,310\n",
                "platform": "Spotify",
                "preview": True,
            }
        }
    )
    csv: str = Field(
        min_length=1, max_length=1_000_000, pattern=r"^[^\x00]*$", description="Parted by comma, semicolon or tab."
    )
    columns: dict[Annotated[str, Field(max_length=200)], Meaning] | None = Field(
        default=None, max_length=100, description="Heading -> what the column holds."
    )
    metric: Metric | None = Field(default=None, description="Of a column of values where no column names it.")
    platform: Platform = Field(default="", description="Where no column names one.")
    currency: Currency = Field(default="", description="Of income where neither a column nor its heading names one.")
    artist_id: Id | None = Field(default=None, description="Where no column names one; null: all artists.")
    day_order: DayOrder | None = None
    decimal: DecimalSign | None = None
    add_up: bool = Field(default=False, description="Rows of the same day, platform and figure are parts of one.")
    replace: bool = Field(
        default=False, description="The file's figures take the place of others kept for the same day."
    )
    preview: bool = Field(default=False, description="Only tell what would be done.")


class Place(NamedTuple):
    """What makes a figure the same one."""

    day: date
    metric: Metric
    artist_id: str | None
    platform: str
    currency: str


class Found(NamedTuple):
    row: int
    place: Place
    value: Decimal


@dataclass
class Reading:
    """A table and how it is read; `troubles` and `figures` come by reading it."""

    request: GrowthImportRequest
    table: Table
    means: list[Meaning]
    roster: Mapping[str, str]  # name in lower case -> id
    platforms: dict[str, str] = field(default_factory=dict)  # folded -> as it was first typed
    troubles: dict[int, str] = field(default_factory=dict)

    def needs(self) -> str | None:
        if "day" not in self.means:
            return NO_DAY
        if not set(self.means) & {"value", *METRICS}:
            return NO_VALUE
        if "value" in self.means and "metric" not in self.means and self.request.metric is None:
            return NO_METRIC
        unclear = day_order(self.cells("day")) == "unclear" and self.request.day_order is None
        return UNCLEAR if unclear else None

    def cells(self, *meanings: Meaning) -> Iterator[str]:
        places = [place for place, meaning in enumerate(self.means) if meaning in meanings]
        for _, row in self.table.rows:
            yield from (row[place] for place in places if place < len(row) and row[place])

    def figures(self) -> dict[Place, Found]:
        """Every figure of every row that can be read; the rest is in `troubles`."""
        order = self.request.day_order
        if order is None and (told := day_order(self.cells("day"))) != "unclear":
            order = told
        sign = self.request.decimal or decimal_sign(self.cells("value", *METRICS))
        found: dict[Place, Found] = {}
        for number, cells in self.table.rows:
            read = self._row(number, cells, order, sign)
            for one in [] if number in self.troubles else read:
                before = found.get(one.place)
                if before is not None and not self.request.add_up:
                    self.troubles[number] = TWICE.format(before.row)
                    break
                found[one.place] = one if before is None else before._replace(value=before.value + one.value)
        return {place: one._replace(value=_rounded(one)) for place, one in found.items() if self._fits(one)}

    def _row(self, number: int, cells: Sequence[str], order: DayOrder | None, sign: DecimalSign | None) -> list[Found]:
        """The figures of a row; what is wrong with it goes to `troubles`."""
        said: dict[Meaning, str] = {meaning: cell for meaning, cell in zip(self.means, cells, strict=False) if cell}
        day = day_of(said.get("day", ""), order)
        if day is None:
            self.troubles[number] = NOT_A_DAY.format(said.get("day", "")[:60])
            return []
        artist_id = self.request.artist_id
        if name := said.get("artist"):
            artist_id = self.roster.get(" ".join(name.casefold().split()))
            if artist_id is None:
                self.troubles[number] = NO_ARTIST.format(name[:60])
                return []
        platform = " ".join((said.get("platform") or self.request.platform).split())[:60]
        platform = self.platforms.setdefault(folded(platform), platform)
        found = []
        for place, meaning in enumerate(self.means):
            if meaning not in ("value", *METRICS) or not (cell := said.get(meaning)):
                continue
            metric = self._metric(number, meaning, said)
            value = number_of(cell, sign)
            if value is None:
                self.troubles[number] = NOT_A_NUMBER.format(cell[:60], self.table.heads[place])
            if metric is None or value is None:
                return []
            currency = self._currency(said, place) if metric == "income" else ""
            found.append(Found(number, Place(day, metric, artist_id, platform, currency), value))
        return found

    def _metric(self, number: int, meaning: Meaning, said: Mapping[Meaning, str]) -> Metric | None:
        if meaning in METRICS:
            return meaning
        if "metric" not in said:
            return self.request.metric
        word = said["metric"].casefold()
        metric = next((one for one in METRICS if one in word or one.rstrip("s") == word), None)
        if metric is None:
            self.troubles[number] = NOT_A_METRIC.format(said["metric"][:60])
        return metric

    def _currency(self, said: Mapping[Meaning, str], place: int) -> str:
        return said.get("currency", "")[:40].upper() or currency_in(self.table.heads[place]) or self.request.currency

    def _fits(self, one: Found) -> bool:
        """Whether it could be entered by hand."""
        try:
            whole = GrowthCreate(value=_rounded(one), **one.place._asdict())
        except ValidationError:
            trouble: str | None = "This figure is larger than any that can be kept."
        else:
            trouble = trouble_of(whole)
        if trouble is not None:
            self.troubles[one.row] = trouble
        return trouble is None


def _rounded(one: Found) -> Decimal:
    """Income to cents, after parts were added up: stores tell thousandths. A count that is no whole number stays."""
    return one.value.quantize(CENT, ROUND_HALF_EVEN) if one.place.metric == "income" else one.value
