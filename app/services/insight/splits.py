"""Split sheets: who has which share of a song, whether the shares make a whole, and who has not signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.services.insight.facts import Fact
from app.services.insight.page_texts import PageText


@dataclass(frozen=True, slots=True)
class Sheet:
    facts: list[Fact] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def find_splits(pages: Sequence[PageText]) -> Sheet:
    return Sheet()
