"""Who, how much and where: parties, money, rates and territory of a document, found by rules, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.services.insight.page_texts import PageText, Place


@dataclass(frozen=True, slots=True)
class Fact:
    """`kind`: party, money, rate, territory, share or date. `name` says of what, `value` what; the quote holds the value."""

    kind: str
    name: str
    value: str
    place: Place
    by: str = "rules"

    def as_json(self) -> dict[str, Any]:
        place = {"page": self.place.page, "start": self.place.start, "end": self.place.end, "quote": self.place.quote}
        return {"kind": self.kind, "name": self.name, "value": self.value, **place, "by": self.by}


def find_facts(pages: Sequence[PageText], kind: str) -> list[Fact]:
    return []
