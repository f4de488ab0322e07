from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from app.indexes.embeddings import Dense
from app.retrievers.passages import Passage
from app.services.extractive import (
    HEADLINE,
    PASSAGES,
    SENTENCE_CHARS,
    candidates,
    clause_heading,
    compose,
    without_titles,
)
from app.services.prompts import Source, label_sources
from tests.retrievers.library import passage

QUESTION = "What commission does the manager take of gross income?"
COMMISSION = "The Manager takes a commission of seventeen percent of gross income."
TERM = "The term of this agreement is two years from the day of its signature."
COSTS = "No commission is due on recording costs or on money for producers."
LAW = "The courts of England have jurisdiction over every dispute about it."
USUAL = "A manager usually takes a commission of fifteen to twenty percent of gross income."


def sources(*texts: str, industry: tuple[str, ...] = ()) -> list[Source]:
    return label_sources([passage(text) for text in texts] + [passage(text, "global") for text in industry])


def answer(question: str, given: list[Source], **values: object) -> str:
    return compose(question, candidates(question, given), **values)  # type: ignore[arg-type]


def lines(text: str, headline: str) -> list[tuple[str, str]]:
    """What is quoted, and its label, of each line under a headline."""
    return [(quote, label) for _, quote, label in headed_lines(text, headline)]


def headed_lines(text: str, headline: str) -> list[tuple[str, str, str]]:
    """Heading (or ""), quote and label of each line under a headline."""
    block = next((part for part in text.split("\n\n") if part.startswith(headline)), "")
    return re.findall(r"^- (?:\*\*(.*):\*\* )?“(.*)” \[(\w+)\]$", block, flags=re.MULTILINE)


def test_the_best_sentences_are_quoted_with_their_labels() -> None:
    given = sources(f"{TERM} {LAW}", f"{LAW} {COMMISSION}", industry=(USUAL,))
    text = answer(QUESTION, given)
    assert text.startswith(HEADLINE["personal"])
    assert lines(text, HEADLINE["personal"]) == [(COMMISSION, "P2")]
    assert lines(text, HEADLINE["global"]) == [(USUAL, "G1")]
    assert TERM not in text


def test_every_quote_is_an_exact_substring_of_its_passage() -> None:
    given = sources(f"Commission\n{COMMISSION}\n\n{TERM}  {COSTS}", industry=(f"## Managers\n\n{USUAL} {LAW}",))
    by_label = {source.label: source.passage.chunk.text for source in given}
    for source, sentence in candidates(QUESTION, given):
        assert sentence in source.passage.chunk.text
    quoted = re.findall(r"“(.*)” \[(\w+)\]", answer(QUESTION, given))
    assert quoted
    for sentence, label in quoted:
        assert sentence in " ".join(by_label[label].replace("#", " ").split()), "but for its line breaks"


def test_the_intent_says_how_many_sentences_each_kb_gets() -> None:
    mine = tuple(f"Deal {number} gives the manager a commission on gross income." for number in range(4))
    theirs = tuple(f"Guide {number}: the manager has a commission on gross income." for number in range(5))
    given = sources(*mine, industry=theirs)

    def counts(intent: str) -> tuple[int, int]:
        text = answer(QUESTION, given, intent=intent)
        return len(lines(text, HEADLINE["personal"])), len(lines(text, HEADLINE["global"]))

    assert counts("personal") == (3, 1)
    assert counts("hybrid") == (2, 3)
    assert counts("global") == (0, 4)


def test_only_the_first_passages_of_each_kb_are_read() -> None:
    texts = [f"Clause number {number} of this agreement speaks of the commission." for number in range(PASSAGES + 3)]
    given = sources(*texts, industry=tuple(texts))
    read = [source.label for source, _ in candidates(QUESTION, given)]
    assert read == [f"{kb}{number}" for kb in "PG" for number in range(1, PASSAGES + 1)]


def test_what_is_far_from_the_best_is_left_out() -> None:
    text = answer(QUESTION, sources(COMMISSION, LAW, TERM))
    assert lines(text, HEADLINE["personal"]) == [(COMMISSION, "P1")]


def test_the_same_sentence_is_quoted_once() -> None:
    text = answer(QUESTION, sources(COMMISSION, COMMISSION))
    assert lines(text, HEADLINE["personal"]) == [(COMMISSION, "P1")]


def test_a_long_sentence_is_cut_to_what_was_asked() -> None:
    long = (
        "whereas the parties "
        + "have met and talked at length " * 30
        + "of a commission on gross income "
        + "and more " * 60
    )
    [(source, sentence)] = candidates(QUESTION, sources(long))
    assert len(sentence) <= SENTENCE_CHARS
    assert sentence in source.passage.chunk.text
    assert "commission on gross income" in sentence


def test_a_quote_stands_on_one_line() -> None:
    broken = COMMISSION.replace(" of ", " of\n")
    assert lines(answer(QUESTION, sources(broken)), HEADLINE["personal"]) == [(COMMISSION, "P1")]


def test_meaning_finds_what_shares_no_word() -> None:
    given = sources(COMMISSION, TERM)
    question = "How long are we bound?"
    found = candidates(question, given)
    meanings: list[Dense] = [np.array([0, 1], np.float32), np.array([1, 0], np.float32)]
    text = compose(question, found, np.array([1, 0], np.float32), meanings)
    assert lines(text, HEADLINE["personal"]) == [(TERM, "P2")]


def test_meaning_and_words_are_weighed() -> None:
    """0.6 of similarity and 0.4 of shared words: [0.6 * 0.5 + 0.4 * 1, 0.6 * 1 + 0.4 * 0]."""
    given = sources("The ferry commission.", "The harbour at night.")
    meanings: list[Dense] = [np.array([0.5, 0.866], np.float32), np.array([1, 0], np.float32)]
    text = compose("ferry commission", candidates("ferry commission", given), np.array([1, 0], np.float32), meanings)
    assert [label for _, label in lines(text, HEADLINE["personal"])] == ["P1", "P2"]


@pytest.mark.parametrize("similarity", [0.0, -0.2])
def test_there_is_always_an_answer_where_there_are_sources(similarity: float) -> None:
    """Even where no sentence is near the question: "these are the sources' own words" and then none is no answer."""
    given = sources(LAW, TERM)
    meanings: list[Dense] = [np.array([similarity, 1], np.float32)] * 2
    text = compose("Wieviel?", candidates("Wieviel?", given), np.array([1, 0], np.float32), meanings)
    assert lines(text, HEADLINE["personal"])


@pytest.mark.parametrize("text", ["ok", "# Harbour Lane", "## Royalties\n"])
def test_a_passage_without_a_sentence_is_quoted_as_it_is(text: str) -> None:
    [(_, sentence)] = candidates(QUESTION, sources(text))
    assert sentence == text.strip()
    assert "[P1]" in answer(QUESTION, sources(text))


def test_no_sources_give_no_answer() -> None:
    assert answer(QUESTION, []) == ""


def test_the_words_that_only_name_a_document_are_not_looked_for() -> None:
    given = label_sources([passage(TERM, title="Tidewater deal")])
    assert without_titles("What is the term of the Tidewater deal?", given) == "What is the term of the"
    assert without_titles("What is the Tidewater deal?", given) == "What is the Tidewater deal?", "else nothing is left"
    assert without_titles("What is the term?", []) == "What is the term?"


@pytest.mark.parametrize(
    ("sentence", "heading"),
    [
        ("H. Governing Law. Agreement shall be governed by the laws of Nevada.", "Governing Law"),
        ("1. Term and Termination. A. Term. The term is two years.", "Term and Termination"),
        ("Section 14. Notices: by letter.", "Notices"),
        ("the artist owns the masters", ""),
    ],
)
def test_a_clause_is_known_by_its_heading(sentence: str, heading: str) -> None:
    assert clause_heading(sentence) == heading


def test_a_long_clause_whose_heading_is_asked_is_quoted_from_its_beginning() -> None:
    clause = (
        "A. Term. It is three years from the first release"
        + ", and so it goes on" * 40
        + ", then its term sees a renewal."
    )
    question = "What is the term and is there a renewal?"
    [(_, sentence)] = candidates(question, [Source("P1", passage(clause))])
    assert sentence.startswith("A. Term. It is three years")
    assert len(sentence) <= SENTENCE_CHARS


def test_words_that_name_a_document_are_not_looked_for() -> None:
    source = Source("P1", passage("The term is three years.", title="TEARDROPGOLFCO-ENDORSEMENT_AGREEMENT"))
    assert (
        without_titles("What is the term of the Teardrop endorsement agreement?", [source]) == "What is the term of the"
    )
    assert without_titles("Teardrop endorsement agreement?", [source]) == "Teardrop endorsement agreement?"


def test_the_clause_that_is_asked_for_comes_before_sentences_that_mention_it() -> None:
    mention = "During the term the manager keeps every paper of the artist in one folder."
    clause = "A. Term. Three years run from the first release of a record."
    assert lines(answer("What is the term?", sources(f"{mention} {clause}")), HEADLINE["personal"])[0] == (clause, "P1")


@pytest.mark.parametrize(
    ("before", "clause"),
    [
        (
            "The following sections shall survive any termination or expiration of this Agreement: 6, 7, 10, 11, 12 and 13.",
            "H. Governing Law. Agreement shall be governed by, and construed in accordance with the laws of New York.",
        ),
        (
            "Each party pays its own costs in full.",
            "12. Limitation of Liability and Indemnification of the Parties. Neither party is liable for lost profits.",
        ),
    ],
)
def test_a_clauses_heading_is_quoted_with_its_sentence_and_never_alone(before: str, clause: str) -> None:
    found = [sentence for _, sentence in candidates("What is said?", sources(f"{before}\n{clause}"))]
    assert found[-1] == clause
    assert not any(sentence.endswith(("Governing Law.", "the Parties.")) for sentence in found)
    assert "6, 7, 10, 11, 12 and 13." not in found


GUIDE = """# Release planning

## Countdown for a single

Ten weeks before release day, approve the master and sign the split sheet. Six weeks before it, deliver the audio to the
distributor.

An artist who is late should move the day.

## Release week

In release week, post the link everywhere and thank everybody who helped."""


def test_general_advice_is_quoted_with_its_paragraph_and_heading() -> None:
    text = answer("When is the audio delivered to the distributor?", sources(industry=(GUIDE,)))
    [(heading, quote, label)] = headed_lines(text, HEADLINE["global"])
    assert (heading, label) == ("Countdown for a single", "G1")
    assert quote.startswith("Ten weeks before release day")
    assert quote.endswith("deliver the audio to the distributor.")


def test_a_clause_of_ones_own_paper_stands_alone_under_its_heading() -> None:
    contract = f"## 3. Term\n\n{TERM} {LAW}\n\n## 4. Commission\n\n{COMMISSION} {COSTS}"
    text = answer(QUESTION, sources(contract))
    assert headed_lines(text, HEADLINE["personal"]) == [("4. Commission", COMMISSION, "P1")]


def test_what_leads_to_a_list_is_quoted_with_it() -> None:
    items = "- the cost of sound, light and transport,\n- grants for which the artist applied alone."
    given = sources(f"The commission is worked out without these sums of gross income:\n\n{items}\n\n{LAW}")
    [(quote, _)] = lines(answer("Which sums is the commission worked out without?", given), HEADLINE["personal"])
    assert quote.endswith("- grants for which the artist applied alone.")


def test_a_title_that_only_shares_words_with_the_question_takes_none_of_them_away() -> None:
    given = label_sources([passage(USUAL, "global", title="Artist management: commission, term and the team")])
    assert without_titles(QUESTION, given) == QUESTION


def guide(*sections: tuple[int, str, str], title: str = "Release planning") -> list[Passage]:
    """Passages of one document: number, heading and text of each."""
    found = [passage(text, "global", title=title, heading=heading) for _, heading, text in sections]
    one = found[0].document
    return [
        replace(made, document=one, chunk=replace(made.chunk, number=number))
        for made, (number, _, _) in zip(found, sections, strict=True)
    ]


WEEK = (9, "Release week", "In release week the plan of the release is to post the link everywhere.")
AHEAD = (1, "How far ahead", "A single needs ten weeks between its master and the day it comes out.")
DATES = (5, "Choosing a date", "Friday is the customary day on which music comes out in most of Europe.")
WISH = "Make me a plan of the release"


def test_who_wishes_for_a_plan_is_taken_through_the_guide_in_its_order() -> None:
    given = label_sources(guide(WEEK, DATES, AHEAD))

    def headings(question: str, **values: bool) -> list[str]:
        return [heading for heading, _, _ in headed_lines(answer(question, given, **values), HEADLINE["global"])]

    assert headings(WISH) == ["Release week"]
    assert headings("Make me a strategy", broad=True) == ["How far ahead", "Choosing a date", "Release week"]


def test_the_passage_whose_heading_is_the_question_comes_first() -> None:
    given = label_sources(guide(WEEK, DATES, AHEAD))
    found = headed_lines(answer("Plan the release week", given, broad=True), HEADLINE["global"])
    assert [heading for heading, _, _ in found] == ["Release week", "How far ahead", "Choosing a date"]


def test_ones_own_papers_are_left_out_where_they_are_far_from_a_question_about_both() -> None:
    given = sources(LAW, industry=(USUAL,))
    assert headed_lines(answer(QUESTION, given), HEADLINE["personal"]) == []
    assert lines(answer(QUESTION, given, intent="personal"), HEADLINE["personal"]) == [(LAW, "P1")]


def test_what_the_second_pass_says_of_a_passage_counts() -> None:
    given = sources("The commission is told in the first letter.", "The commission is told in the second letter.")
    likely = replace(given[1], passage=replace(given[1].passage, relevance=0.9))
    [first, *_] = lines(answer("What is the commission?", [given[0], likely]), HEADLINE["personal"])
    assert first[1] == "P2"
