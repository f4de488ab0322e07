"""A list of documents as HTML without its rows: rows.js makes those, documents.js asks the REST API for them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import get_args

from app.indexes.readers import READERS
from app.models import KB
from app.services.insight.kinds import CONTRACT, GUIDE, DocumentKind, label_of

STATUS_WORDS = {
    "received": "Waiting",
    "stored": "Waiting",
    "parsing": "Reading the file",
    "embedding": "Indexing",
    "indexing": "Indexing",
    "ready": "Ready",
    "failed": "Failed",
}
STANDING_WORDS = {"none": "No standing", "draft": "Draft", "signed": "Signed", "superseded": "Superseded"}
PROGRESS_WORDS = {"ready": "Ready", "reading": "Being read", "failed": "Failed"}
KIND_WORDS = {
    "pdf": "PDF", "word": "Word", "text": "Text and notes", "table": "Tables", "mail": "E-mails", "web": "Web pages",
    "picture": "Pictures",
}  # fmt: skip
EMPTY: dict[KB, str] = {
    "personal": "You have no documents yet. Add a contract, a bio or a statement above.",
    "global": "There are none yet.",
}
LABELS: dict[KB, str] = {"personal": "Your documents", "global": "Industry knowledge base"}


def library_html(kb: KB) -> str:
    """The list of one knowledge base: what is kept, search and filters, the bar for several, the rows."""
    own = kb == "personal"
    words = json.dumps({"status": STATUS_WORDS, "standing": STANDING_WORDS})
    return (
        f'<div class="library" aria-busy="true" data-kb="{kb}" data-kinds="{escape(",".join(sorted(READERS)))}" '
        f'data-empty="{escape(EMPTY[kb])}" data-words="{escape(words)}">'
        f"{_TOTALS if own else ''}{_filters(kb)}{_bulk(own)}"
        f'<p class="said" role="status"></p><ul class="documents" aria-label="{LABELS[kb]}"></ul>'
        '<div class="nothing" hidden><p></p><button type="button" hidden>Clear the search</button></div>'
        '<button type="button" class="more" hidden>Show more</button></div>'
    )


_TOTALS = (
    '<div class="totals"><p class="sum"></p><div class="meter" role="meter" aria-label="Room used" aria-valuemin="0" '
    'aria-valuemax="100" aria-valuenow="0"><span></span></div><p class="room" hidden></p></div>'
)


def document_kinds() -> list[tuple[str, str]]:
    """What documents of one's own can be read as, to choose from."""
    own = (kind for kind in get_args(DocumentKind) if kind != GUIDE)
    return [(kind, "All contracts" if kind == CONTRACT else label_of(kind)) for kind in own]


def _filters(kb: KB) -> str:
    choices = [_select("status", "State", "Any state", PROGRESS_WORDS.items())]
    if kb == "personal":
        choices += [
            _select("artist_id", "Artist", "Any artist", [("none", "For all artists")]),
            _select("standing", "Standing", "Any standing", STANDING_WORDS.items()),
            _select("document_kind", "Kind of document", "Any document", document_kinds()),
            _select("kind", "Kind of file", "Any file", KIND_WORDS.items()),
        ]
    label = f"Search: {LABELS[kb]}"
    return (
        f'<form class="filters" role="search" aria-label="{label}" hidden><input type="search" name="q" maxlength="200" '
        f'placeholder="Search titles and file names" aria-label="{label}" autocomplete="off">{"".join(choices)}'
        '<button type="reset" class="clear" hidden>Clear</button></form>'
    )


def _select(name: str, label: str, first: str, pairs: Iterable[tuple[str, str]]) -> str:
    options = "".join(f'<option value="{value}">{words}</option>' for value, words in pairs)
    return f'<select name="{name}" aria-label="{label}"><option value="">{first}</option>{options}</select>'


def _bulk(own: bool) -> str:
    clauses = '<button type="button" data-bulk="clauses">Clause sheet</button>' if own else ""
    artist = '<button type="button" data-bulk="artist">Artist</button>' if own else ""
    return (
        '<div class="bulk" hidden><label><input type="checkbox"><span class="picked">Select all shown</span></label>'
        f'<div class="acts" hidden>{clauses}{artist}<button type="button" data-bulk="standing">Standing</button>'
        '<button type="button" data-bulk="delete">Delete</button></div></div>'
    )
