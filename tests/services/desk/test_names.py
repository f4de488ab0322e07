"""Proper names of a text, and what only looks like one."""

from __future__ import annotations

import pytest

from app.services.desk.evidence import Known
from app.services.desk.kinds import load_kinds
from app.services.desk.names import foreign_runs, runs
from app.services.desk.words import DEMONYMS, everyday, is_everyday, plain


def names(text: str, *, nouns: bool = False) -> list[str]:
    return [" ".join(token.word for token in run) for run in runs(text, nouns=nouns)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("They met Ludwig van Beethoven and Clara Schumann.", ["Ludwig van Beethoven", "Clara Schumann"]),
        ("Paradiso was full. Everybody sang.", ["Paradiso"]),
        ("The Night Shift play in Leeds.", ["Night Shift", "Leeds"]),
        ("Rough Trade signed them.", ["Rough Trade"]),
        ("Schumann's songs, the Beatles' records", ["Schumann", "Beatles"]),
        ("By J. S. Bach, on YouTube and with deadmau5.", ["J. S. Bach", "YouTube", "deadmau5"]),
        ("In Berlin, at Wigmore Hall", ["Berlin", "Wigmore Hall"]),
        ("Группа Ночной Паром играет в Казани.", ["Группа Ночной Паром", "Казани"]),
    ],
)
def test_names_are_found(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "I'm sure. Shimmering guitars! Well-made songs? We play Techno, R&B and Drum & Bass.",
        "# About The Artist\n\nFOR IMMEDIATE RELEASE\n\nPress Contact:",
        "Dear Editor,\n\nKind regards,\nThe Band",
        "- Genre: Folk\n- Mood: Calm\n1. Listen to the EP. (See the PDF.)",
        "The Artist grants the Producer a Fee under this Agreement.",
        "A 24-bit WAV at 128bpm, an MP3, the 1st mix.",
    ],
)
def test_habits_of_writing_are_no_names(text: str) -> None:
    assert names(text) == []


def test_german_nouns_are_not_taken_for_names_but_rows_of_them_are() -> None:
    assert names("Der Sänger spielt mit der Gitarre bei Radio Eins.", nouns=True) == ["Radio Eins"]


@pytest.mark.parametrize(
    ("known", "draft", "expected"),
    [
        ("we play the night ferry", "Night Ferry", True), ("Beyoncé", "Beyonce", True), ("Grammy", "Grammys", True),
        ("Netherlands", "Dutch", True), ("Night-Shift", "Night Shift", True), ("the band Nightshift", "Night Shift", True),
        ("Clara Wieck and Robert Schumann", "Clara Schumann", False), ("Robert Schumann", "Schumann", True),
        ("at the end. Road works", "End Road", False),
    ],
)  # fmt: skip
def test_a_name_stands_in_a_text(known: str, draft: str, expected: bool) -> None:
    [run] = runs(f"We met {draft} there.")
    assert Known(known, typed=True).has_name(run) is expected


def test_an_everyday_word_is_a_name_only_where_it_has_a_capital() -> None:
    [run] = runs("They recorded it in Hope with friends.")
    assert not Known("We hope to hear from you.", "P1").has_name(run)
    assert Known("Recorded in Hope.", "P1").has_name(run)
    assert Known("recorded in hope", typed=True).has_name(run), "whoever types may leave capitals out"


def test_scripts_without_capitals() -> None:
    text = "Made in 東京 with 서울."
    assert [text[a:b] for a, b in foreign_runs(text)] == ["東京", "서울"]


def test_the_words() -> None:
    assert len(everyday()) > 40_000
    assert [is_everyday(word) for word in ("Isn’t", "fingerpicked", "Colour", "Paradiso")] == [True, True, True, False]
    assert plain("J. S. Bach's U.K. tour") == "j s bach uk tour"
    assert DEMONYMS["korean"] == ("korea", "south korea")
    assert len(load_kinds()) == 10
