"""The list of documents before its rows are there: the words it hands to the script, and what can be chosen."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import get_args

import pytest

from app.indexes.readers import READERS
from app.models import KB, KBS, STANDINGS, UNFINISHED
from app.services.insight.kinds import DocumentKind
from app.services.selection import Kind, Progress
from app.ui.documents import library_html


def values(html: str, select: str) -> set[str]:
    [inside] = re.findall(rf'<select name="{select}".*?</select>', html)
    return set(re.findall(r'<option value="(\w+)"', inside))


@pytest.mark.parametrize("kb", KBS)
def test_every_state_and_standing_has_its_words(kb: KB) -> None:
    [found] = re.findall(r'data-words="([^"]*)"', library_html(kb))
    words = json.loads(unescape(found))
    assert set(words["status"]) == {"received", *UNFINISHED, "ready", "failed"}
    assert set(words["standing"]) == set(STANDINGS)


def test_everything_that_can_be_filtered_for_can_be_chosen() -> None:
    own = library_html("personal")
    assert values(own, "status") == set(get_args(Progress))
    assert values(own, "standing") == set(STANDINGS)
    assert values(own, "kind") == set(get_args(Kind))
    assert values(own, "document_kind") == set(get_args(DocumentKind)) - {"guide"}
    assert values(own, "artist_id") == {"none"}
    assert f'data-kinds="{",".join(sorted(READERS))}"' in own


def test_the_industry_has_no_artist_and_no_quota() -> None:
    industry = library_html("global")
    assert "artist" not in industry
    assert "meter" not in industry
