"""What kind of document it is."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from app.config import SAMPLES_DIR
from app.services.insight.kinds import CONTRACTS, GUIDE, KINDS, LABELS, DocumentKind, ids_of, kind_of
from tests.services.insight.texts import MANAGEMENT, pages


@pytest.mark.parametrize(
    ("title", "text", "kind"),
    [
        ("Deal", MANAGEMENT, "management"),
        ("Deal", "EXCLUSIVE RECORDING AGREEMENT\n\nThe label owns the masters and recoups costs.", "recording"),
        ("Deal", "Co-publishing agreement. The publisher administers the compositions.", "publishing"),
        ("Deal", "Producer agreement. The producer makes two masters.", "producer"),
        ("Beat lease 12", "The licensee may use the beat.", "producer"),
        ("Deal", "SYNCHRONISATION LICENCE for one scene of a film.", "sync"),
        ("Deal", "Digital distribution agreement with a distributor and stores.", "distribution"),
        ("Deal", "Live performance agreement. The promoter pays a guarantee.", "live"),
        ("Deal", "COLLABORATION AGREEMENT between two bands.", "collaboration"),
        ("Paper", "WHEREAS the parties hereto agree, this Agreement is subject to its governing law, and terminates.", "contract"),
        ("Night Bus splits", "Songwriter split sheet\nLyricist: 50 %", "split_sheet"),
        ("Royalty statement Q2", "Song | Streams | Net euros", "royalty_statement"),
        ("Scan 4", "INVOICE\nInvoice number 17\nAmount due: 300 euros", "invoice"),
        ("Song 3", "Verse 1\nwords\n\nChorus\nmore words", "lyrics"),
        ("News", "FOR IMMEDIATE RELEASE\nThe band announces an album.", "press_release"),
        ("EPK 2026", "Photos and reviews.", "press_kit"),
        ("Stage", "Technical rider: two DI boxes, four monitors.", "rider"),
        ("Deal", "ADMINISTRATION AGREEMENT\n\nWHEREAS the parties hereto agree, this Agreement has a governing law, terminates "
         "and indemnifies each party hereby.", "publishing"),
        ("Deal", "CONTENT LICENSING AGREEMENT\n\nThe purpose of this content distribution agreement is this. Whereas the parties "
         "hereto agree, this Agreement has a governing law and terminates.", "contract"),
        ("Deal", "PRODUCER DECLARATION / SHORT FORM\n\nThe producer makes a master.", "producer"),
        ("Our song", "Dear all,\nthis is our split letter. First Writer will own 60 % of it. Kind regards", "split_sheet"),
        ("Mail", "Dear all, this letter is about Tuesday.", "letter"),
        ("Thoughts", "Call them on Tuesday.", "other"),
    ],
)  # fmt: skip
def test_kinds(title: str, text: str, kind: str) -> None:
    assert kind_of(title, ".pdf", "personal", pages(text)) == kind


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("management-agreement.md", "management"), ("royalty-statement.csv", "royalty_statement"), ("artist-bio.md", "bio"),
        ("lyrics.txt", "lyrics"),
    ],
)  # fmt: skip
def test_the_samples(file: str, kind: str) -> None:
    path = Path(SAMPLES_DIR, file)
    assert kind_of(f"Sample: {path.stem.replace('-', ' ')}", path.suffix, "personal", pages(path.read_text())) == kind


def test_the_industrys_pages_are_guides_whatever_they_speak_of() -> None:
    assert kind_of("Contracts", ".md", "global", pages(MANAGEMENT)) == GUIDE


def test_every_kind_has_a_label_that_fits_its_column() -> None:
    assert {kind.id for kind in KINDS} | CONTRACTS <= set(LABELS)
    assert all(len(name) <= 30 for name in LABELS)


def test_a_list_can_be_asked_for_every_kind() -> None:
    assert set(get_args(DocumentKind)) == set(LABELS)
    assert ids_of("contract") == CONTRACTS
    assert ids_of("bio") == {"bio"}


@pytest.mark.parametrize(("title", "text"), [("Songs", "One | two"), ("Management agreement", MANAGEMENT)])
def test_a_table_is_no_contract(title: str, text: str) -> None:
    assert kind_of(title, ".xlsx", "personal", pages(text)) == "table"
