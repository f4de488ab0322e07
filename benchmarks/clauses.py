"""The clause checklist over real contracts whose clauses lawyers have marked (CUAD): `python -m benchmarks.clauses`.

Prints one JSON line for each category, and one for all, of each half of the contracts and of both:

- `found`: of the clauses that are there, those whose quote overlaps a marked span (the best quote alone, not the further ones);
- `false`: of the clauses that are absent, those that were reported as found nevertheless.

Every second contract, in the order of their names, is `tuned`: its clauses were read while the rules were written. Those of the
others (`held_out`) were first read after the figures under HELD_OUT had been taken; what they then showed to be missing in general
was added. `--text` reads the contracts' text files, each as one page, in place of their PDFs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.indexes.readers import read_pages
from app.services.insight.clauses import Clause, find_clauses
from benchmarks.labelled import CLAUSES, SHARED, located

# Category of CUAD -> clauses of the checklist, any of which answers it.
#
# - Expiration Date: "on what date will the contract's initial term expire", our term.
# - Renewal Term: "automatic extensions and unilateral extensions", our options and renewals.
# - Exclusivity: "an exclusive dealing commitment" or the ban on dealing with others, ours too.
# - Revenue/Profit Sharing: a share of revenue is a royalty where the rights' owner gets it and a commission where a helper does.
# - Audit Rights, Anti-Assignment, Governing Law: the same under other names.
# - Termination For Convenience: a kind of termination. The reverse does not hold: nearly every contract may be ended for a
#   breach, which is termination in our checklist and not in this category. So its absence there says nothing about ours.
#
# No category stands for territory, advance, recoupment, deductions, key person, sunset and reversion: Minimum Commitment is what
# one must buy or pay, Change Of Control is about the company and not about a person in it, Post-Termination Services are what is
# still to be done and not what is still to be paid, Non-Compete binds after or beside the deal. Their wording is tested on
# sentences of music contracts (tests/services/insight/deals.yaml).
MAPPING: dict[str, tuple[str, ...]] = {
    "Expiration Date": ("term",),
    "Renewal Term": ("options",),
    "Exclusivity": ("exclusivity",),
    "Revenue/Profit Sharing": ("royalty", "commission"),
    "Audit Rights": ("audit",),
    "Anti-Assignment": ("assignment",),
    "Governing Law": ("governing_law",),
    "Termination For Convenience": ("termination",),
}
ONE_WAY = frozenset(["Termination For Convenience"])
# What the rules scored on the held-out half before anybody had read it.
HELD_OUT = {"found": 49, "there": 54, "false": 3, "absent": 17}

Pages = list[tuple[int, str]]
Spans = list[tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract's pages, the spans of each category that is there, and the categories that are absent."""

    name: str
    half: str
    pages: Pages
    there: dict[str, Spans]
    absent: frozenset[str]


@dataclass(slots=True)
class Score:
    found: int = 0
    there: int = 0
    false: int = 0
    absent: int = 0

    def add(self, other: Score) -> None:
        self.found += other.found
        self.there += other.there
        self.false += other.false
        self.absent += other.absent

    def as_json(self) -> dict[str, Any]:
        rates = {
            "found_rate": round(self.found / max(1, self.there), 3),
            "false_rate": round(self.false / max(1, self.absent), 3),
        }
        return {"found": self.found, "there": self.there, "false": self.false, "absent": self.absent, **rates}


def contracts(text_files: bool = False) -> Iterator[Contract]:
    rows = sorted(json.loads(CLAUSES.read_text(encoding="utf-8"))["contracts"], key=lambda row: str(row["id"]))
    for number, row in enumerate(rows):
        if text_files:
            pages = [(1, row["text"])]
        else:
            pages = [(page.number, page.text) for page in read_pages(SHARED / row["pdf_file"], ".pdf")]
        there: dict[str, Spans] = {}
        for question in row["questions"]:
            spans = [(answer["start"], answer["end"]) for answer in question["answers"]]
            there[question["category"]] = (
                [(1, *span) for span in spans] if text_files else located(row["text"], pages, spans)
            )
        absent = frozenset(row["unanswerable_categories"])
        yield Contract(row["id"], "held_out" if number % 2 else "tuned", pages, there, absent)


def score(contract: Contract, clauses: Sequence[Clause]) -> dict[str, Score]:
    """By category. Raises `ValueError` for a quote that is no part of its page."""
    texts = dict(contract.pages)
    by_name = {clause.name: clause for clause in clauses}
    for clause in clauses:
        if clause.found and texts[clause.page or 0][clause.start : clause.end] != clause.quote:
            raise ValueError(f"the quote of {clause.name} is not on page {clause.page} of {contract.name}")
    scores = {}
    for category, names in MAPPING.items():
        mine = [by_name[name] for name in names]
        if category in contract.there:
            hit = any(_overlaps(clause, contract.there[category]) for clause in mine)
            scores[category] = Score(found=int(hit), there=1)
        elif category in contract.absent and category not in ONE_WAY:
            scores[category] = Score(false=int(any(clause.found for clause in mine)), absent=1)
    return scores


def total(scores: Iterable[Score]) -> Score:
    whole = Score()
    for one in scores:
        whole.add(one)
    return whole


def _overlaps(clause: Clause, spans: Spans) -> bool:
    return clause.found and any(
        clause.page == page and clause.start < end and start < clause.end for page, start, end in spans
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", action="store_true", help="the contracts' text files in place of their PDFs")
    arguments = parser.parse_args()
    read = list(contracts(text_files=arguments.text))
    began = time.perf_counter()
    scored = [(contract, score(contract, find_clauses(contract.pages))) for contract in read]
    seconds = round(time.perf_counter() - began, 2)
    head = {"benchmark": "clauses", "source": "text" if arguments.text else "pdf"}
    for half in ("tuned", "held_out", "both"):
        mine = [scores for contract, scores in scored if half in (contract.half, "both")]
        for category in MAPPING:
            figures = total(scores[category] for scores in mine if category in scores).as_json()
            print(json.dumps({**head, "half": half, "category": category, **figures}))
        whole = total(one for scores in mine for one in scores.values()).as_json()
        print(json.dumps({**head, "half": half, "category": "all", "contracts": len(mine), **whole}))
    print(
        json.dumps({**head, "half": "held_out", "category": "all, before it was read", **Score(**HELD_OUT).as_json()})
    )
    print(json.dumps({**head, "seconds": seconds, "contracts": len(scored)}))


if __name__ == "__main__":
    main()
