"""The kinds of texts: ten files that hold together, and their templates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from pydantic import ValidationError

from app.services.desk.check import MARK, check, count_marks
from app.services.desk.facts import Facts, fill
from app.services.desk.kinds import FOLDER, Kind, load_kinds
from app.services.desk.sums import Sum, add_up
from app.services.profiles import ProfileShape

KINDS = [
    "bio_short", "bio_long", "pitch_playlist", "pitch_press", "press_release", "proposal", "quote", "partner_email",
    "lyric_feedback", "genre_adaptation",
]  # fmt: skip


def test_the_kinds_are_the_files() -> None:
    assert list(load_kinds()) == KINDS
    assert {path.stem for path in FOLDER.glob("*")} == set(KINDS)


def test_a_file_that_names_an_unknown_place_is_refused() -> None:
    kind = load_kinds()["quote"].model_dump()
    with pytest.raises(ValidationError, match="names price"):
        Kind.model_validate({**kind, "template": "{price}"})


@pytest.mark.parametrize("name", KINDS)
def test_an_empty_template_claims_nothing(name: str) -> None:
    kind = load_kinds()[name]
    facts = Facts(kind, {}, ProfileShape())
    text, missing = fill(facts)
    assert count_marks(text) == len(missing) > 0
    assert all(missing), "each place says what belongs there"
    found = check(text, facts.known(), opinion=kind.opinion)
    assert found.text == text
    assert not any(mark.was for mark in found.marks)


def test_a_template_holds_what_is_known() -> None:
    profile = ProfileShape(artist_name="Night Ferry", genres="indie folk", goals="A first album.")
    facts = Facts(
        load_kinds()["pitch_playlist"], {"song": "Paper Boats", "sound": "slow and bright"}, profile, "Night Ferry"
    )
    text, missing = fill(facts)
    assert text.startswith(
        "“Paper Boats” by Night Ferry is indie folk: slow and bright.\nIt comes out on [to confirm]."
    )
    assert missing[0] == "Release date"
    assert "Planned" not in text, "a line of which nothing is known is left out"
    assert check(text, facts.known()).text == text


def test_a_mark_that_the_user_typed_is_counted() -> None:
    facts = Facts(load_kinds()["pitch_playlist"], {"song": f"Boats {MARK}"}, ProfileShape())
    text, missing = fill(facts)
    assert count_marks(text) == len(missing)
    assert missing[0] == ""


def test_a_managers_own_profile_is_not_the_artists() -> None:
    profile = ProfileShape(artist_name="Harbour Management", genres="everything", bio="We manage.")
    facts = Facts(load_kinds()["bio_short"], {}, profile, "Night Ferry", about_artist=False)
    text, _ = fill(facts)
    assert text.startswith(f"Night Ferry makes {MARK} in {MARK}.")
    assert "We manage" not in text
    assert "We manage" in fill(replace(facts, about_artist=True))[0]


def test_today_is_known_and_lines_are_numbered_by_the_program() -> None:
    facts = Facts(
        load_kinds()["lyric_feedback"], {"lyrics": "one\n\ntwo\nthree"}, ProfileShape(), today=date(2026, 3, 9)
    )
    assert check("Today, on 9 March 2026, there are 3 good ones, not 4.", facts.known()).text.endswith(f"not {MARK}.")


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        ("Mixing, 3 x 250 EUR\nMaster: 100.50 EUR", "850.50 EUR"), ("Mix €1,200", "1200 EUR"), ("Beat 2 × $99.99", "199.98 $"),
        ("300 EUR x 2", "600 EUR"), ("Mixing\nMaster 100 EUR", ""), ("Mix 100 EUR\nMaster 100 USD", ""), ("Mix 300", ""),
        ("", ""), ("Mix 100 EUR or 200 EUR", ""), ("0.10 EUR\n0.20 EUR", "0.30 EUR"),
    ],
)  # fmt: skip
def test_items_are_added_up_by_code_or_not_at_all(lines: str, total: str) -> None:
    found = add_up(lines)
    assert found.text == total
    assert bool(found.why) == (not total)
    assert isinstance(found, Sum)
