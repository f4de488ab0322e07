"""Growth on the dashboard in a browser: every control, at a desk and on a phone; and the words beside the lines."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from app.models import now
from app.principal import Principal, local_operator
from app.services.growth import GrowthCreate, Line
from app.ui.growth import Chosen, choice_html, chosen, named, sentence, text_html
from app.ui.plots import MOST_POINTS, of_growth, reach, thinned
from tests.api.conftest import Api
from tests.ui.axe import grave
from tests.ui.chromium import DESKTOP, PHONE, Visitor
from tests.ui.conftest import Visit

LOADED = 20_000  # ms: the first page of a browser on a busy machine
EVIL = '"><script>alert(1)</script>'
TODAY = now().date()
SALES = (
    "Reporting Date;Store;Earnings (EUR)\n01.02.2026;Tidal;0,40\n01.02.2026;Tidal;1,10\n"
    "soon;Deezer;2,00\n03.02.2026;Deezer;1.234,50\n"
)


def opened(someone: Visitor) -> tuple[Page, Locator]:
    page = someone.open("dashboard")
    part = page.locator("#part-growth")
    expect(part.get_by_role("button", name="Enter a figure")).to_be_visible(timeout=LOADED)
    expect(page.locator("#health .whole")).to_be_visible(timeout=LOADED)
    return page, part


def owner(someone: Visitor) -> Principal:
    return local_operator(someone.user.id)


def keep(site: Api, someone: Visitor, value: int, ago: int, **more: str) -> None:
    wanted = {"value": value, "day": TODAY - timedelta(days=ago), "metric": "listeners", **more}
    site.services.growth.add(owner(someone), GrowthCreate.model_validate(wanted))


def kept(site: Api, someone: Visitor) -> list[tuple[str, str, str, str]]:
    items = site.services.growth.list(owner(someone)).items
    return [(str(one.day), one.metric, one.platform, one.value) for one in items]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_figure_is_entered_changed_and_deleted(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    someone = visitor(size)
    page, part = opened(someone)
    expect(part).to_contain_text("No figures yet.")
    expect(page.locator("#growth-plot")).to_be_hidden()
    part.get_by_role("button", name="Enter a figure").click()
    entry = part.get_by_role("form", name="Enter a figure")
    entry.get_by_role("button", name="Keep").click()
    expect(entry.get_by_text("Type the number")).to_be_visible()
    expect(entry.get_by_role("textbox", name="Number")).to_be_focused()
    entry.get_by_role("textbox", name="Number").fill("1,840")
    entry.get_by_role("combobox", name="Platform").fill("Spotify")
    page.keyboard.press("Enter")
    expect(entry.get_by_role("status")).to_have_text("Kept: 1 840 listeners.")
    expect(page.locator("#growth-text")).to_contain_text(f"Spotify: 1 840 on {TODAY:%d %b %Y}, the only figure.")
    expect(page.get_by_role("img", name="Spotify: 1 840")).to_be_visible()
    assert kept(site, someone) == [(str(TODAY), "listeners", "Spotify", "1840")]
    entry.get_by_role("combobox", name="Figure").select_option("Income")
    entry.get_by_role("textbox", name="Number").fill("12,5")
    entry.get_by_role("combobox", name="Currency").fill("eur")
    entry.get_by_role("button", name="Keep").click()
    expect(page.locator("#growth-text")).to_contain_text("12.50 on")
    expect(part.get_by_role("form", name="What is shown").get_by_label("Figure")).to_have_value("income EUR")
    part.get_by_role("button", name="Change or delete").click()
    expect(entry).to_be_hidden()
    figures = part.get_by_role("region", name="Your figures")
    figures.get_by_role("button", name="Change 1 840 listeners").click()
    entry.get_by_role("textbox", name="Number").fill("1850")
    entry.get_by_role("button", name="Save the change").click()
    expect(entry.get_by_role("status")).to_have_text("Changed: 1 850 listeners.")
    part.get_by_role("button", name="Change or delete").click()
    figures.get_by_role("button", name="Delete 12.50 EUR").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(figures.get_by_role("listitem")).to_have_count(1)
    assert kept(site, someone) == [(str(TODAY), "listeners", "Spotify", "1850")]
    expect(page.locator("#growth-text")).to_contain_text("1 850 on")
    assert not someone.scrolls_sideways()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_table_is_seen_before_it_is_kept(site: Api, visitor: Visit, size: tuple[int, int]) -> None:
    someone = visitor(size)
    page, part = opened(someone)
    part.get_by_role("button", name="Import a table").click()
    file = {"name": "sales.csv", "mimeType": "text/csv", "buffer": SALES.encode("utf-16")}
    page.locator("#growth-file").set_input_files(file)  # type: ignore[arg-type]
    form = part.get_by_role("form", name="How the table is read")
    expect(form).to_contain_text("4 rows read: 2 new figures, 2 rows with something that cannot be kept.")
    expect(form).to_contain_text("Row 4: “soon” is no day that can be read")
    assert kept(site, someone) == []
    form.get_by_role("checkbox", name="Add up").check()
    expect(form).to_contain_text("1 row with something that cannot be kept.")
    form.get_by_role("combobox", name="What “Store” holds").select_option("Leave out")
    form.get_by_role("combobox", name="Platform").fill("My shop")
    expect(form).to_contain_text("2026-02-01 My shop income 1.50 EUR")
    expect(form.get_by_role("combobox", name="Platform")).to_be_focused()
    assert not someone.scrolls_sideways()
    assert grave(page) == []
    form.get_by_role("button", name="Keep 2 figures").click()
    section = part.get_by_role("region", name="Import a table")
    expect(section).to_contain_text("Kept 2 figures; 1 row had something that cannot be kept.")
    assert kept(site, someone) == [
        ("2026-02-03", "income", "My shop", "1234.50"),
        ("2026-02-01", "income", "My shop", "1.50"),
    ]
    expect(page.locator("#growth-text")).to_contain_text("1 234.50 on 03 Feb 2026")
    section.get_by_role("button", name="Paste a table").click()
    section.get_by_role("textbox", name="The table").fill("date,number\n03/04/2026,5\n")
    expect(form).to_contain_text("Say what the figures count")
    expect(form.get_by_role("button", name="Nothing to keep")).to_be_disabled()
    form.get_by_role("combobox", name="The numbers are").select_option("Streams")
    expect(form).to_contain_text("The days can be read in two ways")
    form.get_by_role("combobox", name="03/04/2026 is").select_option("3 April")
    expect(form).to_contain_text("2026-04-03 streams 5")
    form.get_by_role("button", name="Keep 1 figure").click()
    expect(section).to_contain_text("Kept 1 figure.")


def test_the_choice_of_what_is_shown(site: Api, visitor: Visit) -> None:
    someone = visitor()
    artist = site.services.artists.create(owner(someone), "The Night Shift").id
    for value, ago in ((100, 200), (120, 40), (150, 2)):
        keep(site, someone, value, ago, platform="Spotify")
    keep(site, someone, 7, 3, metric="followers", artist_id=artist)
    page, part = opened(someone)
    choice, text = part.get_by_role("form", name="What is shown"), page.locator("#growth-text")
    expect(text).to_contain_text("Spotify: 150")
    expect(text).to_contain_text("+30 (+25.0 %) since")
    choice.get_by_label("Period").focus()
    choice.get_by_label("Period").select_option("3 months")
    expect(text).to_contain_text("2 figures.")
    expect(choice.get_by_label("Period")).to_be_focused()
    choice.get_by_label("Period").select_option("All")
    expect(text).to_contain_text("3 figures.")
    text.get_by_text("Show the figures").click()
    expect(page.get_by_role("table", name="Listeners").get_by_role("row")).to_have_count(4)
    choice.get_by_label("Figure").select_option("Followers")
    expect(text).to_contain_text("7 on")
    choice.get_by_label("Artist").select_option("The Night Shift")
    choice.get_by_label("Figure").select_option("Listeners")
    expect(text).to_contain_text("There are no figures of this period.")
    expect(page.locator("#growth-plot")).to_be_hidden()
    with page.expect_download() as download:
        choice.get_by_label("Artist").select_option("All")
        expect(page.locator("#growth-plot")).to_be_visible()
        text.get_by_text("Show the figures").click()
        page.get_by_role("link", name="Download all figures as CSV").click()
    assert "The Night Shift" in download.value.path().read_text()


def test_an_answer_that_was_overtaken_does_not_stay(site: Api, visitor: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    someone = visitor()
    artist = site.services.artists.create(owner(someone), "The Night Shift").id
    keep(site, someone, 150, 2)
    keep(site, someone, 7, 3, metric="followers", artist_id=artist)
    page, part = opened(someone)
    choice, text = part.get_by_role("form", name="What is shown"), page.locator("#growth-text")
    choice.get_by_label("Figure").select_option("Followers")
    expect(text).to_contain_text("7 on")
    lines, first, goes_on, calls = site.services.growth.lines, threading.Event(), threading.Event(), []

    def held(principal: Principal, **more: Any) -> Sequence[Line]:
        if more:
            calls.append(more)
            if not first.is_set():
                first.set()
                assert goes_on.wait(60)
        return lines(principal, **more)

    monkeypatch.setattr(site.services.growth, "lines", held)
    choice.get_by_label("Artist").select_option("The Night Shift")
    assert first.wait(20)
    choice.get_by_label("Figure").select_option("Listeners")
    expect(text).to_contain_text("There are no figures of this period.")
    goes_on.set()
    deadline = time.monotonic() + 20
    while len(calls) < 3:  # the first answer has come last, and the page asks once more
        assert time.monotonic() < deadline, "the page shows what was not chosen last"
        page.wait_for_timeout(50)
    expect(text).to_contain_text("There are no figures of this period.")
    expect(choice.get_by_label("Figure")).to_have_value("listeners")
    expect(choice.get_by_label("Artist")).to_have_value(artist)


def test_a_deleted_figure_does_not_come_back_with_a_late_list(site: Api, visitor: Visit) -> None:
    someone = visitor()
    for value in (12, 150):
        keep(site, someone, value, 2, platform=f"Shop {value}")
    page, part = opened(someone)
    door, figures = part.get_by_role("button", name="Change or delete"), part.locator("#growth-list")
    door.click()
    expect(figures.get_by_role("listitem")).to_have_count(2)
    door.click()
    late: list[tuple[Route, APIResponse]] = []
    page.route("**/api/growth?limit=*", lambda route: late.append((route, route.fetch())))
    with page.expect_request("**/api/growth?limit=*"):
        door.click()
    figures.get_by_role("button", name="Delete 12 listeners").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(figures.get_by_role("status")).to_have_text("Deleted.")
    [(route, answer)] = late
    assert answer.text().count("Shop 12") == 1
    route.fulfill(response=answer)
    expect(figures.get_by_role("status")).to_have_text("")  # the list has come
    expect(figures.get_by_role("listitem")).to_have_count(1)


# The texts


def line(
    *points: tuple[int, int | str], platform: str = "Spotify", artist: str | None = None, metric: str = "listeners"
) -> Line:
    return Line.model_validate(
        {
            "metric": metric, "artist_id": artist, "artist": artist, "platform": platform,
            "currency": "EUR" if metric == "income" else "",
            "points": [(TODAY - timedelta(days=ago), Decimal(value)) for ago, value in points],
        }
    )  # fmt: skip


def test_a_line_says_where_it_stands_and_how_it_changed() -> None:
    assert sentence("Spotify", line((60, 50), (30, 100), (10, 90), (0, 80))).endswith(
        f"80 on {TODAY:%d %b %Y}, −20 (−20.0 %) since {TODAY - timedelta(days=30):%d %b %Y}; 4 figures."
    )
    assert "+5 since" in sentence("x", line((3, 0), (0, 5)))
    assert "unchanged since" in sentence("x", line((3, 5), (0, 5)))
    assert "1 234.50" in sentence("x", line((0, "1234.50"), metric="income"))


def test_lines_are_told_apart_and_nothing_in_them_is_markup() -> None:
    both = [line((0, 1)), line((0, 1), artist=EVIL), line((0, 1), platform=EVIL)]
    assert [name for name, _ in named(both)] == ["All artists, Spotify", f"{EVIL}, Spotify", f"All artists, {EVIL}"]
    assert [name for name, _ in named([line((0, 1), platform="")])] == ["Listeners"]
    for shown in (text_html(both, Chosen("listeners")), choice_html(both, Chosen("listeners"))):
        assert "<script" not in shown


def test_a_choice_leaves_out_what_lies_before_its_period() -> None:
    found = [line((100, 1), (5, 2)), line((200, 3)), line((1, 4), metric="streams")]
    [shown] = chosen(found, Chosen("listeners", days=90), TODAY)
    assert [value for _, value in shown.points] == [2]
    assert len(chosen(found, Chosen("listeners", days=None), TODAY)) == 2


def test_the_axis_holds_every_figure() -> None:
    def ends(*values: int) -> list[float]:
        return reach([Decimal(value) for value in values])

    assert ends(0, 100) == [0, 110]
    assert ends(1000, 1100) == [990, 1110]
    assert ends(5) == [0, 5.5]
    assert ends(-10, 10)[0] < -10
    assert reach([]) == [0, 4]


def test_a_long_line_is_drawn_through_some_of_its_figures_the_newest_among_them() -> None:
    points = [(date(2020, 1, 1) + timedelta(days=day), Decimal(day)) for day in range(1000)]
    shown = thinned(points)
    assert len(shown) <= MOST_POINTS
    assert shown[-1] == points[-1]
    assert [*shown] == sorted(shown)
    assert thinned(points[:3]) == points[:3]
    drawn = of_growth([("one", line((0, 5)))])
    assert [row[1:] for row in drawn["value"]["data"]] == [[5.0, "one"], [5.0, "one"]], "one figure is seen too"
