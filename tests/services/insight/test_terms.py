"""Time limits and restrictions as facts: which words mean which limit, how many days, and where they stand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.insight.terms import contract_terms
from tests.conftest import ROOT


def told(text: str, ends: date | None = None) -> list[tuple[str, int | None, str]]:
    return [(fact["kind"], fact["days"], fact["value"]) for fact in contract_terms([(1, text)], ends)]


LIMITS = [
    ("Masters are delivered ninety (90) days before the release date.",
     ("delivery_lead_time", 90, "90 days before release")),
    ("Please upload each release at least 4 weeks prior to its street date.",
     ("delivery_lead_time", 28, "4 weeks before release")),
    ("The release shall be no earlier than six weeks after receipt of the masters.",
     ("delivery_lead_time", 42, "6 weeks before release")),
    ("The Label shall release each album within six months after delivery.",
     ("release_commitment", 186, "within 6 months of delivery")),
    ("The Company has ten (10) business days after delivery to accept or reject a master.",
     ("approval_period", 14, "10 business days to approve")),
    ("Artwork counts as approved unless you object within 5 days of receipt.",
     ("approval_period", 5, "5 days to approve")),
    ("Each option is exercised by notice at least 30 days before the end of the current period.",
     ("option_window", 30, "at least 30 days before the period ends")),
    ("The Publisher may exercise its option within sixty days after delivery of the last song.",
     ("option_window", 60, "within 60 days")),
    ("The agreement renews for another year unless one side gives 60 days' notice before the year ends.",
     ("notice_period", 60, "60 days before the period ends")),
    ("Either party may terminate this agreement on three months' written notice.",
     ("notice_period", 93, "3 months’ notice")),
    ("You may end this agreement by giving notice of not less than one month.",
     ("notice_period", 31, "1 month’s notice")),
    ("If a party is in breach and does not cure it within thirty (30) days, the other may end this agreement.",
     ("cure_period", 30, "30 days to mend a breach")),
    ("The Manager's commission is paid for two years after the end of the term.",
     ("sunset_period", 732, "2 years after the end")),
    ("After the end of the term the commission is 15 % in the first year and 7.5 % in the second year.",
     ("sunset_period", 732, "2 years after the end")),
    ("After the end a commission of 10 % falls due, and nothing from the second year on.",
     ("sunset_period", 366, "1 year after the end")),
    ("The Artist shall not re-record any composition for a period of five years.",
     ("re_recording", 1830, "not for 5 years")),
    ("You may audit our books once a year on fourteen days' notice.",
     ("audit_notice", 14, "14 days’ notice")),
    ("A statement is binding unless you object within two years after the statement was sent.",
     ("audit_window", 732, "within 2 years of a statement")),
    ("Royalty statements are sent within 45 days after the end of each half-year.",
     ("statement_period", 45, "45 days after each period")),
    ("After the term, Manager receives 10 % of earnings for the first two years and 5 % for the following two years.",
     ("sunset_period", 1464, "4 years after the end")),
    ("Sunset | 15% for 12 months, 7.5% for a further 12 months",
     ("sunset_period", 744, "24 months after the end")),
    ("11. Re-recording. The Artist shall not re-record any song until the later of (i) five (5) years after delivery and (ii) two (2)"
     " years after the end of the term.", ("re_recording", 1830, "not for 5 years")),
    ("Administrator shall account to Owner within 45 days after each calendar quarter.",
     ("statement_period", 45, "45 days after each period")),
    ("7. Statements. Within sixty (60) days following each June 30 and December 31.",
     ("statement_period", 60, "60 days after each period")),
    ("After the Term the Manager shall be entitled to a commission of 20% for a period of five (5) years, and to 10% for a further "
     "period of five (5) years.", ("sunset_period", 3660, "10 years after the end")),
    ("Artist may audit Company's books upon thirty\n(30) days' prior written notice.",
     ("audit_notice", 30, "30 days’ notice")),
    ("The Artist shall not perform within 80 km of the venue for 30 days before the performance for any other promoter.",
     ("exclusivity", None, "within 80 km of the venue for 30 days before the performance for any other promoter")),
    ("The Artist shall account within 90 days of each 30 June and 31 December.",
     ("statement_period", 90, "90 days after each period")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fact"), LIMITS, ids=[f"{fact[0]}-{number}" for number, (_, fact) in enumerate(LIMITS)]
)
def test_a_limit_is_known_by_the_words_around_it(text: str, fact: tuple[str, int, str]) -> None:
    assert fact in told(text)


@pytest.mark.parametrize(
    "text",
    [
        "The press release is approved five days before the announcement.",
        "Invoices are payable within thirty days.",
        "The certificate of insurance provides for thirty days' notice of cancellation.",
        "The session lasts two days and the mix another three days.",
        "Rehearsals begin ten days before the tour.",
        "“Subscriber” means a person who pays within thirty days after the end of each month.",
        "Ten years before, the band had its first release.",
    ],
)
def test_other_lengths_of_time_are_no_limits(text: str) -> None:
    assert told(text) == []


def test_what_both_must_agree_on_is_no_option() -> None:
    assert told("The parties may agree in writing to extend the agreement for successive one-year periods.") == []


def test_what_renews_by_itself_is_no_option() -> None:
    text = "This Agreement runs for a year and then renews for another year unless one of us cancels it 60 days before its end."
    assert "option_window" not in {kind for kind, _, _ in told(text)}


def test_an_option_without_a_number_of_days_is_told_as_open() -> None:
    text = "The Company has two irrevocable options to extend the term for further periods."
    assert told(text) == [("option_window", None, "no time limit read")]


def test_exclusivity_ends_when_the_clause_the_agreement_or_the_caller_says() -> None:
    own = "The Artist records exclusively for the Label. The Artist shall not perform for any other label until 1 May 2027."
    by_term = "This agreement ends on 31 December 2026. You are our exclusive recording artist while it runs."
    longer = f"{by_term} You will not record for any other label for six months after the end of this agreement."
    bare = "You shall be our exclusive recording artist."

    def until(text: str, ends: date | None = None) -> list[Any]:
        return [fact["until"] for fact in contract_terms([(1, text)], ends) if fact["kind"] == "exclusivity"]

    assert until(own) == ["2027-05-01"]
    assert until(by_term) == ["2026-12-31"]
    assert until(longer) == ["2026-12-31", "2027-06-30"]
    assert until(bare) == [None]
    assert until(bare, date(2030, 6, 30)) == ["2030-06-30"]


@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("for a period of five years after the end of the term", "2031-12-31"),
        ("for two (2) years following the expiration or termination of this Agreement", "2028-12-31"),
        ("during the term and for three years thereafter", "2029-12-31"),
        ("for five years after delivery", None),
        ("until the later of: for five years after release, or for two years after the end of the term", None),
    ],
)
def test_a_ban_on_recording_anew_ends_when_its_words_count_from_the_end(words: str, until: str | None) -> None:
    text = f"The Artist shall not re-record any of the songs {words}."
    found = contract_terms([(1, text)], date(2026, 12, 31))
    assert {fact["until"] for fact in found if fact["kind"] == "re_recording"} == {until}
    assert {fact["until"] for fact in contract_terms([(1, text)])} == {None}, "nobody knows when it ends"


def test_the_sample_contract() -> None:
    text = (ROOT / "app" / "samples" / "management-agreement.md").read_text(encoding="utf-8")
    assert told(text) == [
        ("notice_period", 93, "3 months’ notice"),
        ("sunset_period", 732, "2 years after the end"),
        ("statement_period", 30, "30 days after each period"),
        ("audit_notice", 14, "14 days’ notice"),
        ("cure_period", 30, "30 days to mend a breach"),
    ]


def test_facts_are_plain_json_with_their_words() -> None:
    pages = [(2, "Preamble."), (3, "5. Delivery. Masters are delivered 30 days before the release date.")]
    (fact,) = contract_terms(pages)
    assert fact == {
        "kind": "delivery_lead_time", "name": "Delivery before release", "value": "30 days before release", "days": 30,
        "until": None, "page": 3, "start": 13, "end": 67, "quote": "Masters are delivered 30 days before the release date.",
        "by": "rules",
    }  # fmt: skip


PIECES = st.sampled_from(
    "thirty (30) days|before the release date|after delivery|notice|to approve|option|the term ends|commission|breach|cure within|"
    "terminate|exclusive recording artist|until 1 May 2027|statement|. |\\n|, |0 days|999 years|7. ".split("|")
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=30).map(" ".join), max_size=3))
def test_every_fact_is_cut_out_of_its_page(texts: list[str]) -> None:
    pages = list(enumerate(texts, 1))
    for fact in contract_terms(pages):
        assert fact["quote"]
        assert dict(pages)[fact["page"]][fact["start"] : fact["end"]] == fact["quote"]
        assert fact["days"] is None or fact["days"] > 0
