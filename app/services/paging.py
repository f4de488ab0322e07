"""A list by pages: its order, how many rows a page holds, where the next one begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped

MOST = 200  # rows of a page, as the API's description of `limit` tells


class Order:
    """By a day or moment and then by id, so that rows of the same moment keep their places too."""

    def __init__(self, moment: Mapped[Any], key: Mapped[Any], *, newest_first: bool = False) -> None:
        self._moment, self._key, self._newest_first = moment, key, newest_first

    @property
    def columns(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """For `order_by`."""
        if self._newest_first:
            return self._moment.desc(), self._key.desc()
        return self._moment.asc(), self._key.asc()

    def after(self, moment: Any, key: Any) -> ColumnElement[bool]:
        """What comes after the row that has these."""
        if self._newest_first:
            later, further = self._moment < moment, self._key < key
        else:
            later, further = self._moment > moment, self._key > key
        following: ColumnElement[bool] = later | ((self._moment == moment) & further)
        return following


def page_size(limit: int) -> int:
    """Of the rows one more is read, which tells whether there is a next page."""
    return max(1, min(limit, MOST))


def next_after(rows: Sequence[Any], limit: int) -> str | None:
    """The `next` of a page of `limit` rows: the id of its last one, where one more was read; else None."""
    return str(rows[limit - 1].id) if len(rows) > limit else None
