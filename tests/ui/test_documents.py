from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.services.shapes import DocumentPublic
from app.ui.documents import documents_html, doing, is_unfinished

EVIL = '"><script>alert(1)</script>'


def document(**values: Any) -> DocumentPublic:
    plain: dict[str, Any] = {
        "id": "d1", "title": "Deal", "kb": "personal", "artist_id": None, "standing": "none", "status": "ready",
        "reason": None, "progress": 1.0, "pages": 3, "chunks": 14, "bytes": 2_500_000, "sha256": "",
        "created": datetime(2026, 5, 3, tzinfo=UTC), "answers": True,
    }  # fmt: skip
    return DocumentPublic.model_validate({**plain, **values})


def actions(html: str) -> set[str]:
    return {
        name
        for name in ("cancel", "retry", "replace", "download", "delete", "standing")
        if f'data-action="{name}"' in html
    }


def test_what_can_be_done_follows_the_state() -> None:
    assert actions(documents_html([document(status="embedding")], own=True)) == {
        "cancel",
        "download",
        "delete",
        "standing",
    }
    assert actions(documents_html([document(status="failed")], own=True)) == {
        "retry",
        "replace",
        "download",
        "delete",
        "standing",
    }
    ready = documents_html([document()], own=True)
    assert actions(ready) == {"replace", "download", "delete", "standing"}
    assert "3 pages · 14 passages · 2.5 MB · 03 May 2026" in ready
    assert actions(documents_html([document()], own=False)) == set()


def test_going_failed_and_partly_read_documents_say_so() -> None:
    assert 'value="40"' in documents_html([document(status="embedding", progress=0.4)], own=True)
    assert "It is damaged." in documents_html([document(status="failed", reason="It is damaged.")], own=True)
    assert "Page 3 is a scan." in documents_html([document(reason="Page 3 is a scan.")], own=True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "stored"}, "Waiting"),
        ({"status": "parsing"}, "Reading the file"),
        ({"status": "parsing", "detail": {"pages": 12, "pages_read": 2, "models": {}}}, "Reading page 3 of 12"),
        ({"status": "parsing", "detail": {"pages": 12, "pages_read": 12, "models": {}}}, "Reading page 12 of 12"),
        (
            {
                "status": "embedding",
                "detail": {"pages": 1, "chunks": 40, "models": {"a": [40, 40], "b": [0, 40]}, "seconds_left": 12},
            },
            "Indexing 20 of 40 passages, about 12 s left",
        ),
        (
            {
                "status": "embedding",
                "detail": {"pages": 1, "chunks": 40, "models": {"a": [4, 40]}, "seconds_left": 300},
            },
            "Indexing 4 of 40 passages, about 5 min left",
        ),
        (
            {
                "status": "embedding",
                "detail": {"pages": 1, "chunks": 40, "models": {"a": [0, 40]}, "seconds_left": None},
            },
            "Indexing 0 of 40 passages",
        ),
        ({"status": "failed"}, "Failed"),
    ],
)
def test_progress_in_words(values: dict[str, Any], words: str) -> None:
    assert doing(document(**values)) == words


def test_a_new_version_on_its_way_says_that_the_old_one_answers() -> None:
    html = documents_html([document(status="embedding", version=2, answers=True)], own=True)
    assert "the one before answers until it is ready" in html
    assert "version 2" in html
    assert "the one before" not in documents_html([document(status="embedding", answers=False)], own=True)


def test_the_standing_is_the_one_chosen() -> None:
    html = documents_html([document(standing="signed")], own=True)
    assert '<option value="signed" selected>Signed</option>' in html
    assert html.count(" selected") == 1
    assert "signed" in documents_html([document(standing="signed", kb="global")], own=False)


def test_nothing_from_outside_is_markup() -> None:
    html = documents_html([document(title=EVIL, reason=EVIL, id=EVIL)], own=True)
    assert "<script" not in html


def test_unfinished_is_what_changes_by_itself() -> None:
    states = ("received", "stored", "parsing", "embedding", "indexing", "ready", "failed")
    assert [is_unfinished(document(status=state)) for state in states] == [True] * 5 + [False] * 2
