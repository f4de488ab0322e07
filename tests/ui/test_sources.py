"""Sources under an answer: yours and the industry's apart, each with its passage and the way to its page."""

from __future__ import annotations

import pytest

from app.ui.sources import cited_html, sources_html
from tests.ui.test_format import HOSTILE, Markup, citation


def test_sources_are_split_into_yours_and_industry_with_page_standing_and_quote() -> None:
    html = sources_html([citation(), citation(label="G1", kb="global", title="Guide", page=2, standing="none")])
    yours, industry = html.split("Industry")
    for shown in ("Yours", "[P1]".replace("[", "&#91;"), "Deal", "signed, page 3", "governed by the laws of England"):
        assert shown in yours
    assert "Guide" in industry
    assert ">page 2<" in industry
    assert sources_html([]) == ""


def test_lines_of_a_printed_page_flow_and_lyrics_stay_lines() -> None:
    printed = "This agreement is governed by the laws of England and Wales,\nand the courts have\njurisdiction."
    assert "and Wales, and the courts have jurisdiction" in sources_html([citation(quote=printed)])
    assert "stay with me<br>until dawn" in sources_html([citation(quote="stay with me\nuntil dawn")])


def test_a_source_that_is_gone_says_so() -> None:
    gone = sources_html([citation(title="Deleted document", quote="", deleted=True)])
    assert "This document was deleted." in gone
    assert "<blockquote>" not in gone
    older = sources_html([citation(replaced=True)])
    assert "newer version" in older
    assert "<blockquote>" in older
    assert 'class="gone"' not in sources_html([citation()])


def test_the_way_to_the_page_names_document_page_passage_and_words() -> None:
    html = sources_html([citation(start=120, end=151)])
    assert '<button type="button" class="open-page" value="P1/d/3/c/120/151">Open page 3</button>' in html
    assert 'value="P1/d/3/c"' in sources_html([citation()]), "answers from before have no offsets"


def test_of_a_newer_version_the_beginning_is_opened_and_of_a_deleted_document_nothing() -> None:
    assert 'value="P1/d/1/replaced">Open new version<' in sources_html([citation(replaced=True)])
    assert "open-page" not in sources_html([citation(deleted=True)])


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["label", "document_id", "chunk_id", "standing"])
def test_nothing_leaves_its_attribute(text: str, field: str) -> None:
    marked = Markup(sources_html([citation(**{field: text[:64]})]))
    assert marked.attributes <= {"class", "type", "value"}
    assert marked.tags <= {"div", "strong", "details", "summary", "span", "blockquote", "button"}


def test_a_label_is_a_button_of_its_own_words() -> None:
    assert cited_html("P1") == '<button type="button" class="cite" value="P1">&#91;P1]</button>'
