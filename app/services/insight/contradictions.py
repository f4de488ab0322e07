"""Two documents about the same deal or song that say different things: both are named, none is picked (design rule 12)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.retrievers.disagreement import values
from app.services.insight.dates import AGREED, ENDS, NOTICE, OPTION, STARTS
from app.services.insight.kinds import CONTRACTS, SPLITS

Json = Mapping[str, Any]

ALIKE = 0.6  # of the words of both titles, without what tells versions apart
LESS_ALIKE = 0.34  # where a party is shared as well
MOST = 6  # of one document
DAYS = (AGREED, STARTS, ENDS, OPTION, NOTICE, "Delivery due", "Release", "Payment due")
SUMS = ("Advance", "Recording budget", "Deposit", "Guarantee", "Licence fee", "Fee")
RATES = (
    "Commission", "Merchandise", "Royalty", "Producer royalty", "Mechanical royalty", "Publishing share", "Distribution fee",
)  # fmt: skip
_VERSION = re.compile(
    r"^(?:draft|final|signed|unsigned|executed|copy|version|v?\d+|new|old|scan|revised|clean|redline|superseded|sample|pdf|docx|txt|md|"
    r"the|a|of|for|and|with)$"
)
_FIRM = re.compile(r"\b(?:inc|llc|ltd|limited|gmbh|corp|corporation|company|co|the)\b\.?|[^\w\s]")
_NOBODY = re.compile(r"^(?:person|individual|undersigned|one|party)\b")


@dataclass(slots=True)
class Paper:
    """A document that was read: what its profile holds, and how it stands. What it is compared by is worked out once."""

    document_id: str
    title: str
    kind: str
    standing: str
    facts: Sequence[Json]
    parties: frozenset[str] = field(init=False)
    songs: frozenset[str] = field(init=False)
    words: frozenset[str] = field(init=False)  # of its title, without what tells versions apart

    def __post_init__(self) -> None:
        said = {name: [one["value"].lower() for one in self.facts if one["kind"] == name] for name in ("party", "song")}
        names = {" ".join(_FIRM.sub(" ", name).split()) for name in said["party"]}
        self.parties = frozenset(name for name in names if name and not _NOBODY.match(name))
        self.songs = frozenset(said["song"])
        words = (word for word in re.findall(r"\w+", self.title.lower()) if not _VERSION.match(word))
        self.words = frozenset(words)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The same thing, said in two documents in two ways: a fact of either."""

    name: str
    mine: Json
    other: Paper
    theirs: Json


def contradictions(one: Paper, others: Sequence[Paper]) -> list[Contradiction]:
    """Where `one` is contradicted by others about the same deal. A document that was superseded contradicts nobody."""
    if one.standing == "superseded":
        return []
    return [
        found
        for other in others
        if other.document_id != one.document_id and other.standing != "superseded" and same_deal(one, other)
        for found in _apart(one, other)
    ][:MOST]


def same_deal(one: Paper, other: Paper) -> bool:
    """Of one kind, and between the same people; where a paper names nobody, its title must say so."""
    if one.kind != other.kind or one.kind not in CONTRACTS | {SPLITS}:
        return False
    if one.songs and other.songs:
        return bool(one.songs & other.songs)
    mine, theirs = one.parties, other.parties
    alike = _alike(one.words, other.words)
    if one.kind == SPLITS or not mine or not theirs:
        return alike >= ALIKE
    common = len(mine & theirs)
    return common >= 2 or (common == 1 and min(len(mine), len(theirs)) == 1 and alike >= LESS_ALIKE)


def _apart(one: Paper, other: Paper) -> list[Contradiction]:
    found = []
    for kind, names in (
        ("date", DAYS),
        ("rate", RATES),
        ("money", SUMS),
        ("territory", ("Territory",)),
        ("share", None),
    ):
        mine, theirs = _by_name(one, kind), _by_name(other, kind)
        for name in names or mine:
            if not mine.get(name) or not theirs.get(name):
                continue
            left, right = {_key(fact) for fact in mine[name]}, {_key(fact) for fact in theirs[name]}
            if "" not in left | right and not left & right:
                found.append(Contradiction(name, mine[name][0], other, theirs[name][0]))
    return found


def _by_name(paper: Paper, kind: str) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for fact in paper.facts:
        if fact["kind"] == kind:
            found.setdefault(fact["name"], []).append(fact)
    return found


def _key(fact: Json) -> str:
    """Equal for equal statements, however they are written; empty where nothing can be compared."""
    if fact["kind"] == "date":  # of one that follows from another, what is agreed is the rule
        return (
            " ".join(fact["value"].lower().split())
            if fact.get("rule") and fact["name"] != ENDS
            else fact.get("day") or ""
        )
    if fact["kind"] == "territory":
        text = fact["value"].lower()
        world = re.search(r"\b(?:world\w*|universe)\b", text) and not re.search(
            r"\b(?:exclud\w*|except|outside|without|not)\b", text
        )
        return "world" if world else " ".join(sorted(re.findall(r"\w+", text)))
    figures = [value for value in values(fact["value"]) if value.kind in ("percent", "money", "points")]
    return f"{figures[0].kind} {figures[0].key}" if figures else ""


def _alike(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / len(left | right) if left and right else 0.0
