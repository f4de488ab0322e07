"""Split sheets."""

from __future__ import annotations

import pytest

from app.services.insight.splits import find_splits
from tests.services.insight.texts import pages

TABLE = """Split sheet

Song: Night Bus

Name | Role | Share | Signature
First Writer | Lyrics | 50 % | /s/ First Writer
Second Writer | Music | 45 % |
"""
FORM = """Split sheet

Writer 1: First Writer
Share: 60
Signature: ______________ Date: ________

Writer 2: Second Writer
Share: 40 %
Signed: yes, 3 March 2026
"""
LIST = """# Split sheet

First Writer (lyrics): 33.33%
Second Writer (music): 33.33%
Third Writer: 33.33%

First Writer
Signature: First Writer, 3 March 2026

Second Writer
Signature: Second Writer _____________

Third Writer
Signature: /s/ Third Writer
"""


def shares(text: str) -> list[tuple[str, str]]:
    return [(one.name, one.value) for one in find_splits(pages(text)).facts if one.kind == "share"]


def warnings(text: str) -> dict[str, str]:
    return {one["code"]: one["text"] for one in find_splits(pages(text)).warnings}


def test_a_table_whose_shares_are_no_whole_and_which_one_writer_has_not_signed() -> None:
    assert shares(TABLE) == [("First Writer", "50 %"), ("Second Writer", "45 %")]
    found = warnings(TABLE)
    assert found["shares"] == "The shares add up to 95 %, not 100 %: First Writer 50 %, Second Writer 45 %."
    assert found["unsigned"].startswith("No signature of Second Writer was found.")


def test_a_form_of_fields() -> None:
    assert shares(FORM) == [("First Writer", "60 %"), ("Second Writer", "40 %")]
    assert list(warnings(FORM)) == ["unsigned"]
    assert "First Writer was" in warnings(FORM)["unsigned"]


def test_a_list_of_thirds_is_a_whole_and_a_printed_name_beside_an_empty_line_is_no_signature() -> None:
    assert len(shares(LIST)) == 3
    assert warnings(LIST).keys() == {"unsigned"}
    assert warnings(LIST)["unsigned"].startswith("No signature of Second Writer was found.")


def test_each_column_of_shares_is_a_whole_of_its_own() -> None:
    text = "Writer | Lyrics share | Music share\nFirst Writer | 100 | 40\nSecond Writer | 0 | 50\n"
    assert ("Second Writer", "50 % of Music") in shares(text)
    assert warnings(text)["shares"].startswith("The shares of Music add up to 90 %")


def test_a_sheet_that_is_right_and_signed_has_nothing_to_look_at() -> None:
    assert warnings(TABLE.replace("45 % |", "50 % | /s/ Second Writer")) == {}


def test_shares_in_sentences() -> None:
    text = "First Writer owns 70 % and Second Writer owns 20 % of the song."
    assert shares(text) == [("First Writer", "70 %"), ("Second Writer", "20 %")]
    assert "90 %" in warnings(text)["shares"]


def test_shares_in_the_words_of_a_letter() -> None:
    text = (
        'This is about our song "Night Bus".\nFirst Writer wrote the lyrics and will own forty percent (40%) of the composition. '
        "Second Writer shall own 30% of it.\nThe master is owned one hundred percent (100%) by Third Writer.\n"
        "First Writer (signed 14 May 2025)\nSecond Writer ____________\n"
    )
    assert shares(text) == [("First Writer", "40 %"), ("Second Writer", "30 %")]
    assert [one.value for one in find_splits(pages(text)).facts if one.kind == "song"] == ["Night Bus"]
    assert warnings(text)["unsigned"].startswith("No signature of Second Writer was found.")


@pytest.mark.parametrize("text", ["", "Total: 100 %", "Split sheet for a song", "Name | Share\n|---|---|\n"])
def test_where_no_share_is_named_nothing_is_said(text: str) -> None:
    assert (shares(text), warnings(text)) == ([], {})


def test_a_signature_below_the_next_name_is_not_this_ones() -> None:
    text = "Name: First Writer\nShare: 50 %\nName: Second Writer\nShare: 50 %\nSignature: /s/ Second Writer\n"
    assert warnings(text)["unsigned"].startswith("No signature of First Writer was found.")
    others = "First Writer: 50 %\nSecond Writer: 50 %\n\nFirst Writer\nName: Third Hand\nSignature: Third Hand\n"
    assert "First Writer and Second Writer" in warnings(others)["unsigned"]


def test_a_total_is_nobodys_share() -> None:
    table = "Name | Share | Signature\nFirst Writer | 60 % | yes\nSecond Writer | 40 % | yes\nTotal | 100 % |\n"
    assert shares(table) == [("First Writer", "60 %"), ("Second Writer", "40 %")]
    assert warnings(table) == {}
    lines = "First Writer: 60 %\nSecond Writer: 40 %\nTotal: 100 %\n"
    assert shares(lines) == [("First Writer", "60 %"), ("Second Writer", "40 %")]


def test_what_can_be_no_share_is_none() -> None:
    assert shares("First Writer: 60 %\nSecond Writer: 400 %\n") == [("First Writer", "60 %")]
    assert shares("Name | Share\nFirst Writer | 60\nSecond Writer | 101\n") == [("First Writer", "60 %")]
    text = "First Writer: 60 %\nThe fee that a sync agent takes for an advert is 20 %\n"
    assert shares(text) == [("First Writer", "60 %")]


def test_a_share_that_stands_twice_counts_once() -> None:
    assert shares("First Writer: 60 %\nSecond Writer: 40 %\n\nFirst Writer: 60 %\n") == [
        ("First Writer", "60 %"),
        ("Second Writer", "40 %"),
    ]


def test_headings_say_what_the_shares_below_are_shares_of() -> None:
    text = "Lyrics\nFirst Writer: 100 %\n\nMusic\nFirst Writer: 30 %\nSecond Writer: 60 %\n"
    assert shares(text) == [
        ("First Writer", "100 % of Lyrics"),
        ("First Writer", "30 % of Music"),
        ("Second Writer", "60 % of Music"),
    ]
    assert warnings(text)["shares"].startswith("The shares of Music add up to 90 %")


@pytest.mark.parametrize("text", ["Song title: Night Bus", 'of the song "Night Bus"', "Work: Night Bus"])
def test_the_song_is_named(text: str) -> None:
    sheet = find_splits(pages(f"{text}\nFirst Writer: 100 %\n"))
    assert [one.value for one in sheet.facts if one.kind == "song"] == ["Night Bus"]


@pytest.mark.parametrize("cell", ["", "pending", "not yet", "____", "N/A"])
def test_a_column_for_signatures_says_who_signed(cell: str) -> None:
    text = (
        f"Name | Share | Signature\nFirst Writer | 50 | First Writer\nSecond Writer | 50 | {cell}\nSecond Writer: yes\n"
    )
    assert warnings(text)["unsigned"].startswith("No signature of Second Writer was found.")


def test_the_place_of_a_warning_is_an_exact_part_of_its_page() -> None:
    for text in (TABLE, FORM, LIST):
        for one in find_splits(pages(text)).warnings:
            assert text[one["start"] : one["end"]] == one["quote"]
