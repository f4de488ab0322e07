from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from app.db import Database
from app.models import Artist, now
from app.services.paging import MOST, Order, next_after, page_size
from tests.services.both import db, postgres_url
from tests.services.seeded import user

__all__ = ["db", "postgres_url"]


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_together_are_the_list_also_where_moments_are_equal(db: Database, newest_first: bool) -> None:
    owner, begun = user(db, f"pages{newest_first}"), now()
    order = Order(col(Artist.created), col(Artist.id), newest_first=newest_first)
    with db.session() as session:
        for number in range(7):
            moment = begun + timedelta(seconds=number // 3)
            session.add(Artist(user_id=owner.user_id, name=str(number), created=moment))

    def page(session: Session, last: Artist | None) -> list[Artist]:
        query = select(Artist).where(Artist.user_id == owner.user_id)
        query = query if last is None else query.where(order.after(last.created, last.id))
        return list(session.exec(query.order_by(*order.columns).limit(3)).all())

    with db.reading() as session:
        seen: list[Artist] = []
        while rows := page(session, seen[-1] if seen else None):
            seen += rows[:2]
            assert next_after(rows, 2) == (rows[1].id if len(rows) == 3 else None)
        places = [(one.created, one.id) for one in seen]
    assert len(places) == 7
    assert places == sorted(places, reverse=newest_first)


def test_a_page_holds_one_row_at_least_and_not_everything() -> None:
    assert [page_size(limit) for limit in (-1, 0, 1, MOST, MOST + 1)] == [1, 1, 1, MOST, MOST]
