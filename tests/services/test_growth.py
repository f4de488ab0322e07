"""Figures of growth, on both databases: one for each day and place, exact, one's own alone; and tables of other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import AppError, Conflict, NotFound
from app.models import Artist, AuditEvent, GrowthFigure, now
from app.principal import Principal
from app.services import growth as growth_module
from app.services.audit import AuditLog
from app.services.growth import GrowthCreate, GrowthService, GrowthUpdate
from app.services.growth_import import GrowthImport, GrowthImported
from app.services.growth_reading import NO_METRIC, UNCLEAR, GrowthImportRequest
from tests.services.both import db, postgres_url
from tests.services.seeded import user

__all__ = ["db", "postgres_url"]


@pytest.fixture(scope="module")
def growth(db: Database) -> GrowthService:
    return GrowthService(db, AuditLog(b"k"))


@pytest.fixture
def alice(db: Database, request: pytest.FixtureRequest) -> Principal:
    """Somebody new for each test, with one artist."""
    made = user(db, f"alice{abs(hash(request.node.name))}")
    artist(db, made, "The Night Shift")
    return made


def artist(db: Database, owner: Principal, name: str) -> str:
    row = Artist(user_id=owner.user_id, name=name)
    with db.session() as session:
        session.add(row)
    return row.id


def figure(value: Any = 10, day: str = "2026-03-01", metric: str = "listeners", **more: Any) -> GrowthCreate:
    return GrowthCreate.model_validate({"value": value, "day": day, "metric": metric, **more})


def kept(db: Database, owner: Principal) -> list[tuple[str, str, str, Decimal, str]]:
    def read(session: Session) -> Any:
        return session.exec(
            select(GrowthFigure)
            .where(GrowthFigure.user_id == owner.user_id)
            .order_by(col(GrowthFigure.day), col(GrowthFigure.metric), col(GrowthFigure.platform))
        ).all()

    with db.reading() as session:
        return [(str(row.day), row.metric, row.platform, row.value, row.currency) for row in read(session)]


# One by one


def test_a_figure_is_kept_exactly_and_comes_back(growth: GrowthService, alice: Principal) -> None:
    made = growth.add(alice, figure("999999999999.99", metric="income", currency=" eur ", platform="  My   shop "))
    assert (made.value, made.currency, made.platform, made.source) == ("999999999999.99", "EUR", "My shop", "entered")
    assert growth.add(alice, figure(1840.0)).value == "1840"
    assert [one.value for one in growth.list(alice).items] == [one.value for one in growth.list(alice, limit=9).items]
    assert {one.value for one in growth.list(alice).items} == {"1840", "999999999999.99"}


def test_one_for_each_day_metric_artist_platform_and_currency(
    db: Database, growth: GrowthService, alice: Principal
) -> None:
    mine = artist(db, alice, "Another")
    growth.add(alice, figure())
    for other in (
        figure(metric="streams"), figure(platform="Spotify"), figure(artist_id=mine), figure(day="2026-03-02"),
        figure(metric="income", currency="EUR"), figure(metric="income", currency="USD"),
    ):  # fmt: skip
        growth.add(alice, other)
        with pytest.raises(Conflict, match="10 is kept already|10.00 is kept already"):
            growth.add(alice, other.model_copy(update={"value": Decimal(11)}))
    assert len(kept(db, alice)) == 7


def test_two_at_once_keep_one(db: Database, growth: GrowthService, alice: Principal) -> None:
    def add(value: int) -> bool:
        try:
            growth.add(alice, figure(value))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(add, range(8)))[-2:] == [False, True]
    assert len(kept(db, alice)) == 1


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (figure(1.5), "whole number"),
        (figure(-1), "whole number"),
        (figure(metric="income"), "needs a currency"),
        (figure(currency="EUR"), "Only income"),
        (figure("0.001", metric="income", currency="EUR"), "two decimals"),
        (figure(day="1900-01-01"), "a day that has been"),
        (figure(day=str(now().date() + timedelta(days=3))), "a day that has been"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    growth: GrowthService, alice: Principal, wanted: GrowthCreate, words: str
) -> None:
    with pytest.raises(AppError, match=words) as refused:
        growth.add(alice, wanted)
    assert refused.value.status == 422
    assert growth.list(alice).items == []


def test_money_may_be_owed(growth: GrowthService, alice: Principal) -> None:
    assert growth.add(alice, figure("-12.30", metric="income", currency="USD")).value == "-12.30"


def test_a_figure_is_changed_and_deleted(db: Database, growth: GrowthService, alice: Principal) -> None:
    first, second = growth.add(alice, figure()), growth.add(alice, figure(day="2026-03-02"))
    changed = growth.change(alice, first.id, GrowthUpdate(value=Decimal(12), platform="Tidal"))
    assert (changed.value, changed.platform, changed.day) == ("12", "Tidal", date(2026, 3, 1))
    money = growth.change(alice, first.id, GrowthUpdate(metric="income", currency="EUR"))
    assert growth.change(alice, first.id, GrowthUpdate(metric="streams")).currency == ""
    assert money.value == "12.00"
    with pytest.raises(Conflict):
        growth.change(alice, first.id, GrowthUpdate(metric="listeners", platform="", day=second.day))
    assert kept(db, alice)[0][1] == "streams", "a refused change changes nothing"
    growth.delete(alice, first.id)
    assert [row[0] for row in kept(db, alice)] == ["2026-03-02"]


def test_pages_and_choices(db: Database, growth: GrowthService, alice: Principal) -> None:
    mine = artist(db, alice, "Another")
    for day in range(1, 6):
        growth.add(alice, figure(day, day=f"2026-03-0{day}"))
        growth.add(alice, figure(day, day=f"2026-03-0{day}", artist_id=mine, metric="streams"))
    seen: list[str] = []
    after = None
    while True:
        page = growth.list(alice, limit=3, after=after)
        seen += [str(one.day) for one in page.items]
        if (after := page.next) is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 10
    assert {one.metric for one in growth.list(alice, artist_id=mine).items} == {"streams"}
    assert len(growth.list(alice, metric="listeners").items) == 5
    lines = growth.lines(alice)
    assert [(one.metric, one.artist, [str(value) for _, value in one.points]) for one in lines] == [
        ("listeners", None, ["1", "2", "3", "4", "5"]),
        ("streams", "Another", ["1", "2", "3", "4", "5"]),
    ]
    assert [one.artist for one in growth.lines(alice, artist_id=mine)] == ["Another"]


def test_nobody_reaches_anothers(db: Database, growth: GrowthService, alice: Principal) -> None:
    bob = user(db, f"bob{alice.user_id}")
    foreign = artist(db, bob, "Bob's")
    theirs = growth.add(bob, figure(artist_id=foreign)).id
    tries: list[Callable[[], object]] = [
        lambda: growth.change(alice, theirs, GrowthUpdate(value=Decimal(1))),
        lambda: growth.delete(alice, theirs),
        lambda: growth.list(alice, after=theirs),
        lambda: growth.list(alice, artist_id=foreign),
        lambda: growth.lines(alice, artist_id=foreign),
        lambda: growth.add(alice, figure(artist_id=foreign)),
        lambda: GrowthImport(db, AuditLog(b"k")).run(alice, table("date,streams\n2026-03-01,1", artist_id=foreign)),
    ]
    for reach in tries:
        with pytest.raises(NotFound):
            reach()
    mine = growth.add(alice, figure()).id
    with pytest.raises(NotFound, match="no such artist"):
        growth.change(alice, mine, GrowthUpdate(artist_id=foreign))
    with db.reading() as session:
        mine_rows = select(AuditEvent).where(AuditEvent.user_id == alice.user_id, AuditEvent.outcome == "refused")
        assert len(session.exec(mine_rows).all()) == 8
    assert growth.lines(alice)[0].points == [(date(2026, 3, 1), Decimal(10))]
    assert "Bob's" not in growth.table(alice)


def test_there_is_an_end_to_what_one_keeps(
    db: Database, growth: GrowthService, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth_module, "MOST_FIGURES", 2)
    growth.add(alice, figure())
    with pytest.raises(Conflict, match="at most 2"):
        run(db, alice, "date,streams\n2026-03-01,1\n2026-03-02,2")
    assert len(kept(db, alice)) == 1


# Tables


def table(text: str, **more: Any) -> GrowthImportRequest:
    return GrowthImportRequest.model_validate({"csv": text, **more})


def run(db: Database, owner: Principal, text: str, **more: Any) -> GrowthImported:
    return GrowthImport(db, AuditLog(b"k")).run(owner, table(text, **more))


WIDE = 'date,listeners,streams,followers\n2026-03-01,1840,"12,300",310\n2026-03-02,1850,12400,311\n'


def test_a_table_is_kept_once_however_often_it_is_sent(db: Database, alice: Principal) -> None:
    shown = run(db, alice, WIDE, platform="Spotify", preview=True)
    assert (shown.added, shown.preview, kept(db, alice)) == (6, True, [])
    assert [(one.name, one.means) for one in shown.columns] == [
        ("date", "day"), ("listeners", "listeners"), ("streams", "streams"), ("followers", "followers"),
    ]  # fmt: skip
    assert (shown.sample[0].value, shown.sample[0].platform, shown.columns[1].example) == ("1840", "Spotify", "1840")
    done = run(db, alice, WIDE, platform="Spotify")
    assert (done.rows, done.added, done.unchanged, done.refused) == (2, 6, 0, 0)
    assert ("2026-03-01", "streams", "Spotify", Decimal(12_300), "") in kept(db, alice)
    again = run(db, alice, WIDE, platform="Spotify")
    assert (again.added, again.unchanged, len(kept(db, alice))) == (0, 6, 6)


def test_what_was_exported_is_known_again(db: Database, growth: GrowthService, alice: Principal) -> None:
    artist(db, alice, "-Minus")
    run(db, alice, WIDE)
    run(db, alice, "date,income,artist\n2026-03-01,-5.50,the night shift", currency="EUR")
    exported = growth.table(alice)
    assert run(db, alice, exported).model_dump(include={"added", "unchanged", "refused"}) == {
        "added": 0, "unchanged": 7, "refused": 0,
    }  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(exported)))
    assert lines[0].keys() == {"day", "metric", "platform", "value", "currency", "artist"}
    assert {line["value"] for line in lines if line["metric"] == "income"} == {"-5.50"}


def test_each_row_that_cannot_be_read_is_told_and_the_others_are_kept(db: Database, alice: Principal) -> None:
    days = ("2026-03-01", "soon", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06", "2999-01-01")
    values = ("1", "2", "many", "4", "-5", "6", "7")
    rows = [f"{day};{value};{'likes' if value == '4' else 'streams'}" for day, value in zip(days, values, strict=True)]
    text = "\n".join(["day;value;metric", *rows])
    done = run(db, alice, text)
    assert (done.added, done.refused) == (2, 5)
    assert [(one.row, one.sentence.split(";")[0][:34]) for one in done.troubles] == [
        (3, "“soon” is no day that can be read"),
        (4, "“many” in “value” is no number tha"),
        (5, "“likes” is none of listeners, foll"),
        (6, "Streams are counted: give a whole "),
        (8, "A figure is of a day that has been"),
    ]
    assert [row[0] for row in kept(db, alice)] == ["2026-03-01", "2026-03-06"]


def test_another_value_for_the_same_day_is_told_and_replaced_when_asked(db: Database, alice: Principal) -> None:
    run(db, alice, "date,streams\n2026-03-01,5")
    done = run(db, alice, "date,streams\n2026-03-01,6")
    assert (done.added, done.refused) == (0, 1)
    assert "5 is kept already" in done.troubles[0].sentence
    assert run(db, alice, "date,streams\n2026-03-01,6", replace=True, preview=True).replaced == 1
    assert kept(db, alice)[0][3] == 5
    assert run(db, alice, "date,streams\n2026-03-01,6", replace=True).replaced == 1
    assert kept(db, alice)[0][3] == 6


def test_parts_are_added_up_when_asked_and_rounded_once(db: Database, alice: Principal) -> None:
    text = 'Sale Month,Store,Quantity,"Earnings (USD)"\n2026-03,Tidal,4,0.004\n2026-03,Tidal,4,0.004\n2026-03,Tidal,4,0.004\n'
    first = run(db, alice, text)
    assert (first.added, first.refused) == (1, 2)
    assert "tick “Add up”" in first.troubles[0].sentence
    growth = GrowthService(db, AuditLog(b"k"))
    growth.delete(alice, growth.list(alice).items[0].id)
    assert run(db, alice, text, add_up=True).added == 1
    assert kept(db, alice) == [("2026-03-01", "income", "Tidal", Decimal("0.01"), "USD")]
    assert run(db, alice, text, add_up=True).unchanged == 1


def test_what_can_be_read_in_two_ways_is_asked(db: Database, alice: Principal) -> None:
    text = "date\tstreams\n03/04/2026\t5\n04/05/2026\t6"
    assert run(db, alice, text, preview=True).needs == UNCLEAR
    with pytest.raises(AppError, match="read in two ways"):
        run(db, alice, text)
    run(db, alice, text, day_order="month_first")
    assert [row[0] for row in kept(db, alice)] == ["2026-03-04", "2026-04-05"]
    assert run(db, alice, "date,number\n2026-03-01,5", preview=True).needs == NO_METRIC
    assert run(db, alice, "date,number\n2026-03-01,5", metric="followers").added == 1
    assert run(db, alice, "when,how many\n2026-03-01,5", preview=True).needs is not None
    columns = {"when": "day", "how many": "listeners"}
    assert run(db, alice, "when,how many\n2026-03-01,5", columns=columns).added == 1


def test_european_and_american_numbers(db: Database, alice: Principal) -> None:
    run(db, alice, "date;income;streams\n01.03.2026;1.234,50;1.234\n02.03.2026;2.000;2.000", currency="EUR")
    run(db, alice, 'date,income,streams\n03/13/2026,"$1,234.50","1,234"', currency="USD")
    assert [(day, value) for day, metric, _, value, _ in kept(db, alice) if metric == "income"] == [
        ("2026-03-01", Decimal("1234.50")), ("2026-03-02", Decimal(2000)), ("2026-03-13", Decimal("1234.50")),
    ]  # fmt: skip
    assert {value for _, metric, _, value, _ in kept(db, alice) if metric == "streams"} == {
        Decimal(1234),
        Decimal(2000),
    }


def test_rows_name_artists_of_ones_own(db: Database, growth: GrowthService, alice: Principal) -> None:
    done = run(db, alice, "date,artist,streams\n2026-03-01,the  NIGHT shift,5\n2026-03-01,Somebody,6\n2026-03-01,,7")
    assert (done.added, done.refused) == (2, 1)
    assert "“Somebody” is no artist of yours" in done.troubles[0].sentence
    assert {one.artist for one in growth.lines(alice)} == {"The Night Shift", None}


@pytest.mark.parametrize("text", ["", "words", "one\ntwo\nthree", "\ufeff\n\n"])
def test_what_is_no_table_is_refused(db: Database, alice: Principal, text: str) -> None:
    with pytest.raises((AppError, ValueError), match="no table|at least 1"):
        run(db, alice, text)


def test_an_import_is_on_record_and_a_look_is_not(db: Database, alice: Principal) -> None:
    run(db, alice, WIDE, preview=True)
    run(db, alice, WIDE)
    with db.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.user_id == alice.user_id)).all()
    assert [(row.action, row.outcome, row.reads) for row in rows] == [("growth.import", "granted", [])]


def test_a_platform_is_one_line_however_it_is_typed(db: Database, growth: GrowthService, alice: Principal) -> None:
    """As it was first typed, by hand and in tables."""
    growth.add(alice, figure(platform="Spotify"))
    typed = growth.add(alice, figure(day="2026-03-02", platform=" spotify "))
    assert typed.platform == "Spotify"
    with pytest.raises(Conflict):
        growth.add(alice, figure(platform="SPOTIFY"))
    growth.add(alice, figure(day="2026-03-01", platform="YouTube Music"))
    run(
        db,
        alice,
        "Date,Listeners,Platform\n2026-03-05,7,SPOTIFY\n2026-03-06,8,youtube  music\n2026-03-07,8,YoutubeMusic\n",
    )
    assert {line.platform: len(line.points) for line in growth.lines(alice)} == {"Spotify": 3, "YouTube Music": 3}
    renamed = growth.change(alice, growth.add(alice, figure(platform="tidal")).id, GrowthUpdate(platform="TIDAL"))
    assert renamed.platform == "TIDAL"  # nobody else called it otherwise
