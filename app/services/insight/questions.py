"""What to ask a lawyer: about clauses of the checklist that were not found, and about words that leave a thing open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.services.insight.clauses import Clause, Entry, checklist, compiled

# Words that leave a thing open, and what to ask; the words themselves are quoted in the question.
OPEN_WORDS = tuple(
    (compiled(pattern), question)
    for pattern, question in (
        (
            r"\[ ?[*●•_ ]{1,12} ?\]|\*{3,}|_{4,}|\bTB[AD]\b|\[ ?(?:date|amount|name|number|insert)[^\]]{0,30}\]",
            "a blank stands here; what is to be filled in?",
        ),
        (
            r"\bto be (?:mutually )?(?:agreed|determined|negotiated|confirmed)\b|\bas (?:may be )?(?:mutually )?agreed\b",
            "“{}” leaves it open; what holds if nothing is agreed?",
        ),
        (r"\b(?:sole and absolute|sole|absolute) discretion\b", "“{}” lets one side decide alone; can a limit be set?"),
        (
            r"\bin perpetuity\b|\bperpetual(?:ly)?\b|\bfor the (?:full )?(?:life|term|duration) of (?:the )?copyright\b",
            "“{}” has no end; can it be given for a number of years?",
        ),
        (
            r"\bindustry standards?\b|\bcustomary\b|\b(?:prevailing|standard) (?:rate|practice|deduction)s?\b",
            "“{}” names no figure; which one is meant?",
        ),
        (
            r"\b(?:all|any) (?:reasonable )?(?:costs|expenses|charges)\b|\breasonable (?:costs|expenses|charges|fees)\b",
            "“{}” has no upper limit; can one be set?",
        ),
        (
            r"\b(?:best|commercially reasonable|reasonable) (?:efforts|endeavours)\b",
            "“{}” promises no result; what exactly is to be done, by when?",
        ),
    )
)


def questions_of(clauses: Sequence[Clause | Mapping[str, Any]], kind: str = "contract") -> list[str]:
    """Questions in the order of the checklist, each as "Label: question."

    `clauses`: as `find_clauses` gives them, or as the table `document_insights` keeps them. `kind`: an id of a kind of
    agreement; a clause that is not usual in such agreements is not asked about (an unknown kind is taken for "contract").
    """
    entries = {entry.name: entry for entry in checklist()}
    known = kind if any(kind in entry.usual for entry in entries.values()) else "contract"
    asked: list[str] = []
    for clause in clauses:
        row = clause.as_json() if isinstance(clause, Clause) else clause
        entry = entries.get(str(row.get("name")))
        if entry is None:  # of an older checklist
            continue
        if row.get("found"):
            asked += [f"{entry.label}: {question}" for question in _left_open(entry, str(row.get("quote") or ""))]
        elif known in entry.usual:
            asked.append(f"{entry.label}: no clause was found. {entry.ask}")
    return asked


def _left_open(entry: Entry, quote: str) -> list[str]:
    found = []
    for pattern, question in OPEN_WORDS:
        if match := pattern.search(quote):
            found.append(question.format(" ".join(match[0].split())))
    if not found and entry.needs is not None and not entry.needs.search(quote):
        found.append(f"the clause names no figure. {entry.ask}")
    return found
