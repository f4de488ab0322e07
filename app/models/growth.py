"""Figures that users keep of their growth."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Column, Numeric
from sqlmodel import Field, SQLModel

from app.models.base import new_id, now, owned_by


class GrowthFigure(SQLModel, table=True):
    """What was counted on a day: listeners, followers, streams, or income in a currency. One for each user, artist (or all),
    metric, platform and day; the service sees to it, as an empty artist equals no other in a constraint."""

    __tablename__ = "growth_figures"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    artist_id: str | None = Field(default=None, sa_column=owned_by("artists.id", nullable=True))
    metric: str = Field(max_length=20)
    platform: str = Field(default="", max_length=60)
    day: date = Field(index=True)
    value: Decimal = Field(sa_column=Column(Numeric(18, 2), nullable=False))
    currency: str = Field(default="", max_length=3)
    source: str = Field(default="entered", max_length=10)  # entered | imported
    created: datetime = Field(default_factory=now)
