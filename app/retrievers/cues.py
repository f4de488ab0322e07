"""What the wording of a question tells of its intent: yes-or-no cues, read by the model in `intent_model.json`."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

_PAPER = (
    r"(contract|agreement|deal|clause|section|paragraph|page|pdf|file|document|statement|invoice|rider|draft|version|sheet|notes?|"
    r"paper|licen[cs]e|offer|letter|mail|bio|profile|folder|report|kit|settlement|schedule|lyrics?)s?"
)

# Order is the order of the coefficients: `make bench` prints what training a changed table gives, `--write` keeps it.
CUES: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern, 0 if name in ("a name", "an acronym") else re.IGNORECASE)
    for name, pattern in {
        "mine": r"\b(my|mine|our|ours)\b",
        "me": r"\b(i|i'm|i've|i'd|me|myself|we|us|we're|we've)\b",
        "for me": r"\b(for|to) (me|us|my|our)\b",
        "definite": r"\b(the|this|that|these|those|both|it|they|them|their|his|her|its|he|she)\b",
        "indefinite": r"\b(a|an|any|every|each|one|someone|somebody|anyone|no)\b",
        "people in general": (
            r"\b(artists|producers|songwriters|writers|managers|labels|publishers|distributors|agents|agencies|societies|platforms|"
            r"services|bands|acts|musicians|promoters|festivals|listeners|studios|venues|companies|stores|streams|charts|"
            r"administrators|camps|tools|rules|countries|territories|organi[sz]ations)\b"
        ),
        "in general": (
            r"\b((what is|what's|what are|how much (is|are)|(how|when|why|how much) do(es)?)"
            r"(?! (the|this|that|these|those|my|our|his|her|their|its)\b)|what does .{1,40} mean|explain|define|"
            r"difference between|in general|usual(ly)?|typical(ly)?|normally|customary|average|standard|industry|market|trend(s|ing)?|"
            r"best practices?|which (platforms?|organi[sz]ations?|societ(y|ies))|examples? of|who (pays|collects|owns))\b"
        ),
        "bare what is": r"\b(what|how) (is|are|does|do) (?!(the|this|that|these|those|my|our|his|her|their|its|i|we|it|they)\b)",
        "asks to explain": (
            r"^\W*(explain|define|describe|tell me (about|something)|give an (overview|example)|"
            r"what (is|are) (a|an|meant|producer|best)\b)"
        ),
        "what should we": (
            r"\b(how|what|which|where|when|whom|who|why)\b.{0,25}\b(should|could|can|do|would|shall|must|ought) (i|we|my|our)\b"
        ),
        "weighs": (
            r"\b(should|ought|would|could|worth|wise|better|enough|suffice|realistic|sensible|reasonable|acceptable|fair|suits?|fits?|"
            r"too (much|early|soon|little|low|high))\b"
        ),
        "wants advice": (
            r"\b(i want|i'd like|we want|(my|our) (aim|goal)|help me|advise|recommend|suggest|propose|plan|strategy|improve|prepare|"
            r"next step|comes? next|what now)\b"
        ),
        "compares": (
            r"\b(compared?|similar|comparable|others|usual range|customary|normal|unusual|red flags?|risks?|dangerous|"
            r"negotiat\w+|room to)\b"
        ),
        "asks of the": r"^\W*(what|who|when|where|how \w+) (is|are|was|were|does|do) (the|it|they)\b ?(\w+\W*){0,3}$",
        "passive": r"\b(is|are|was|were|be|been) (\w+ed|given|held|known|made|meant|paid|put|sent|set|sold|split|taken|written)\b",
        "past": (
            r"\b(was|were|did|had|has been|have been|been|agreed|signed|paid|sent|listed|uploaded|mentioned|promised|earned|written|"
            r"received|offered|invoiced|noted|named|put)\b"
        ),
        "a paper": rf"\b{_PAPER}\b",
        "this paper": rf"\b(the|this|that|these|those|last|our|my|both)\s+(\w+\s+){{0,2}}{_PAPER}\b",
        "any paper": rf"\b(a|an|any)\s+(\w+\s+){{0,2}}{_PAPER}\b",
        "a name": r"(?<=[a-z,] )[A-Z][a-z]+|[\"“][^\"”]+[\"”]",
        "an acronym": r"\b[A-Z]{2,5}s?\b",
        "one's own stock": r"\b(roster|folder|unreleased|uploaded|demos?)\b",
        "the other side": (
            r"\bthe (band|singer|duo|act|label|publisher|distributor|administrator|agency|agent|promoter|client|licensee|licensor|"
            r"producer|manager|artist|buyer|venue|studio|writer|co-writer)\b"
        ),
        "the work": r"\bthe (single|album|ep|song|beat|track|tour|show|release|masters?|theme|pack|kit)s?\b",
        "a number": r"\d",
        "a date": (
            r"\b(january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday|wednesday|"
            r"thursday|friday|saturday|sunday|last|next|week|month|quarter|spring|summer|autumn|winter|yesterday|today|20[2-9]\d)\b"
        ),
        "a question mark": r"\?",
        "begins with a question word": r"^\W*(what|how|why|when|where|who|which|whose|whom)\b",
        "begins with a verb": r"^\W*(is|are|was|were|do|does|did|can|could|may|has|have|should|would|will|must)\b",
        "asks for text": (
            r"^\W*(please |can you |could you )?(write|draft|give|suggest|come up|make|translate|rephrase|shorten|correct|compose|"
            r"brainstorm|think of|read|help|say|sing|tell|put|rewrite|polish|proofread|edit|finish)\b"
        ),
        "asks to show": r"^\W*(show|open|list|find|name|quote|read me|sum|summari[sz]e|give me (all|the main))\b",
        "writing": (
            r"\b(draft|write|rewrite|rephrase|reword|polish|proof-?read|edit|shorten|translate|improve|tighten|rhyme|brainstorm|finish|"
            r"come up with|suggest (a )?(title|name|rhyme|hook|line)s?|feedback on)\b"
        ),
        "a piece of text": (
            r"\b(bio|biography|chorus|verse|bridge|hook|lyrics?|caption|e-?mail|press release|pitch|post|tweet|newsletter|"
            r"song (title|concept|idea)|title|slogan|tagline|poem|line|rhyme|paragraph|"
            r"text|message|cover letter|thank[- ]you note)s?\b"
        ),
        "pasted": r"\n\s*\S.*\n\s*\S|[\"“”][^\"“”]{60,}[\"“”]|:\s+\S+.*\S",
        "several lines": r"\n",
        "five words": r"^\W*(\w+\W*){1,5}$",
        "three words": r"^\W*(\w+\W*){1,3}$",
    }.items()
}


def cues(question: str) -> NDArray[np.float32]:
    """One number for each row of `CUES`, 1 where it applies. Shape (len(CUES),)."""
    return np.array([pattern.search(question) is not None for pattern in CUES.values()], dtype=np.float32)
