"""What kind of document it is, by its title and its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.services.insight.page_texts import PageText

# What a list of documents can be asked for; "contract" stands for agreements of every kind.
DocumentKind = Literal[
    "contract", "management", "publishing", "producer", "sync", "distribution", "recording", "live", "collaboration",
    "split_sheet", "royalty_statement", "invoice", "quote", "lyrics", "press_release", "press_kit", "bio", "rider", "set_list",
    "plan", "letter", "table", "guide", "other",
]  # fmt: skip
SPLITS, GUIDE, OTHER, CONTRACT, LETTER = "split_sheet", "guide", "other", "contract", "letter"
LOOKED_AT = 3  # pages, of which the first one counts most
TITLE, HEAD, BODY = 6.0, 4.0, 1.0  # what a sign is worth in the title, at the top of the first page, further down
HEAD_CHARS = 400
MOST_BODY = 4.0  # however often a word comes
ENOUGH = 4.0
MANY_CLAUSES = 4  # words of contracts that make a contract of a paper which names itself nothing


@dataclass(frozen=True, slots=True)
class Kind:
    """`named`: how such a paper calls itself; `words`: what stands in it."""

    id: str
    label: str
    named: re.Pattern[str]
    words: re.Pattern[str]


def _kind(id_: str, label: str, named: str, words: str) -> Kind:
    return Kind(id_, label, re.compile(rf"\b(?:{named})\b", re.I), re.compile(rf"\b(?:{words})\b", re.I))


_DEED = r"\W+(?:agreement|contract|deal|declaration|short\s+form|term\s+sheet|deal\s+memo|memo)"
# Special kinds stand before general ones: of two that fit equally well the first is taken.
KINDS: tuple[Kind, ...] = (
    _kind(SPLITS, "Split sheet", r"split\W?sheets?|songwriter\W+splits?|splits?\W+agreement|writers?\W+splits?|split\W+letter",
          r"writer\W+share|publisher\W+share|ipi|co-?writers?|percentage\s+of\s+ownership|(?:will|shall)\s+own"),
    _kind("management", "Management agreement", rf"(?:artist\W+|personal\W+)?manage(?:ment|r){_DEED}", r"the\s+manager|"
          r"commission|sunset"),
    _kind("publishing", "Publishing agreement", rf"(?:co-?|music\W+)?(?:publishing|administration|songwriter){_DEED}|"
          rf"writer\W+agreement",
          r"the\s+publisher|compositions?|mechanical\s+royalt\w+|performing\s+rights?"),
    _kind("producer", "Producer agreement", rf"(?:producer|production|mixing|mixer|beat\W+(?:lease|licen[cs]e|purchase)){_DEED}|"
          r"beat\W+(?:lease|licen[cs]e)", r"the\s+producer|beats?|producer\s+royalt\w+|points?\s+of\s+the\s+net"),
    _kind("sync", "Sync licence", rf"sync(?:hroni[sz]ation)?\W+(?:use\W+|rights?\W+)?(?:licen[cs]e|license|"
          rf"quote\s+request)(?:{_DEED})?|"
          rf"master\W+use\W+licen[cs]e|sync{_DEED}", r"synchroni[sz]ation|audiovisual|scene|master\s+use"),
    _kind("distribution", "Distribution agreement", rf"(?:digital\W+|music\W+)?distribut(?:ion|or){_DEED}|label\W+services{_DEED}",
          r"the\s+distributor|stores|digital\s+service\s+providers"),
    _kind("recording", "Recording agreement", rf"(?:exclusive\W+)?(?:recording|record|artist|label|licen[cs]e\W+of\W+masters?){_DEED}|"
          r"master\W+licen[cs]e(?:\W+agreement)?", r"the\s+(?:label|company)|masters?|records?|recoup\w*|delivery\s+commitment"),
    _kind("live", "Live performance agreement", rf"(?:live\W+|performance|booking|concert|gig|engagement|artist\W+booking|"
          rf"agency){_DEED}",
          r"the\s+(?:promoter|purchaser|venue|agent)|set\s+length|sound\s?check|guarantee"),
    _kind("collaboration", "Collaboration agreement", rf"(?:collaboration|band|partnership|inter-?band|joint\W+venture|feature|"
          rf"featured\W+"
          rf"artist|remix|work\W+for\W+hire|session\W+musician|side\W?artist){_DEED}", r"collaborators?|band\s+members?|"
          r"work\s+made\s+for\s+hire"),
    _kind(CONTRACT, "Contract", r"(?:\w+\W+)?(?:agreement|contract)|terms\s+and\s+conditions|nda|"
          r"memorandum\s+of\s+understanding|licen[cs]e",
          r"hereby|hereto|herein|thereof|whereas|witnesseth|in\s+witness\s+whereof|party|parties|governing\s+law|terminat\w+|"
          r"indemnif\w+|"
          r"this\s+agreement|undersigned"),
    _kind("royalty_statement", "Royalty statement", r"(?:royalt(?:y|ies)|sales|streaming|earnings|accounting|payment|distribution)\W+"
          r"(?:statements?|reports?)|statement\s+of\s+(?:account|royalties)", r"units|streams|net\s+(?:revenue|amount|euros|"
          r"usd)|royalt\w+\s+payable|"
          r"isrc|dsp|territory|period"),
    _kind("invoice", "Invoice", r"(?:pro\W?forma\W+)?invoice|bill\s+for\s+services", r"invoice\s+(?:no|number|date)|"
          r"amount\s+due|vat|subtotal|iban|bill\s+to"),
    _kind("quote", "Quote or budget", r"(?:price\W+)?quot(?:e|ation)|estimate|budget|price\s+list|rate\s+card", r"line\s+item|"
          r"per\s+(?:day|hour|song|track)|total"),
    _kind("lyrics", "Lyrics", r"lyrics?|song\W?text", r"verse(?:\s+\d)?|chorus|bridge|pre-?chorus|outro|refrain"),
    _kind("press_release", "Press release", r"press\W+release|for\s+immediate\s+release|media\s+release", r"press\s+contact|"
          r"announces?|out\s+now|for\s+fans\s+of"),
    _kind("press_kit", "Press kit", r"(?:electronic\W+)?press\W?kit|epk|one\W?sheet", r"reviews?|press\s+quotes?|downloads?|"
          r"photos?|booking\s+contact"),
    _kind("bio", "Biography", r"bio(?:graphy)?|about\s+the\s+(?:artist|band)", r"debut|born\s+in|raised|critics|toured|"
          r"influences|reviewers"),
    _kind("rider", "Rider", r"(?:technical|tech|hospitality|stage)\W+rider|rider|stage\W?plot|input\s+list", r"di\s+box(?:es)?|"
          r"monitors?|backline|dressing\s+room|foh"),
    _kind("set_list", "Set list", r"set\W?list", r"encore|set\s+length"),
    _kind("plan", "Plan or notes", r"(?:release|marketing|rollout|campaign|tour|business|action)\W+(?:plan|strategy|schedule|"
          r"calendar|timeline)|"
          r"meeting\W+(?:notes|minutes)|minutes|to\W?do", r"deadline|milestone|next\s+steps?|budget"),
    _kind("letter", "Letter or e-mail", r"(?:e-?mail|letter|correspondence)(?:\s+(?:to|from|with))?", r"dear|kind\s+regards|"
          r"best\s+wishes|sincerely|subject"),
)  # fmt: skip
LABELS = {kind.id: kind.label for kind in KINDS} | {GUIDE: "Industry guide", OTHER: "Other document", "table": "Table"}
CONTRACTS = frozenset("management publishing producer sync distribution recording live collaboration contract".split())
# Lyrics name days of the week and of the heart; tables name hundreds.
SPECIAL = CONTRACTS - {CONTRACT}
DATED = frozenset(kind.id for kind in KINDS) - {"lyrics", "set_list", "royalty_statement"} | {OTHER}
_CAPITALS = re.compile(r"[^a-z]{6,80}|(?:(?:[A-Z(][\w-]*|of|and|for|the|[/&–-])[ \t)]*){2,8}")
_SECTIONS = re.compile(r"(?:^|\n)\W*(?:verse|chorus|bridge|pre-?chorus|hook|outro|refrain)\b", re.I)


def kind_of(title: str, suffix: str, kb: str, pages: Sequence[PageText]) -> str:
    """An id of `LABELS`. The industry's own pages are guides, whatever they speak of, unless they are a contract's form."""
    text = "\n".join(page.text for page in pages[:LOOKED_AT])
    scored = [(_score(kind, title, text), -place, kind.id) for place, kind in enumerate(KINDS)]
    best, _, found = max(scored)
    if found == CONTRACT:  # one that calls itself by a name of its own is that, however many words of contracts it has
        best, _, found = max([one for one in scored if one[2] in _titled(title, text)], default=(best, 0, found))
    if kb == "global":
        return GUIDE
    if len(_SECTIONS.findall(text)) >= 2 and found not in CONTRACTS:
        return "lyrics"
    if best < ENOUGH:
        return "table" if suffix in (".csv", ".tsv", ".xlsx") else OTHER
    if found in CONTRACTS and suffix in (".csv", ".tsv", ".xlsx"):
        return "table"
    return found


def ids_of(kind: DocumentKind) -> frozenset[str]:
    """The kinds that one of a list's filter stands for."""
    return CONTRACTS if kind == CONTRACT else frozenset((kind,))


def label_of(kind: str) -> str:
    return LABELS.get(kind, LABELS[OTHER])


def _titled(title: str, text: str) -> set[str]:
    """The kinds of agreement that its title, or a line of capitals at its top, calls it."""
    lines = [title, *(line for line in text[:HEAD_CHARS].split("\n") if _CAPITALS.fullmatch(line.strip()))]
    return {kind.id for kind in KINDS if kind.id in SPECIAL and any(map(kind.named.search, lines))}


def _score(kind: Kind, title: str, text: str) -> float:
    head = text[:HEAD_CHARS]
    score = TITLE * bool(kind.named.search(title)) + HEAD * bool(kind.named.search(head))
    words = {" ".join(match.group().lower().split()) for match in kind.words.finditer(text)}
    if kind.id == CONTRACT:
        # A paper that only calls itself an agreement may be any of those above: its own words weigh less than theirs.
        return score * 0.5 + (ENOUGH if len(words) >= MANY_CLAUSES else 0.0)
    if kind.id == LETTER:  # a letter may be about any of them
        score *= 0.75
    return score + (min(MOST_BODY, BODY * len(words)) if score else 0.0)
