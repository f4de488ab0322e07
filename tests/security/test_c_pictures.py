"""C3, C4 where a page is drawn: what is hostile ends in time with a picture or one sentence, and nothing stays behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import IngestionSettings, child_environment
from app.errors import NotFound, UnsupportedFile
from app.indexes.page_pictures import Mark, Picture, draw_page
from tests.documents import SHARED, needs_shared
from tests.security.hostile import own_peak
from tests.security.test_c_pdf import (
    cyclic_pages,
    cyclic_prev,
    fan_of_forms,
    form_of_itself,
    inline_image_without_end,
    lzw,
    no_root_huge_size,
    outline_loop,
    own_parent,
)

SECONDS = 1.0
WILD = (
    "pdf.js__bomb_giant", "pdf.js__operator_list_cycle", "pdf.js__Pages-tree-refs", "pdf.js__poppler-395-0-fuzzed",
    "pdf.js__poppler-742-0-fuzzed", "pdf.js__poppler-85140-0", "pdfminer.six__aes-256", "pdfplumber__password-example",
)  # fmt: skip


def drawn(path: Path, work: Path) -> Picture | str:
    """The picture, or the sentence; in time, without memory of ours, and nothing stays behind."""
    began, memory = time.monotonic(), own_peak()
    marks = (Mark("Words of a passage that stands nowhere.", 10),)
    limits = IngestionSettings(page_seconds=SECONDS, read_memory_mb=400)
    try:
        found: Picture | str = draw_page(path, ".pdf", 1, marks, limits, child_environment(), work)
    except (UnsupportedFile, NotFound) as error:
        found = error.sentence
    assert time.monotonic() - began < SECONDS + 2
    assert own_peak() - memory < 60_000_000, "a picture and its JSON, at most"
    assert list(work.iterdir()) == []
    return found


@pytest.mark.parametrize(
    "make",
    [
        cyclic_pages, own_parent, cyclic_prev, outline_loop, no_root_huge_size, inline_image_without_end, form_of_itself,
        lzw, fan_of_forms,
    ],
)  # fmt: skip
def test_a_hostile_page_costs_a_sentence_at_most(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    found = drawn(make(tmp_path / "hostile.pdf"), tmp_path / "work")
    assert isinstance(found, Picture) or found.endswith(".")


@needs_shared
@pytest.mark.parametrize("name", WILD)
def test_hostile_pages_met_in_the_wild(tmp_path: Path, name: str) -> None:
    found = drawn(SHARED / "pdf" / f"{name}.pdf", tmp_path / "work")
    assert isinstance(found, Picture) or found.endswith(".")
    if "password" in name or "aes" in name:
        assert "password" in str(found)
