"""Intent and the direct flag by rules: what decides when no language model does, or when it is late or wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.models import Intent


@dataclass(frozen=True, slots=True)
class Classification:
    """What a question needs (design 2). `by` is model or rules; `reason` is a short phrase for the trace."""

    intent: Intent
    direct: bool
    reason: str
    by: str = "rules"


_SMALL_TALK = re.compile(
    r"^\W*((hi|hello|hey|yo|hiya|good (morning|afternoon|evening|day|night)|greetings|thanks?( you)?( (so|very) much)?|thx|ty|cheers|"
    r"bye|goodbye|see you|ok(ay)?|great|cool|nice|perfect|awesome|got it|how are you( doing)?( today)?|how's it going|"
    r"what'?s up|who are you|what can you do|what are you|can you help( me)?|help|test(ing)?|there|again|a lot|everyone|"
    r"ai|manager|for (your|the) help|that (helps|helped)( a lot)?|much appreciated)\W*)+$",
    re.IGNORECASE,
)
_WRITING = re.compile(
    r"\b(draft|write|rewrite|rephrase|reword|polish|proof-?read|edit|shorten|translate|summari[sz]e|improve|tighten|"
    r"rhyme|brainstorm|finish|come up with|suggest (a )?(title|name|rhyme|hook|line)s?|feedback on)\b",
    re.IGNORECASE,
)
_PIECE = re.compile(
    r"\b(bio|biography|chorus|verse|bridge|hook|lyrics?|caption|e-?mail|press release|pitch|post|tweet|newsletter|"
    r"song (title|concept|idea)|title|slogan|tagline|poem|line|rhyme|paragraph|text|message|cover letter|thank[- ]you note)s?\b",
    re.IGNORECASE,
)
_PASTED = re.compile(r"\n\s*\S.*\n\s*\S|[\"“”][^\"“”]{60,}[\"“”]")
_OWN = re.compile(r"\b(my|mine|our|ours|me|i|i'm|i've|i'd|we|we're|we've|us|myself)\b", re.IGNORECASE)
_OWN_PAPER = re.compile(
    r"\b(my|our|this|that|the|her|his|their)\s+(\w+\s+){0,3}"
    r"(contract|agreement|deal|document|file|pdf|upload|statement|invoice|split sheet|press kit|bio|epk|rider|report|notes?|"
    r"catalogue|catalog|discography|lyrics|letter|term|commission|clause|licensee|licensor|artist|manager|label|distributor|"
    r"publisher|effective date|expiration|royalt(y|ies)|advance|album|single|ep|tour|fee|rate|share|splits?)s?\b",
    re.IGNORECASE,
)
_PAPER_FACT = re.compile(
    r"\b(governing law|governed by|effective date|expir(y|ation|es?)|renewal term|notice period|who (are the parties|signed)|"
    r"parties (to|of|in)|according to|in the (contract|agreement|document|file|statement|report)|"
    r"does (it|the (contract|agreement)) say|under (the|this|my) (contract|agreement|deal)|uploaded|signed)\b",
    re.IGNORECASE,
)
_GENERAL = re.compile(
    # "What is a ..." asks about the industry; "what is the ..." is as likely about a paper.
    r"\b((what is|what's|what are|how much (is|are)|(how|when|why|how much) do(es)?)"
    r"(?! (the|this|that|these|those|my|our|his|her|their|its)\b)|what does .{1,40} mean|explain|define|"
    r"difference between|in general|usual(ly)?|typically|typical|normally|customary|average|standard|industry|market|trend(s|ing)?|"
    r"best practices?|which (platforms?|organi[sz]ations?|societ(y|ies))|examples? of|who (pays|collects|owns))\b",
    re.IGNORECASE,
)
_ADVICE = re.compile(
    r"\b(should|could|can|ought|best way|recommend|advise|advice|help me|plan|strategy|next step|approach|grow|increase|maximi[sz]e|"
    r"price|negotiate|prepare|budget|get (more|better)|find|build|market|promote|release|pitch|hire|invest|worth|compare|"
    r"is (it|that|this) (fair|normal|good|ok|usual|standard)|fair|normal)\b",
    re.IGNORECASE,
)


def classify(question: str) -> Classification:
    """Intent and direct flag of `question` from its wording alone."""
    if (direct := _direct(question)) is not None:
        return direct
    own = bool(_OWN.search(question))
    paper = bool(_OWN_PAPER.search(question))
    fact = bool(_PAPER_FACT.search(question))
    general = bool(_GENERAL.search(question))
    advice = bool(_ADVICE.search(question))
    if advice and (own or paper):
        return Classification("hybrid", False, "advice about your own situation")
    if fact or (paper and not general):
        return Classification("personal", False, "asks for a fact from your own papers")
    if (own or paper) and general:
        return Classification("hybrid", False, "your own situation and how the industry does it")
    if own:
        return Classification("personal", False, "speaks of what is yours")
    if advice and not general:
        return Classification("hybrid", False, "asks for advice")
    if general:
        return Classification("global", False, "asks how the industry works")
    # Nothing decides: looking in both is the mistake that costs least.
    return Classification("hybrid", False, "could be about your papers or the industry")


def _direct(question: str) -> Classification | None:
    if _SMALL_TALK.match(question.strip()):
        return Classification("global", True, "small talk")
    asks_to_write = _WRITING.search(question) and _PIECE.search(question)
    if asks_to_write and _PASTED.search(question):
        return Classification("personal", True, "work on pasted text")
    if asks_to_write and not re.search(r"\b(contract|agreement|clause|statement|deal)s?\b", question, re.IGNORECASE):
        return Classification("personal", True, "writing help")
    lines = [line for line in question.splitlines() if line.strip()]
    if len(lines) >= 4 and "?" not in question and max(map(len, lines)) < 90:
        return Classification("personal", True, "pasted lyrics or text")
    return None
