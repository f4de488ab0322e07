"""Who writes a draft: the language model, checked by code, or the template with what is known."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from loguru import logger

from app.errors import AppError
from app.services.citations import CitationFilter, citations
from app.services.desk.check import check
from app.services.desk.facts import Facts, fill
from app.services.desk.prompt import draft_prompt
from app.services.prompts import LABELS, Source
from app.services.usage import Grant

NO_MODEL = (
    "No language model is set up, so this is the template to fill in, with what is known of you in its places. An admin can choose a "
    "model on the admin page: OpenAI, or one on one's own machine such as Ollama."
)
NOT_NOW = "{why} This is the template to fill in, with what is known of you in its places."
OPINION = "This is opinion, not fact."
SUGGESTED = 4  # passages beside a template
LONGEST = 20_000  # characters a model may write
_FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)


@dataclass(slots=True)
class Written:
    """A text of which every number and name stands in what is known, and what it rests on."""

    text: str
    state: str
    notice: str = ""
    unchecked: str = ""
    marks: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)


async def write(facts: Facts, sources: Sequence[Source], grant: Grant, persona: str) -> Written:
    """By the granted model; by the template where there is none or it fails (design rule 7)."""
    if grant.model is None:
        return template(facts, sources, NOT_NOW.format(why=grant.why) if grant.why else NO_MODEL)
    parts: list[str] = []
    try:
        async with aclosing(grant.model.stream(draft_prompt(facts, sources, persona=persona))) as deltas:
            async for delta in deltas:
                parts.append(delta)
                if sum(map(len, parts)) > LONGEST:
                    break
    except AppError as error:  # half a text is no text to work on: the template is
        logger.bind(code=error.code).warning("draft written without the language model")
        return template(facts, sources, NOT_NOW.format(why=f"The language model did not write it ({error.sentence})"))
    # Off the event loop: a long text takes some hundredths of a second, an absurd one seconds.
    return await asyncio.to_thread(checked, facts, sources, "".join(parts))


def checked(facts: Facts, sources: Sequence[Source], said: str) -> Written:
    """What a model said as a draft: without labels, unknown ones least of all, and with every claim held against the facts."""
    labels = CitationFilter(source.label for source in sources)
    text = labels.feed(said) + labels.flush()
    text = re.sub(rf" ?(?:{LABELS.pattern})", "", text).strip()
    text = (_FENCE.sub(r"\1", text)).strip()[:LONGEST]
    found = check(text, facts.known(sources), opinion=facts.kind.opinion)
    final = found.text
    if facts.kind.opinion and not final.startswith(OPINION):
        final = f"{OPINION}\n\n{final}"
    used = [*labels.cited, *(label for label in found.used if label not in labels.cited)]
    return Written(
        final,
        "written",
        unchecked=found.unchecked,
        marks=[{"was": mark.was, "what": mark.what, "label": ""} for mark in found.marks],
        sources=[one.model_dump(mode="json") for one in citations(sources, used, facts.kind.search, final)],
    )


def template(facts: Facts, sources: Sequence[Source], notice: str) -> Written:
    """The template with what is known; the sources stand beside it, to be taken from by hand."""
    text, missing = fill(facts)
    if facts.kind.opinion:
        text = f"{OPINION}\n\n{text}"
    nearest = [source.label for source in sources[:SUGGESTED]]
    return Written(
        text,
        "template",
        notice=notice,
        marks=[{"was": "", "what": "blank", "label": label} for label in missing],
        sources=[one.model_dump(mode="json") for one in citations(sources, nearest, facts.kind.search, text)],
    )
