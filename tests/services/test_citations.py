from __future__ import annotations

import random

import pytest

from app.services.citations import CitationFilter, citations
from app.services.prompts import label_sources
from tests.retrievers.library import passage

KNOWN = ("P1", "P2", "G1", "G12")


def whole(text: str, known: tuple[str, ...] = KNOWN) -> tuple[str, list[str]]:
    checker = CitationFilter(known)
    return checker.feed(text) + checker.flush(), checker.cited


def in_pieces(text: str, cuts: list[int]) -> tuple[str, list[str]]:
    checker = CitationFilter(KNOWN)
    edges = [0, *sorted(cuts), len(text)]
    shown = "".join(checker.feed(text[a:b]) for a, b in zip(edges, edges[1:], strict=False)) + checker.flush()
    return shown, checker.cited


@pytest.mark.parametrize(
    ("text", "shown", "cited"),
    [
        ("It is 17% [P1].", "It is 17% [P1].", ["P1"]),
        ("It is 17% [P9].", "It is 17%.", []),
        ("It is 17%[P9], or so", "It is 17%, or so", []),
        ("Both [P1, G1] say so [P2;G12].", "Both [P1][G1] say so [P2][G12].", ["P1", "G1", "P2", "G12"]),
        ("Both [P1, P9] say so.", "Both [P1] say so.", ["P1"]),
        ("None [P8, P9] says so.", "None says so.", []),
        ("Twice [P1], twice [P1][P1].", "Twice [P1], twice [P1][P1].", ["P1"]),
        ("Spaced [ P1 ].", "Spaced [P1].", ["P1"]),
        ("Far   [P9]   apart", "Far   apart", []),
        ("Line\n[P9]\nline", "Line\n\nline", []),
        ("[P9]", "", []),
        ("", "", []),
    ],
)
def test_labels_are_checked(text: str, shown: str, cited: list[str]) -> None:
    assert whole(text) == (shown, cited)


@pytest.mark.parametrize(
    "text",
    [
        "A footnote [1] stays.",
        "[note] stays",
        "A list [1, 2, 3] stays",
        "[Verse 1]\nSteps by the water",
        "A link [P1](https://example.com/G1) [G1]",
        "[PS] and [G]",
        "[P1234] is a part number",
        "Unclosed [P1",
        "Unclosed [",
        "P9 and G9 without brackets",
        "Ends with spaces   ",
    ],
)
def test_other_brackets_are_left_alone(text: str) -> None:
    assert whole(text)[0] == text


def test_any_splitting_gives_the_same_as_one_piece() -> None:
    source = random.Random(3)
    bits = [
        "[P1]",
        "[P9]",
        "[P1, G12]",
        "[G9;P2]",
        "[",
        "]",
        "P",
        "G",
        "1",
        "12",
        ",",
        ";",
        " ",
        "  ",
        "\n",
        "note",
        "[note]",
    ]
    for _ in range(3000):
        text = "".join(source.choice(bits) for _ in range(source.randrange(1, 25)))
        cuts = [source.randrange(len(text) + 1) for _ in range(source.randrange(8))]
        assert in_pieces(text, cuts) == whole(text), (text, cuts)


@pytest.mark.parametrize(
    "text",
    [
        "All of them [" + ", ".join(f"P{number}" for number in range(1, 40)) + "] agree.",
        "Wide [P1," + " " * 200 + "P2].",
        "A table [" + ", ".join(str(number) for number in range(90)) + "].",
        "[" + " " * 200 + "P9] and on",
    ],
)
def test_a_long_bracket_is_no_exception(text: str) -> None:
    assert in_pieces(text, list(range(len(text)))) == whole(text)


def test_unknown_labels_never_show_however_they_come() -> None:
    source = random.Random(5)
    labels = [*KNOWN, "P9", "G9", "P13"]
    for _ in range(500):
        groups = [", ".join(source.choices(labels, k=source.randrange(1, 4))) for _ in range(5)]
        text = " and ".join(f"word [{group}]" for group in groups)
        shown, cited = in_pieces(text, list(range(len(text))))
        assert not any(f"[{label}]" in shown for label in ("P9", "G9", "P13"))
        assert sorted(cited) == sorted({label for label in KNOWN if f"[{label}]" in shown})


def test_text_is_not_held_back_longer_than_a_label_may_need() -> None:
    checker = CitationFilter(KNOWN)
    assert checker.feed("Seventeen percent") == "Seventeen percent"
    assert checker.feed(" ") == ""
    assert checker.feed("of [") == " of"
    assert checker.feed("P1") == ""
    assert checker.feed("] gross") == " [P1] gross"
    assert checker.feed(" [not") == " [not"
    assert checker.feed(" [1, 2") == " [1, 2"


def test_only_what_was_cited_is_listed_and_yours_comes_first() -> None:
    sources = label_sources(
        [
            passage("Fifteen to twenty percent is usual.", "global", title="Managers"),
            passage("Seventeen percent of gross.", title="Harbour Lane", standing="signed", page=2),
            passage("Never cited.", title="Harbour Lane"),
            passage("Twenty percent of net.", title="Old draft", standing="superseded"),
        ]
    )
    found = citations(sources, ["G1", "P3", "P1", "P7"], "What commission?")
    assert [one.label for one in found] == ["P1", "P3", "G1"]
    first = found[0]
    assert (first.title, first.kb, first.page, first.standing) == ("Harbour Lane", "personal", 2, "signed")
    assert first.quote == "Seventeen percent of gross."
    assert (first.document_id, first.chunk_id) == (sources[1].passage.document.id, sources[1].passage.chunk.id)


def test_labels_are_listed_by_number() -> None:
    sources = label_sources([passage(f"Clause {number}.") for number in range(1, 13)])
    found = citations(sources, ["P10", "P2", "P12", "P1"], "")
    assert [one.label for one in found] == ["P1", "P2", "P10", "P12"]


def test_the_quote_is_where_the_answer_took_it_from() -> None:
    filler = "The parties met in Bristol on a wet Tuesday and talked for a long time. " * 6
    term = "The term of this agreement is two years from the date of signature."
    notice = "A notice must reach the office of the other side in writing."
    [source] = label_sources([passage(f"{filler}{term} {filler}{notice} {filler}")])
    [about_term] = citations([source], ["P1"], "Tell me more", "The term is two years from signature [P1].")
    [about_notice] = citations([source], ["P1"], "Tell me more", "A notice goes to the office in writing [P1].")
    assert term in about_term.quote
    assert notice in about_notice.quote
    for one in (about_term, about_notice):
        assert one.quote in source.passage.chunk.text, "an exact substring"
