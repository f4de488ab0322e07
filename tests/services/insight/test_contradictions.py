"""Two documents about the same deal that say different things."""

from __future__ import annotations

import pytest

from app.services.insight.contradictions import Paper, contradictions, same_deal
from app.services.insight.reading import read
from tests.services.insight.texts import MANAGEMENT, pages

OTHER = MANAGEMENT.replace("20 %", "18 %").replace("29 February 2028", "31 March 2028").replace("5,000", "7,500")
SHEET = "Split sheet\nSong: {song}\nFirst Writer: {one} %\nSecond Writer: {other} %"


def paper(text: str, title: str = "Deal", standing: str = "none") -> Paper:
    found = read(title, title, ".txt", "personal", pages(text))
    return Paper(f"{title} {text}", title, found.kind, standing, found.facts)


def test_each_thing_that_differs_is_named_with_both_sides() -> None:
    found = contradictions(paper(MANAGEMENT), [paper(OTHER, "Deal, draft")])
    assert {(one.name, one.mine["value"], one.theirs["value"]) for one in found} == {
        ("End of the term", "29 February 2028", "31 March 2028"),
        ("Commission", "20 %", "18 %"),
        ("Advance", "5,000 euros", "7,500 euros"),
    }


def test_the_same_said_in_other_words_is_no_contradiction() -> None:
    other = (
        MANAGEMENT.replace("20 %", "twenty percent (20%)")
        .replace("5,000 euros", "EUR 5000")
        .replace("1 March 2026", "March 1, 2026")
    )
    assert contradictions(paper(MANAGEMENT), [paper(other)]) == []
    assert contradictions(paper(MANAGEMENT), [paper(MANAGEMENT.replace("the world", "the universe"))]) == []


def test_another_notice_period_is_told_as_its_rule() -> None:
    [one] = contradictions(paper(MANAGEMENT), [paper(MANAGEMENT.replace("60 days", "30 days"))])
    assert (one.name, one.theirs["value"]) == ("Last day to give notice", "30 days before the end of the term")


@pytest.mark.parametrize(
    "other",
    [
        paper(OTHER.replace("Night Ferry Music", "Paper Kite Music"), "Deal, draft"),  # another artist's deal
        paper(OTHER, "Deal, draft", "superseded"),
        paper(OTHER.replace("Management agreement", "Distribution agreement"), "Deal"),
    ],
)
def test_other_deals_and_what_was_superseded_contradict_nothing(other: Paper) -> None:
    assert contradictions(paper(MANAGEMENT), [other]) == []


def test_split_sheets_of_one_song() -> None:
    one = paper(SHEET.format(song="Night Bus", one=50, other=50), "Night Bus, sheet of March")
    other = paper(SHEET.format(song="Night Bus", one=60, other=40), "Night Bus, sheet of May")
    assert {found.name for found in contradictions(one, [other])} == {"First Writer", "Second Writer"}
    elsewhere = paper(SHEET.format(song="Winter Sea", one=60, other=40), "Night Bus, sheet of May")
    assert not same_deal(one, elsewhere)


def test_what_is_superseded_itself_contradicts_nothing() -> None:
    assert contradictions(paper(MANAGEMENT, standing="superseded"), [paper(OTHER, "Deal, draft")]) == []


def test_another_form_of_a_firms_name_is_the_same_firm() -> None:
    other = OTHER.replace("Harbour Management Ltd,", "Harbour Management Limited,")
    assert "Commission" in {one.name for one in contradictions(paper(MANAGEMENT), [paper(other)])}


def test_the_world_without_a_country_is_not_the_world() -> None:
    found = contradictions(paper(MANAGEMENT), [paper(MANAGEMENT.replace("the world", "the world except Canada"))])
    assert [one.name for one in found] == ["Territory"]
