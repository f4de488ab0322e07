"""A clause sheet: what chosen contracts say about the usual points of a music deal, for a lawyer to begin with.

Each point is a quote with its page, or "not found"; nothing is interpreted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.services.exports.paper import (
    Block,
    Heading,
    Item,
    Items,
    Paper,
    Paragraph,
    Section,
    Span,
    Table,
    day_words,
    plain,
    strong,
)

NOT_FOUND = "Not found"
NOT_READ = "This document has not been examined for clauses yet. Make the sheet again in a minute."
NO_CONTRACT = "This does not read like a contract: no clauses of a music deal were looked for in it."
NOT_LEGAL = (
    "Found by a program that compares wording: a clause can be there and not be found, or be worded elsewhere in another way. "
    "Read the contract itself. Not legal advice."
)
HEAD = ("Contract", "Clause", "Found", "Page", "Quote")
STANDINGS = {"draft": "Draft", "signed": "Signed", "superseded": "Superseded"}


@dataclass(frozen=True, slots=True)
class Contract:
    """`clauses`: `{name, label, found, quote, page, start, end}` each; None where nobody has looked yet, empty
    where the document reads like something else."""

    title: str
    standing: str
    pages: int
    as_of: str
    clauses: Sequence[Mapping[str, Any]] | None
    questions: Sequence[str] = ()


def clause_paper(contracts: Sequence[Contract]) -> Paper:
    titles = ", ".join(one.title for one in contracts)
    return Paper(
        kind="Clause sheet",
        title=titles if len(contracts) == 1 else f"{len(contracts)} contracts",
        facts=(("Contracts", titles), ("For", "A lawyer's first look")),
        sections=tuple(Section(one.title, tuple(_contract(one))) for one in contracts),
        table=Table(HEAD, tuple(row for one in contracts for row in _rows(one)), (0.2, 0.15, 0.1, 0.1, 0.45)),
        small_print=(NOT_LEGAL,),
    )


def _contract(one: Contract) -> Iterator[Block]:
    told = [STANDINGS.get(one.standing, ""), f"{one.pages} page{'' if one.pages == 1 else 's'}"]
    told += [f"as of {day_words(one.as_of)}"] if one.as_of else []
    yield Paragraph(plain(" · ".join(word for word in told if word)), "note")
    if one.clauses is None:
        yield Paragraph(plain(NOT_READ), "warning")
        return
    if not one.clauses:
        yield Paragraph(plain(NO_CONTRACT), "warning")
        return
    found = [clause for clause in one.clauses if clause.get("found")]
    missing = [clause for clause in one.clauses if not clause.get("found")]
    if found:
        yield Heading("Found")
        yield Table(
            ("Clause", "Page", "Quote"),
            tuple((_label(clause), _page(clause), _quote(clause)) for clause in found), (0.2, 0.08, 0.72),
        )  # fmt: skip
    if missing:
        yield Heading("Not found")
        yield Paragraph(plain(", ".join(map(_label, missing))))
    if one.questions:
        yield Heading("Open questions")
        yield Items(tuple(Item(_question(words), mark=f"{at}.") for at, words in enumerate(one.questions, 1)))


def _rows(one: Contract) -> Iterator[tuple[str, ...]]:
    if not one.clauses:
        yield (one.title, "", "Not examined yet" if one.clauses is None else "No contract", "", "")
    for clause in one.clauses or ():
        found = bool(clause.get("found"))
        yield (one.title, _label(clause), "Found" if found else NOT_FOUND, _page(clause), _quote(clause))


def _question(words: str) -> tuple[Span, ...]:
    label, colon, rest = words.partition(": ")
    return (*strong(f"{label}: "), *plain(rest)) if colon else plain(words)


def _label(clause: Mapping[str, Any]) -> str:
    return str(clause.get("label") or str(clause.get("name", "")).replace("_", " ").capitalize())


def _page(clause: Mapping[str, Any]) -> str:
    return str(clause["page"]) if clause.get("found") and clause.get("page") else ""


def _quote(clause: Mapping[str, Any]) -> str:
    return " ".join(str(clause.get("quote") or "").split()) if clause.get("found") else ""
