"""Who, how much and where: parties, money, rates and territory of a document, found by rules, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.services.insight.kinds import CONTRACTS, SPLITS
from app.services.insight.page_texts import PageText, Place, around, place_of, plain, sentences

PARTY_PAGES = 2  # a contract names its parties at its beginning
MOST = {"party": 8, "money": 15, "rate": 12, "territory": 3}
SAYS_BEFORE, SAYS_AFTER = 120, 40  # characters around a figure in which its meaning is looked for
LONGEST_NAME = 120
HEADING_CHARS = 50
_NUMBERED = re.compile(r"(?:#+ |\d{1,2}(?:\.\d{1,2})*[.)])")


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


_I = re.IGNORECASE | re.DOTALL
# p/k/a "Night Ferry": a name in quotation marks that defines nothing
_KNOWN_AS = (
    r"(?:[pdafn]/k/a|d/b/a|(?:professionally\s+|commonly\s+)?known\s+as|trading\s+as|t/a)\s+[\"“][^\"”]{1,60}[\"”]"
)
# Nightingale Records, Inc., a Delaware corporation, located at ... ("Label")
_DEFINED = re.compile(
    r"(?P<name>(?:[^()\"“”;]|\([^()\"“”]{0,80}\)|"
    + _KNOWN_AS
    + r"){2,400}?)\s*,?\s*\((?:(?:herein\w*|hereafter|the|each|referred|known|called|"
    r"jointly|collectively|individually|to|"
    r"as|being|or|and)[\s,]+)*(?:[\"“](?:you|we|us)[\"”]\s+(?:or|and)\s+(?:the\s+)?)?"
    r"[\"“”'‘’](?:the\s+)?(?P<role>[A-Z][\w &/’'-]{1,40}?)[\"“”'’]",
    re.DOTALL,
)
_BETWEEN = re.compile(
    r"\b(?:by\s+and\s+)?(?:between|among)\b\W*|(?:^|\n)[ \t#*]*(?:the\s+)?parties:?[ \t*]*\n\s*(?=\(?1[.)])",
    re.IGNORECASE,
)
_NOT_A_PARTY = re.compile(
    r"^(?:agreement|contract|effective|term|initial|territory|services?|work|works|masters?|composition|songs?|albums?|net|"
    r"gross|royalt\w+|"
    r"fees?|advance|commission|date|exhibit|schedule|property|product|content|program|site|party|parties|compositions|recordings?|"
    r"commencement|period|licensed|confidential|marks?|law|board|sec|deal|track|beat)\b",
    re.IGNORECASE,
)
_NAME_ENDS = re.compile(
    r",?\s+(?:an?|the)\s+(?:[\w.&-]+\s+){0,6}?(?:corporation|company|partnership|llc|l\.l\.c\.|limited|organi[sz]ation|"
    r"individual|person|division|subsidiary|affiliate|"
    r"entity|resident|citizen|gmbh|trust)\b|,\s+(?:having|with|located|whose|of|residing|acting|incorporated|organi[sz]ed|"
    r"doing|and\s+its|"
    r"incorporated|registered|professionally|individually|p/k/a|d/b/a|"
    r"on\s+(?:the|behalf)|c/o|born|\d)|\s+(?:having|whose|residing|located|acting\s+(?:for|on))\b|\s+of\s+\d",
    re.IGNORECASE,
)
_PREAMBLE_ENDS = re.compile(
    r"\b(?:WHEREAS|RECITALS|WITNESSETH|BACKGROUND|NOW,?\s+THEREFORE)\b|\bwhereas\b|[.:]\s*\n\s*\d{1,2}[.)]\s"
)
_NO_NAME = re.compile(
    r"(?:through|of|as|located|residing|resident|individually|represented|having|an?\s+\w+\s+(?:corporation|company))\b",
    re.IGNORECASE,
)
_GRANT = re.compile(r"\b(?:rights?|licen[cs]\w*|grant\w*|territory|exploit\w*|distribut\w*)\b", re.I)
_NAME_BEGINS = re.compile(
    r"^(?:\W|\b\d{1,2}[.)]|\b(?:(?:individual|writer|songwriter|artist|producer|person)s?\s+"
    r"(?:p/k/a|(?:professionally\s+)?known\s+as)|the(?=\s+(?:individual|writer|songwriter|artist|producer|person)s?\s+(?:p/k/a|"
    r"professionally|known))|and|or|between|among|by|with|is|made|the\s+one\s+part|on\s+the\s+other\s+part|other\s+part|to)\b)+",
    re.I,
)
_LABELLED = re.compile(
    r"(?:^|\n)[ \t|*_#-]*(?P<role>artist|manager|management|label|company|publisher|writer|songwriter|composer|producer|"
    r"licensor|licensee|"
    r"distributor|promoter|purchaser|venue|agent|client|customer|bill(?:ed)?\s+to|from|to|payee|payor|party\s+[ab12]|band|contact|"
    r"act|employer|"
    r"contractor|issued\s+(?:by|to)|prepared\s+(?:by|for))[ \t*_]*[:|][ \t*_|]*(?P<name>[^\n|:]{2,120})",
    re.IGNORECASE,
)

_AMOUNT = re.compile(
    r"(?:US|CA|AU|A|C)?[$€£]\s?\d[\d,.' ]*\d?(?:\s?(?:million|thousand|[km])\b)?|\b\d[\d,.' ]*(?:\s?(?:million|"
    r"thousand))?\s?(?:euros?|"
    r"dollars|pounds(?:\s+sterling)?|USD|EUR|GBP|CHF|SEK|NOK|DKK)\b|\b(?:USD|EUR|GBP|CHF|SEK|NOK|DKK)\s?\d[\d,.' ]*\d?",
    re.IGNORECASE,
)
_NUMBERS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|"
    "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|half"
)
_RATE = re.compile(
    rf"\b(?:{_NUMBERS})(?:[\s-]+(?:and\s+)?(?:an?\s+)?(?:{_NUMBERS}))*\s+(?:percent|per\s+cent)\s*\(\s*\d+(?:[.,]\d+)?\s?%?\s*\)|"
    r"\b\d{1,3}(?:[.,]\d+)?\s?(?:%|percent\b|per\s+cent\b)|\b\d{1,2}(?:[.,]\d+)?\s+(?:royalty\s+)?points\b",
    re.IGNORECASE,
)


def _named(*pairs: tuple[str, str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((label, re.compile(rf"\b(?:{pattern})\b", _I)) for label, pattern in pairs)


_MONEY = _named(
    ("Advance", r"advances?|signing\s+bonus"),
    ("Recording budget", r"(?:recording|production|video|marketing)\s+(?:budget|fund|costs?)|budget"),
    ("Deposit", r"deposit|down\s+payment"),
    ("Guarantee", r"(?:minimum\s+)?guarantee[ds]?"),
    ("Licence fee", r"licen[cs]e\s+fee|sync(?:hroni[sz]ation)?\s+fee|master\s+(?:use\s+)?fee"),
    ("Fee", r"fees?|compensation|remuneration|price|retainer|salary|honorarium|rate"),
    ("Spending limit", r"spend|expenses?|not\s+(?:to\s+)?exceed|without\s+(?:asking|consent)|up\s+to"),
    ("Limit or threshold", r"below|less\s+than|more\s+than|at\s+least|exceeds?|threshold|minimum|maximum|cap(?:ped)?"),
    ("Amount due", r"total|amount\s+due|balance|payable|subtotal|net\s+amount|sum"),
    ("Insurance or damages", r"insurance|liabilit\w+|damages|penalt\w+"),
    ("Per diem", r"per\s+(?:diem|day|hour|song|track|show)"),
)
_RATES = _named(
    ("Merchandise", r"merch\w*"),
    (
        "Commission",
        r"commission\w*|manager\s+(?:receives|takes|is\s+entitled)|management\s+fee|agency\s+fee|booking\s+fee",
    ),
    ("Mechanical royalty", r"mechanicals?|controlled\s+composition\w*|statutory\s+rate"),
    ("Publishing share", r"publish\w+|writer'?s?\s+share|copyrights?"),
    ("Producer royalty", r"producer\s+(?:royalt\w+|share|points?)|points?"),
    (
        "Administration fee",
        r"administration\s+(?:fee|charge)|(?:administrator|administers?)\b.{0,30}\b(?:retains?|keeps?)",
    ),
    ("Distribution fee", r"distribution\s+fee|(?:distribut\w+|we)\s+(?:retains?|keeps?|receives?)"),
    ("Share of receipts", r"(?:door|box[\s-]office|gate|ticket)\s+(?:receipts|income|revenues?|sales|takings)"),
    (
        "Royalty",
        r"royalt\w+|net\s+(?:receipts|revenue|profits?|income|sales)|gross\s+(?:receipts|revenue)|suggested\s+retail|ppd",
    ),
    ("Interest", r"interest(?!\s+in\b)|late\s+payment"),
    ("Audit threshold", r"audit|underpa\w+|understate\w+|discrepan\w+"),
    ("Withholding or tax", r"(?<!plus\s)(?:tax(?:es)?|vat)|withh\w+"),
    ("Deposit", r"deposit|in\s+advance|upfront|on\s+signing"),
    ("Share", r"shares?|splits?|ownership|each"),
    ("Fee", r"fees?"),
)
# "the sum of" and "not less than" say less than any other word near a figure.
VAGUE = frozenset(("Amount due", "Limit or threshold"))
_TERRITORY = re.compile(
    r"[\"“”']?\bterritory[\"“”']?\)?\s*(?:[:|]|(?:shall\s+)?(?:means?|be|is|are|includes?|consists?\s+of|comprises?|"
    r"covers?))\s*[:|]?\s*(?P<is>[^.;\n|]{2,140})|"
    r"\b(?P<world>(?:throughout|in\s+all\s+(?:countries|territories)\s+of)\s+the\s+(?:world|universe)|worldwide|"
    r"the\s+entire\s+world)\b|"
    r"\b(?:in|throughout|for)\s+the\s+territor(?:y|ies)\s+of\s+(?P<of>[^.;\n|(]{2,100})",
    re.IGNORECASE,
)
_NO_TERRITORY = re.compile(
    r"(?:subject|not|only\s+if|defined|set\s+forth|granted|to\s+be|under|so|used)\b", re.IGNORECASE
)


def find_facts(pages: Sequence[PageText], kind: str) -> list[Fact]:
    """Parties, sums of money, rates and territory, each kind in the order of the pages, each said once."""
    found = [*(_defined(pages) if kind in CONTRACTS else ()), *_labelled(pages[:PARTY_PAGES])]
    if kind not in ("lyrics", SPLITS):  # shares are told in full by splits.py
        found += [*_figures(pages, "money", _AMOUNT, _MONEY, "Amount"), *_figures(pages, "rate", _RATE, _RATES, "")]
    if kind in CONTRACTS:
        found += _territory(pages)
    kept: list[Fact] = []
    seen: set[tuple[str, str, str]] = set()
    for fact in found:
        key = (fact.kind, fact.name.lower(), fact.value.lower())
        if key not in seen and sum(one.kind == fact.kind for one in kept) < MOST[fact.kind]:
            seen.add(key)
            kept.append(fact)
    return kept


def _defined(pages: Sequence[PageText]) -> Iterator[Fact]:
    """Of the sentence "between ... and ...": whoever gets a name in brackets there."""
    for page in pages[:PARTY_PAGES]:
        between = _BETWEEN.search(page.text)
        if between is None:
            continue
        over = _PREAMBLE_ENDS.search(page.text, between.end())
        roles: set[str] = set()
        for match in _DEFINED.finditer(
            page.text, between.end(), min(over.start() if over else len(page.text), between.end() + 2500)
        ):
            role = match["role"].strip()
            cut = _cut(page, match.start("name"), match.end("name"))
            if cut is None or _NOT_A_PARTY.search(role) or role.lower() in roles:
                continue
            if (
                roles
                and not re.match(r"\W*(?:and|,|;)", match["name"], re.IGNORECASE)
                and len(match["name"]) > LONGEST_NAME
            ):
                break  # the sentence is over: what follows defines other things
            roles.add(role.lower())
            yield Fact("party", role, plain(cut.quote), _quote(page, cut.start, match.end()))
        if roles:
            return


def _cut(page: PageText, start: int, end: int) -> Place | None:
    """The name at the beginning of a definition, without what is told about its bearer."""
    text = page.text[start:end]
    begins = _NAME_BEGINS.match(text)
    at = begins.end() if begins else 0
    ends = _NAME_ENDS.search(text, at + 2)
    place = place_of(page, start + at, start + (ends.start() if ends else len(text)))
    if (
        place is None
        or len(place.quote) > LONGEST_NAME
        or _NO_NAME.match(place.quote)
        or not re.search(r"[^\W\d_]{2}", place.quote)
    ):
        return None
    return place


def _labelled(pages: Sequence[PageText]) -> Iterator[Fact]:
    """ "Artist: ..." on a line of its own."""
    for page in pages:
        for match in _LABELLED.finditer(page.text):
            value = plain(match["name"])
            if value and not re.fullmatch(r"[\W_\d]*", value) and "___" not in value:
                place = place_of(page, match.start("role"), match.end("name"))
                if place is not None:
                    yield Fact("party", " ".join(match["role"].split()).capitalize(), value, place)


def _figures(
    pages: Sequence[PageText],
    kind: str,
    pattern: re.Pattern[str],
    names: Sequence[tuple[str, re.Pattern[str]]],
    otherwise: str,
) -> Iterator[Fact]:
    """Figures by what is said right around them; one that nothing is said about is left out without `otherwise`."""
    for page in pages:
        places = list(sentences(page))
        for match in pattern.finditer(page.text):
            inside = next((one for one in places if one.start <= match.start() < one.end), None)
            left = max(_said_from(places, inside), match.start() - SAYS_BEFORE)
            right = min(inside.end if inside else len(page.text), match.end() + SAYS_AFTER)
            name = _nearest(page.text[left : match.start()], page.text[match.end() : right], names) or otherwise
            value = " ".join(match.group().split()).rstrip(" ,.'")
            if name and re.search(r"\d|percent|per cent", value):
                yield Fact(kind, name, value, around(page, match.start(), match.end()))


def _said_from(places: Sequence[Place], inside: Place | None) -> int:
    """Where the words begin that say what a figure is: at its sentence, or at the short heading right before it."""
    if inside is None:
        return 0
    before = places[at - 1] if (at := places.index(inside)) else None
    headed = before is not None and len(before.quote) <= HEADING_CHARS and inside.start - before.end < 3
    return before.start if before is not None and headed and _NUMBERED.match(before.quote) else inside.start


def _nearest(before: str, after: str, names: Sequence[tuple[str, re.Pattern[str]]]) -> str:
    """The name whose word stands nearest to the figure; what comes before it counts as nearer."""
    found = [(len(before) - match.end(), label) for label, pattern in names for match in pattern.finditer(before)]
    found += [(match.start() * 2 + 8, label) for label, pattern in names for match in pattern.finditer(after)]
    telling = [one for one in found if one[1] not in VAGUE]
    return min(telling or found, key=lambda pair: pair[0])[1] if found else ""


def _territory(pages: Sequence[PageText]) -> Iterator[Fact]:
    for page in pages:
        for match in _TERRITORY.finditer(page.text):
            value = plain(match["is"] or match["world"] or match["of"] or "")
            place = around(page, match.start(), match.end())
            told = match["is"] is None or not _NO_TERRITORY.match(value)
            if value and told and (match["world"] is None or _GRANT.search(place.quote)):
                yield Fact("territory", "Territory", value, place)


def _quote(page: PageText, start: int, end: int) -> Place:
    """From the name to the end of its definition, brackets closed."""
    closing = page.text[end : end + 3].find(")")
    return place_of(page, start, end + closing + 1 if closing >= 0 else end) or Place(page.page, start, end, "")
