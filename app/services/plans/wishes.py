"""Does a question of the chat ask for a plan, and for which one: by rules, for the button "Make this a plan"."""

from __future__ import annotations

import re

LONGEST = 1000  # characters looked at: who pastes a text has asked before it ends
_THINGS = r"(?:plan|road ?map|time ?line|strategy|schedule|campaign|checklist|calendar)"
_DOING = (
    r"(?:approach|plan|prepare|launch|roll ?out|release|promote|market|price|grow|develop|structure|maximi[sz]e|build)"
)
_WANTED = tuple(
    re.compile(rf"(?i){pattern}")
    for pattern in (
        # "Help me plan ...", "Let's map out ...", "Plan the release ..."
        r"(?:^|[.!?] )\W*(?:please |(?:can|could|would) you |help (?:me|us)(?: to)? |let(?:'|’)?s |we need to |i (?:need|want) to )*"
        r"(?:plan|schedule|organi[sz]e|map out)\b",
        # "Create a 12-month development plan", "I need a campaign"
        rf"\b(?:create|make|build|draft|write|give|draw up|set up|propose|suggest|need|want|develop)\b[^.?!]{{0,50}}\b{_THINGS}\b",
        # "How should I approach my next album release?", not "How do I release myself from it?"
        rf"\bhow (?:should|do|can|could|would) (?:i|we)\b[^.?!]{{0,30}}\b{_DOING}\b(?! (?:me|my ?self|our ?selves|from)\b)",
        # "What's the best path for my artist's career?", "What do we need to do before release day?"
        r"\b(?:best path|step[- ]by[- ]step)\b",
        r"\b(?:what|which) (?:steps|do (?:i|we) need to do|should (?:i|we) do)\b[^.?!]{0,40}\b(?:before|until|releas\w+|launch)\b",
    )
)
# What a paper says, or what a word means, is answered, not planned.
_READING = re.compile(
    r"(?i)^\W*(?:what (?:does|do|did) (?:[“\"‘']|my |our |the )|what (?:is|are) (?:a|an)\b|when |who |where |why |is |are )"
)
# The first that fits; ids of templates.
_TEMPLATES = tuple(
    (template, re.compile(rf"(?i){pattern}"))
    for template, pattern in (
        ("release_album", r"\b(?:albums?|lp|mixtape|full[- ]length)\b"),
        ("release_ep", r"\bep\b"),
        ("release_single", r"\bsingle\b|(?=.*\b(?:releas\w+|launch|out|drop)\b).*\b(?:songs?|tracks?)\b"),
        ("producer_business", r"\b(?:pric(?:e|es|ing)|producer|production services?|beats?|clients?|studio)\b"),
        (
            "artist_development_12_months",
            r"\b(?:develop(?:ment)?|career|path|twelve|\d+[- ]months?|years?|income|revenue)\b",
        ),
        ("release_single", r"\b(?:releas(?:e|es|ing)|launch|drop)\b"),
        (
            "marketing_campaign",
            r"\b(?:market(?:ing)?|campaign|promot\w+|advert\w*|ads|audience|fan ?base|fans|listeners|social media)\b",
        ),
    )
)


def plan_wished(question: str) -> str | None:
    """The id of the template that fits, "" where a plan is asked for and none does, None where no plan is asked for."""
    question = question[:LONGEST]
    if _READING.search(question) or not any(pattern.search(question) for pattern in _WANTED):
        return None
    return next((template for template, pattern in _TEMPLATES if pattern.search(question)), "")
