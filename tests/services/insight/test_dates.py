"""The dates of a document, and those that follow from it."""

from __future__ import annotations

import json
from datetime import date

import pytest

from app.indexes.limits import ReadLimits
from app.indexes.pdf import read_pdf
from app.services.insight.dates import AGREED, ENDS, NAMED, NOTICE, OPTION, STARTS, Dated, find_dates
from app.services.insight.page_texts import PageText
from tests.conftest import SHARED
from tests.services.insight.texts import MANAGEMENT, pages

CONTRACTS = SHARED / "contracts" / "pdf"


def told(*texts: str) -> dict[str, Dated]:
    return {one.label: one for one in find_dates(pages(*texts)).dates}


def days(*texts: str) -> set[tuple[str, str]]:
    return {(one.label, one.day.isoformat() if one.day else one.rule) for one in find_dates(pages(*texts)).dates}


def test_named_and_derived_dates_with_their_rule_and_clause() -> None:
    found = told(MANAGEMENT)
    assert (found[AGREED].day, found[ENDS].day) == (date(2026, 3, 1), date(2028, 2, 29))
    notice = found[NOTICE]
    assert notice.day == date(2027, 12, 31)
    assert notice.rule == "60 days before the end of the term, 29 February 2028"
    assert "60 days before the end of the term" in notice.place.quote


def test_every_quote_is_an_exact_part_of_its_page() -> None:
    texts = pages(MANAGEMENT, MANAGEMENT.replace("2028", "2029"))
    for one in find_dates(texts).dates:
        assert texts[one.place.page - 1].text[one.place.start : one.place.end] == one.place.quote


def test_without_a_named_end_it_follows_from_the_term() -> None:
    text = (
        "This agreement is dated as of 15 April 2026. "
        "The initial term of this Agreement shall be for a period of eighteen (18) months."
    )
    assert days(text) == {(AGREED, "2026-04-15"), (ENDS, "2027-10-14")}
    assert told(text)[ENDS].rule == "18 months from 15 April 2026, its last day"


def test_a_term_counts_from_the_day_its_own_sentence_names() -> None:
    text = "Agreement dated 2 January 2026. The term commences on 1 June 2026 and continues for one (1) year."
    assert (ENDS, "2027-05-31") in days(text)


def test_an_end_that_does_not_fit_the_term_is_told() -> None:
    apart = find_dates(pages(MANAGEMENT.replace("29 February 2028", "31 March 2028"))).apart
    assert apart is not None
    assert [one.day for one in apart] == [date(2028, 3, 31), date(2028, 2, 29)]
    assert (
        find_dates(pages(MANAGEMENT.replace("29 February 2028", "1 March 2028"))).apart is None
    )  # the day after is meant


@pytest.mark.parametrize(
    ("text", "label", "day"),
    [
        ("The option is exercised in writing no later than 1 May 2027.", OPTION, "2027-05-01"),
        ("Label may exercise its option ninety (90) days before the expiration of the initial term. The initial term ends on "
         "31 December 2027.", OPTION, "2027-10-02"),
        ("The masters are delivered by 3 May 2027.", "Delivery due", "2027-05-03"),
        ("The balance is paid on or before 5 June 2027.", "Payment due", "2027-06-05"),
        ("Release date: 4 June 2027. The masters are delivered six weeks before the release.", "Delivery due", "2027-04-23"),
        ("Agreement dated 1 March 2026. The deposit is paid within 14 days after the date of this agreement.", "Payment due",
         "2026-03-15"),
        ("The term ends on 30 June 2027. The company may sell off stock for six (6) months after the end of the term.",
         "Sell-off period ends", "2027-12-30"),
        ("This agreement is effective as of 1 July 2027.", STARTS, "2027-07-01"),
        ("Notice is given 30 days before 31 December 2027.", NOTICE, "2027-12-01"),
        ("Date of performance: Saturday 14 March 2026", "Concert", "2026-03-14"),
        ("Contract date: 3 October 2025", AGREED, "2025-10-03"),
        ("Dated: 22 August 2025", AGREED, "2025-08-22"),
        ("Date: 22 August 2025", "Date", "2025-08-22"),
        ("The masters are delivered by 30 September 2025. Company has 10 days after delivery to accept them.",
         "Last day to accept or object", "2025-10-10"),
        ("The masters are delivered by 30 September 2025. They are released within 12 months of delivery.", "Release due",
         "2026-09-30"),
        ("The masters are delivered by 30 September 2025. If nothing comes out within 12 months of delivery, the rights revert.",
         "Rights come back", "2026-09-30"),
        ("The term ends on 31 August 2027. It is cancelled 60 days before the end of the running period.", NOTICE, "2027-07-02"),
        ("The term ends on 31 August 2027. The option is exercised by written notice within 30 days after the end of the term.",
         OPTION, "2027-09-30"),
        ("The term ends on 31 August 2027. No song that was delivered is re-recorded until two years after the end of the term.",
         "Re-recording allowed", "2029-08-31"),
    ],
)  # fmt: skip
def test_what_a_date_is_for(text: str, label: str, day: str) -> None:
    assert (label, day) in days(text)


@pytest.mark.parametrize(
    "text",
    [
        "A statement is sent within 30 days of the end of each quarter.",
        "The other side mends this within 30 days after written notice.",
        "Payment follows within 14 days of receipt of the invoice.",
        "During the term and for two years thereafter nobody tells.",
        "The manager keeps the papers for six years.",
    ],
)
def test_what_comes_again_or_hangs_on_an_event_has_no_day(text: str) -> None:
    assert [
        one
        for one in find_dates(pages(f"Agreement dated 1 March 2026. It ends on 1 March 2027. {text}")).dates
        if one.rule
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        "The term is for fourteen (14) days.",
        "The term shall be renewed for two (2) years.",
        "The term, after its option, is for two (2) years.",
        "During the term for two (2) years nobody tells.",
        "The term is for two (2) years thereafter.",
        "The term is for two (2) years or more.",
        "The term of the notice is for two (2) months.",
    ],
)
def test_what_is_no_term_of_the_agreement_is_not_read_as_one(text: str) -> None:
    assert find_dates(pages(f"Agreement dated 1 March 2026. {text}")).term is None


def test_a_day_is_told_once_and_explained_where_it_can_be() -> None:
    text = "Release date: 4 June 2027. On 4 June 2027 all meet. Release date: 4 June 2027."
    assert [(one.label, str(one.day)) for one in find_dates(pages(text)).dates] == [("Release", "2027-06-04")]


def test_no_more_dates_are_told_than_can_be_read() -> None:
    text = " ".join(f"They meet on {day} March {year}." for year in (2026, 2027) for day in range(1, 29))
    assert len(find_dates(pages(text)).dates) == 40


def test_the_date_of_another_paper_is_not_this_ones() -> None:
    found = days("Agreement dated 1 March 2026. It takes the place of an agreement dated 2 February 2020.")
    assert found == {(AGREED, "2026-03-01"), (NAMED, "2020-02-02")}


def test_a_meaning_comes_from_the_days_own_sentence_and_from_its_nearest_words() -> None:
    assert days("The balance is paid by bank on. 4 June 2027 is a Friday.") == {(NAMED, "2027-06-04")}
    assert days("After the masters are delivered on time, the balance is paid by 4 June 2027.") == {
        ("Payment due", "2027-06-04")
    }


def test_so_many_days_of_something_are_no_time_after_it() -> None:
    text = "The masters are delivered by 3 May 2027. There are 10 days of delivery; {} of delivery they are accepted."
    assert [one.day for one in find_dates(pages(text.format("later, 10 days"))).dates if one.rule] == []
    assert [str(one.day) for one in find_dates(pages(text.format("within 10 days"))).dates if one.rule] == [
        "2027-05-13"
    ]


def test_a_rule_without_a_day_to_count_from_is_told_as_that() -> None:
    assert days("Delivery is due 28 days before the release.") == {
        ("Delivery due", "28 days before the release; the document names no such day")
    }


def test_a_row_of_a_form_tells_nothing_of_its_neighbours() -> None:
    text = "Date of agreement 1 March 2026\nPayment Within 30 days of signature\nOptions\nOut of context: 100 euros"
    assert {one.label for one in find_dates(pages(text)).dates if one.rule} == {"Payment due"}


def test_a_date_beside_a_signature_on_a_later_page_is_no_agreements() -> None:
    assert told("Many words.", "Dated: 22 August 2025")["Signed"].day == date(2025, 8, 22)


def test_business_days_are_not_reckoned() -> None:
    [one] = [
        one
        for one in find_dates(
            pages("The term ends on 1 March 2027. Notice is due 10 business days before the end of the term.")
        ).dates
        if one.rule
    ]
    assert one.day is None


def test_dates_at_the_foot_of_every_page_are_no_dates() -> None:
    foot = "\n\nPrinted 8/15/2026 from a web page"
    found = find_dates(pages(*[f"Page {n} of something.{foot}" for n in range(4)]))
    assert found.dates == []


# What a person reads in them: the first day of the term, its length, its last day.
READ = {
    "VnueInc": ("2015-09-10", "1 year", "2016-09-09"),
    "XpresspaGroup": (None, None, "2019-07-31"),
    "TEARDROP": ("1996-01-01", "3 years", "1998-12-31"),
    "DeltathreeInc": ("1999-10-01", "3 years", "2002-09-30"),
    "ON4COMM": ("2009-10-01", None, "2010-03-31"),
    "BIOCEPT": ("2012-11-02", "3 years", "2015-11-01"),
}


@pytest.mark.skipif(not CONTRACTS.is_dir(), reason="the shared contracts are not here")
@pytest.mark.parametrize("name", READ)
def test_terms_of_real_contracts(name: str) -> None:
    [path] = CONTRACTS.glob(f"{name}*")
    texts = [PageText(page.number, page.text) for page in read_pdf(path, ReadLimits())]
    found = find_dates(texts)
    first, length, last = READ[name]
    labelled = {(one.label, one.day.isoformat() if one.day else "") for one in found.dates}
    assert first is None or {(STARTS, first), (AGREED, first)} & labelled, json.dumps(sorted(labelled))
    assert length is None or (found.term and found.term.span.words == length), found.term
    assert (ENDS, last) in labelled, json.dumps(sorted(labelled))
