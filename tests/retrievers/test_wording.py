from __future__ import annotations

import pytest

from app.retrievers.wording import Echo, echoes, numbers, stem, words

SAID = [("Deals", "The manager takes a commission."), ("Deals", "A manager sings."), ("Tours", "The bus leaves at 9.")]


def test_words_are_those_that_carry_meaning() -> None:
    assert words("What is the commission of my manager?") == {"commission", "manag"}
    assert words("Commissions, managers") == words("commission MANAGER")
    assert words("15 % of it; a 5 or x") == {"15", "5"}
    assert words("ing ed the") == {"ing", "ed"}, "a stem of fewer than three letters is left whole"
    assert words("take") == words("takes")


def test_numbers_as_they_are_written() -> None:
    assert numbers("15 %, 1,000 and 7.5 in 2019.") == {"15", "1,000", "7.5", "2019"}


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    both, common, neither = echoes("manager commission", SAID)
    assert both.coverage == pytest.approx(1.0)
    assert 0 < common.coverage < 0.5
    assert neither.coverage == 0


def test_titles_and_headings_speak_too() -> None:
    *_, tours = echoes("When does the bus of the tours leave?", SAID)
    assert tours.coverage == pytest.approx(1.0)


def test_neighbours_in_the_question_are_looked_for_as_neighbours() -> None:
    near, far, back = echoes(
        "sunset clause",
        [
            ("", "A sunset clause ends it."),
            ("", "Sunset was at nine, says this very long clause."),
            ("", "clause sunset"),
        ],
    )
    assert (near.pairs, far.pairs, back.pairs) == (1.0, 0.0, 0.0)


def test_the_share_of_the_questions_numbers() -> None:
    assert [
        echo.numbers for echo in echoes("2019 or 2020?", [("", "In 2019."), ("", "2019, 2020"), ("", "12019")])
    ] == [0.5, 1.0, 0.0]
    assert echoes("which year", [("", "1999")])[0].numbers == 0.0


@pytest.mark.parametrize("question", ["", "is it you?", "?!", "(.*[", "C++ \\d+"])
def test_whatever_is_asked_there_is_an_answer(question: str) -> None:
    assert len(echoes(question, SAID)) == len(SAID)


def test_a_question_without_content_words_covers_nothing() -> None:
    assert echoes("is it you?", SAID)[0] == Echo(0.0, 0.0, 0.0)
    assert echoes("manager", []) == []


@pytest.mark.parametrize(
    ("question", "text", "whole"),
    [
        ("How long is the term?", "The term runs for 8 years.", True),
        ("Is the commission fair?", "The Manager takes a commission of 18 percent.", True),
        ("What is the governing law?", "This agreement is governed by the law of Virginia.", True),
        ("How long is the term?", "The advance is 18,000 dollars.", False),
        ("What is the notice period?", "Notice must be given in writing.", False),
        ("Which hotel rooms does the rider ask for?", "The rider asks for hotel rooms.", False),
        ("How much?", "The advance is 18,000 dollars.", False),
    ],
)
def test_a_short_question_may_be_said_as_a_whole(question: str, text: str, whole: bool) -> None:
    [echo] = echoes(question, [("Management", text)])
    assert echo.whole is whole


@pytest.mark.parametrize(
    "forms",
    [
        ("royalty", "royalties"), ("manager", "management", "manage"), ("plan", "planning", "planned"), ("play", "plays"),
        ("license", "licensing"), ("territory", "territories"), ("sell", "selling"), ("money", "moneys"),
    ],
)  # fmt: skip
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1
    assert all(form.startswith(stem(form)) for form in forms), "passages are looked through for the stem"


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Give me ideas for marketing a single", "marketing a single"),
        ("Can you tell me about vinyl lead times?", "vinyl lead times"),
        ("I'd like to know the budget of a tour", "the budget of a tour"),
        ("Help me plan the release", "plan the release"),
    ],
)
def test_how_a_request_begins_is_not_what_it_asks_for(question: str, asked: str) -> None:
    passages = [
        ("", "A marketing single, vinyl lead times, the budget of a tour, plan the release, show budgets of tours.")
    ]
    assert echoes(question, passages)[0] == echoes(asked, passages)[0]
    assert echoes(question, passages)[0].coverage == 1.0


def test_a_show_that_is_asked_about_is_no_request() -> None:
    passages = [("", "The fees of tours.")]
    assert echoes("Show fees of tours", passages)[0].coverage < echoes("Show me fees of tours", passages)[0].coverage


def test_a_request_for_nothing_is_taken_as_it_is() -> None:
    assert echoes("Give me some ideas", [("", "Some ideas to give.")])[0].coverage > 0
