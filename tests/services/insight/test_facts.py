"""Parties, money, rates and territory by rules."""

from __future__ import annotations

import json

import pytest

from app.indexes.limits import ReadLimits
from app.indexes.pdf import read_pdf
from app.services.insight.facts import Fact, find_facts
from app.services.insight.page_texts import PageText, find_verbatim, sentences
from tests.conftest import SHARED
from tests.services.insight.texts import MANAGEMENT, pages

CONTRACTS = SHARED / "contracts" / "pdf"


def told(text: str, kind: str = "contract") -> set[tuple[str, str, str]]:
    return {(one.kind, one.name, one.value) for one in find_facts(pages(text), kind)}


def test_a_contract_tells_who_how_much_and_where() -> None:
    assert told(MANAGEMENT) == {
        ("party", "Artist", "Night Ferry Music"),
        ("party", "Manager", "Harbour Management Ltd"),
        ("rate", "Commission", "20 %"),
        ("money", "Advance", "5,000 euros"),
        ("money", "Spending limit", "250 euros"),
        ("territory", "Territory", "the world"),
    }


def test_every_quote_is_an_exact_part_of_its_page_and_holds_the_value() -> None:
    for one in find_facts(pages(MANAGEMENT), "management"):
        assert MANAGEMENT[one.place.start : one.place.end] == one.place.quote
        assert one.value in " ".join(one.place.quote.split())


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("The Label pays an advance of US$ 12,500.00 on signing.", ("money", "Advance", "US$ 12,500.00")),
        ("The synchronisation fee is 4.500 EUR.", ("money", "Licence fee", "4.500 EUR")),
        ("The recording budget is £20k.", ("money", "Recording budget", "£20k")),
        ("Producer receives a royalty of four percent (4%) of net receipts.", ("rate", "Royalty", "four percent (4%)")),
        (
            "The Manager takes a commission of seventeen and a half percent (17.5%) of gross income.",
            ("rate", "Commission", "seventeen and a half percent (17.5%)"),
        ),
        ("The producer royalty is 3 points.", ("rate", "Producer royalty", "3 points")),
        ("The territory shall be Germany, Austria and Switzerland.", ("territory", "Territory", "Germany, Austria and Switzerland")),
        ("The rights are granted throughout the world.", ("territory", "Territory", "throughout the world")),
        ("Producer: Night Ferry Studio\nFee: 300 euros", ("party", "Producer", "Night Ferry Studio")),
        ("**Artist:** Night Ferry\n", ("party", "Artist", "Night Ferry")),
        ('Made between Acme, Inc., 5 Any Street ("Company"), and the individual p/k/a "Night Ferry", residing at 9 Elm Street '
         '("Artist").', ("party", "Artist", "Night Ferry")),
        ('PARTIES\n(1) ACME LIMITED, registered in England (the "Manager"); and\n(2) NIGHT FERRY of 4 Mill Lane ("you" or the '
         '"Artist").', ("party", "Artist", "NIGHT FERRY")),
        ('PARTIES\n(1) ACME LIMITED, registered in England (the "Manager"); and\n(2) NIGHT FERRY of 4 Mill Lane ("you" or the '
         '"Artist").', ("party", "Manager", "ACME LIMITED")),
        ('Made between NIGHT FERRY MUSIC, a division of Harbour, Inc. ("Publisher") and others.',
         ("party", "Publisher", "NIGHT FERRY MUSIC")),
        ("Company pays, as a non-returnable advance, the sum of $15,000.", ("money", "Advance", "$15,000")),
        ("5. Advances. Upon execution, $20,000.", ("money", "Advance", "$20,000")),
        ("We retain 15 percent of net receipts.", ("rate", "Distribution fee", "15 percent")),
        ("A fee of 500 euros plus VAT versus 70 % of net door receipts.", ("rate", "Share of receipts", "70 %")),
        ("An undivided 50% interest in the copyrights is assigned.", ("rate", "Publishing share", "50%")),
        ("An administration fee of 15% of gross receipts is kept.", ("rate", "Administration fee", "15%")),
    ],
)  # fmt: skip
def test_what_figures_and_names_are(text: str, fact: tuple[str, str, str]) -> None:
    assert fact in told(text)


@pytest.mark.parametrize(
    "line", ["Artist: ______________", "Manager: ", "Artist: print ______ here", "Manager: 12.", "Producer: 2026-03-01"]
)
def test_a_line_to_fill_in_or_without_letters_names_nobody(line: str) -> None:
    assert told(f"{line}\n") == set()


BETWEEN = 'This agreement is made between Acme, Inc., a Delaware corporation ("Company") and Night Ferry ("Artist")'


def parties(text: str) -> set[tuple[str, str]]:
    return {(one.name, one.value) for one in find_facts(pages(text), "contract") if one.kind == "party"}


@pytest.mark.parametrize(
    "more",
    [
        ', about their recordings ("Masters").',
        ', and whoever buys Acme, Inc. later ("Company").',
        '. WHEREAS they met, and Big Hall Ltd ("Promoter") was there.',
        f', and {"those who wrote and sang and played " * 5}("Choir").',
        ', and 12 & 13 ("Numbers").',
    ],
)
def test_only_who_is_a_party_is_named_as_one(more: str) -> None:
    assert parties(BETWEEN + more) == {("Company", "Acme, Inc."), ("Artist", "Night Ferry")}


def test_parties_stand_at_the_beginning() -> None:
    found = find_facts(pages("Words.", "More words.", f"{BETWEEN}.\nManager: Harbour Ltd\n"), "contract")
    assert [one for one in found if one.kind == "party"] == []


@pytest.mark.parametrize(
    "text",
    [
        "The territory is subject to a later agreement.",
        "Night Ferry is known worldwide.",
        "It rained on 40 % of all days.",
    ],
)
def test_what_tells_nothing_of_the_deal_is_no_fact(text: str) -> None:
    assert told(text) == set()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The advance is small. Strings cost 300 euros.", "Amount"),
        ("Besides the advance, a fee of 300 euros is paid.", "Fee"),
        ("The fee is 300 euros, deposit included.", "Fee"),
        ("Of 300 euros, a deposit, nothing comes back.", "Deposit"),
    ],
)
def test_a_figure_is_what_the_nearest_word_of_its_own_sentence_says(text: str, name: str) -> None:
    assert told(text) == {("money", name, "300 euros")}


def test_each_fact_is_told_once_and_no_more_than_can_be_read() -> None:
    twice = "The advance is 300 euros. Again: the advance is 300 euros. The fee is 300 euros."
    assert [(one.name, one.value) for one in find_facts(pages(twice), "contract")] == [
        ("Advance", "300 euros"),
        ("Fee", "300 euros"),
    ]
    many = " ".join(f"The fee is {number} euros." for number in range(100, 140))
    assert len(find_facts(pages(many), "contract")) == 15


def test_lyrics_name_no_sums() -> None:
    text = "I paid an advance of 300 euros\nand forty percent (40%) of my royalty\n"
    assert told(text, "lyrics") == set()
    assert len(told(text)) == 2


def test_words_are_found_whatever_white_space_is_between_them() -> None:
    found = find_verbatim(pages("Something else.", "He pays\n  ten\npercent."), "pays ten percent", page=1)
    assert found is not None
    assert (found.page, found.quote) == (2, "pays\n  ten\npercent")
    assert find_verbatim(pages("He pays ten percent."), "pays eleven percent") is None


def test_sentences_do_not_end_at_abbreviations_and_headings_stand_alone() -> None:
    text = "## 2. Term\nIt is No. 5 of Acme Inc. and ends. The rest follows."
    assert [one.quote for one in sentences(PageText(1, text))] == [
        "## 2. Term", "It is No. 5 of Acme Inc. and ends.", "The rest follows."
    ]  # fmt: skip


# Whom a person finds named at the beginning, in the words of the contract.
PARTIES = {
    "AlliedEsports": {"WPT Enterprises, Inc.", "ZYNGA INC."},
    "BIOCEPT": {"BIOCEPT, INC.", "LIFE TECHNOLOGIES CORPORATION"},
    "DeltathreeInc": {"RSL COM PrimeCall, Inc."},
    "DigitalCinema": {"National CineMedia, LLC", "Digital Cinema Destinations Corp."},
    "HealthcentralCom": {"HEALTHCENTRAL.COM INC."},
    "Ideanomics": {"Beijing Sun Seven Stars Culture Development Limited", "YOU ON DEMAND HOLDINGS, INC."},
    "N2KINC": {"Excite, Inc.", "N2K Inc."},
    "ON4COMM": {"Charity Tunes Inc.", "ConAgra Foods Canada Inc."},
    "XpresspaGroup": {"Calm.com, Inc.", "XpresSpa Group, Inc."},
}


@pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the shared contracts are not here")
@pytest.mark.parametrize("name", PARTIES)
def test_parties_of_real_contracts(name: str) -> None:
    [path] = CONTRACTS.glob(f"{name}*")
    texts = [PageText(page.number, page.text) for page in read_pdf(path, ReadLimits())]
    found: list[Fact] = find_facts(texts, "contract")
    by_page = {page.page: page.text for page in texts}
    assert all(by_page[one.place.page][one.place.start : one.place.end] == one.place.quote for one in found)
    assert {one.value for one in found if one.kind == "party"} >= PARTIES[name], json.dumps(
        [one.value for one in found]
    )
