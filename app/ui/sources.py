"""The sources under an answer as HTML, yours apart from the industry's. Everything from outside is escaped.

Gradio's sanitiser leaves `value` and `class` and takes `data-` and `aria-` away: what viewer.js needs stands in `value`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from app.models import KB
from app.services.shapes import Citation
from app.ui.escaping import lines, one_line

GROUPS: dict[KB, str] = {"personal": "Yours", "global": "Industry"}
PRINTED_LINE = 55  # characters; a printed page has 60 and more in a line, lyrics seldom do
DELETED = '<p class="gone">This document was deleted.</p>'
REPLACED = '<p class="gone">The document has a newer version, in which this passage is not.</p>'


def sources_html(citations: Sequence[Citation]) -> str:
    """Sources under their kb, yours first, each with its quoted passage to unfold and its page to open."""
    groups = []
    for kb, name in GROUPS.items():
        mine = [_source(citation) for citation in citations if citation.kb == kb]
        if mine:
            groups.append(f'<div class="group"><strong>{name}</strong></div>{"".join(mine)}')
    return f'<div class="sources">{"".join(groups)}</div>' if groups else ""


def cited_html(label: str) -> str:
    """A label in an answer's text, which opens its source."""
    return f'<button type="button" class="cite" value="{label}">&#91;{label}]</button>'


def _source(citation: Citation) -> str:
    facts = [citation.standing] if citation.standing != "none" else []
    facts += [f"as of {citation.as_of:%B %Y}"] if citation.as_of else []
    place = ", ".join([*facts, f"page {citation.page}"])
    quote = f"<blockquote>{lines(_flowing(citation.quote))}</blockquote>"
    if citation.deleted:
        quote = DELETED
    elif citation.replaced:
        quote += REPLACED
    return (
        f'<div class="source-row"><details class="source"><summary><span class="cite">&#91;{escape(citation.label)}]</span> '
        f'<span class="title">{one_line(citation.title)}</span> '
        f'<span class="place">{escape(place)}</span></summary>'
        f"{quote}</details>{_opener(citation)}</div>"
    )


def _opener(citation: Citation) -> str:
    """The button to see the page. Of a newer version the page is another one: the document is opened at its beginning."""
    if citation.deleted:
        return ""
    chunk, page, words = citation.chunk_id, citation.page, f"Open page {citation.page}"
    if citation.replaced:
        chunk, page, words = "replaced", 1, "Open new version"
    exact = "" if citation.start is None or citation.end is None else f"/{citation.start}/{citation.end}"
    value = escape(f"{citation.label}/{citation.document_id}/{page}/{chunk}{exact}")
    return f'<button type="button" class="open-page" value="{value}">{words}</button>'


def _flowing(text: str) -> str:
    """Line breaks of a printed page become spaces; the short lines of lyrics and lists stay lines."""
    if max(map(len, text.splitlines()), default=0) < PRINTED_LINE:
        return text
    return re.sub(r"(?<=\S)[ \t]*\n[ \t]*(?=\S)", " ", text)
