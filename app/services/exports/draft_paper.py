"""A text of the writing desk on paper: the text alone, for it goes to others; what it rests on stays with its writer."""

from __future__ import annotations

from app.services.desk.shapes import DraftPublic
from app.services.exports.paper import Block, Paper, Paragraph, Section, Table, day_words, plain
from app.services.exports.prose import blocks_of

HEAD = ("Kind", "Title", "Text")


def draft_paper(draft: DraftPublic) -> Paper:
    """Places that wait for a figure or a name are counted above the text, so that none is sent unseen."""
    blocks: list[Block] = list(blocks_of(draft.text)) or [Paragraph(plain("Nothing is written yet."), "note")]
    facts = [("Written", day_words(draft.updated))]
    if draft.open:
        facts.append(("Still to confirm", f"{draft.open} {'place' if draft.open == 1 else 'places'} in the text"))
    return Paper(
        kind=draft.kind_title,
        title=draft.title or draft.kind_title,
        facts=tuple(facts),
        sections=(Section("Text", tuple(blocks)),),
        table=Table(HEAD, ((draft.kind_title, draft.title, draft.text),)),
        small_print=("Creative feedback is an opinion.",) if draft.opinion else (),
        quotes=frozenset(one.document_id for one in draft.sources if one.kb == "personal" and one.quote),
    )
