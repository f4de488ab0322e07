from __future__ import annotations

import pytest

from app.retrievers.naming import Titled, named

SHELF = [
    Titled("tide", "Tideline Management Agreement 2024"),
    Titled("tear", "TEARDROPGOLFCO_07_07_1998-EX-10.17-ENDORSEMENT AGREEMENT"),
    Titled("north", "Northlight deal"),
    Titled("north2", "Northlight deal, amendment"),
    Titled("berlin", "Berlin rider"),
    Titled("bio", "Bio"),
    Titled("glass", "Glass River lyrics"),
]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What is the governing law of the Tideline agreement?", ("tide",)),
        ("When does the Teardrop endorsement agreement end?", ("tear",)),
        ("what commission does the tideline management agreement 2024 give?", ("tide",)),
        ("How long is the term of the Northlight deal?", ("north", "north2")),
        ('Who wrote "Glass River"?', ("glass",)),
        ("What does the rider for Berlin ask for?", ("berlin",)),
        ("What guarantee can we ask for in Berlin?", ()),
        ("What should a bio contain?", ()),
        ("Is the commission in my contract fair?", ()),
        ("Tell me about management agreements.", ()),
        ("What is the term of my agreement?", ()),
    ],
)
def test_what_a_question_names(question: str, found: tuple[str, ...]) -> None:
    assert named(question, SHELF) == found


def test_nothing_is_named_on_an_empty_shelf() -> None:
    assert named("What is the governing law of the Tideline agreement?", []) == ()
