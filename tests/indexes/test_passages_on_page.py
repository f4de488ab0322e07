"""A passage is found on its page whatever the two readings of it differ in, and not found where it does not stand."""

from __future__ import annotations

import pytest

from app.indexes.passages_on_page import find

PAGE = "4. Commission\r\nThe Artist pays the Man\ufffe\r\nager seventeen\xa0and a half percent of gross in\xad\r\ncome.\r\n5. Sunset"


def held(passage: str, page: str = PAGE, near: int = 0) -> list[str]:
    return [page[start:end] for start, end in find(passage, near, page)]


@pytest.mark.parametrize(
    "passage",
    [
        "The Artist pays the Manager seventeen and a half percent of gross income.",
        "The Artist pays the Man-ager\n\nseventeen and a half\tpercent of gross income.",
    ],
)
def test_spaces_line_ends_and_hyphens_make_no_difference(passage: str) -> None:
    [found] = held(passage)
    assert found.startswith("The Artist pays")
    assert found.endswith("come.")


def test_of_equal_ones_the_nearest_is_taken() -> None:
    page = "Net means net. " * 20
    [(start, _)] = find("Net means net.", 150, page)
    assert start == 150


def test_a_passage_read_with_other_words_between_is_found_by_its_runs() -> None:
    page = "The term is two years from the date above 17 of 40 and may be extended once by twelve months in writing."
    passage = "The term is two years from the date above and may be extended once by 12 months in writing."
    assert held(passage, page) == [page.removesuffix(".")]


def test_what_is_not_on_the_page_is_nowhere() -> None:
    assert held("The label may option four further albums at its own sole discretion.") == []
    assert held("") == []
    assert held("\u200b \n-") == []


def test_characters_beyond_the_first_plane_count_for_nothing() -> None:
    """Windows and Linux count them differently."""
    [found] = held("Play it loud.", "Play \U0001f3b5 it loud. Again.")
    assert found == "Play \U0001f3b5 it loud."
