"""The list of documents as HTML: state, progress, reason, and what can be done. Everything from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.indexes.readers import READERS
from app.models import FAILED, READY, STANDINGS, UNFINISHED
from app.services.shapes import DocumentPublic
from app.ui.format import count, one_line, size_words

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


def documents_html(documents: Sequence[DocumentPublic], *, own: bool, more: bool = False) -> str:
    """A list of documents; one's own with progress, the reason of a failure, and what can be done about it."""
    if not documents:
        nothing = (
            "You have no documents yet. Add a contract, a bio or a statement above." if own else "There are none yet."
        )
        return f'<p class="nothing">{nothing}</p>'
    items = "".join(_document(document, own) for document in documents)
    rest = f'<p class="nothing">Only the newest {len(documents)} are shown.</p>' if more else ""
    kinds = escape(",".join(sorted(READERS)))
    return f'<ul class="documents" data-kinds="{kinds}">{items}</ul>{rest}'


def is_unfinished(document: DocumentPublic) -> bool:
    """Whether its state will change by itself."""
    return document.status in ("received", *UNFINISHED)


def doing(document: DocumentPublic) -> str:
    """Its state, and of one that is being read how far it is and how long it will take."""
    detail, words = document.detail or {}, STATUS_WORDS.get(document.status, document.status)
    if document.status == "parsing" and (pages := detail.get("pages")):
        return f"Reading page {min(detail.get('pages_read', 0) + 1, pages)} of {pages}"
    done, total = (sum(pair[place] for pair in detail.get("models", {}).values()) for place in (0, 1))
    if document.status != "embedding" or not total:
        return words
    # Every model counts each passage; people count passages once.
    passages = detail["chunks"]
    told = f"{words} {round(passages * done / total)} of {count(passages, 'passage')}"
    return f"{told}, {_seconds(detail['seconds_left'])} left" if detail.get("seconds_left") else told


def _seconds(seconds: int) -> str:
    return f"about {seconds} s" if seconds < 90 else f"about {round(seconds / 60)} min"


def _document(document: DocumentPublic, own: bool) -> str:
    title = one_line(document.title)
    facts = [doing(document)]
    if document.status == READY:
        facts += [count(document.pages, "page"), count(document.chunks, "passage")]
    if document.version > 1 and document.answers:
        facts.append(f"version {document.version}")
    if own:
        facts += [size_words(document.bytes), f"{document.created:%d %b %Y}"]
    elif document.standing != "none":
        facts.insert(1, document.standing)
    line = " · ".join(escape(fact) for fact in facts)
    what = (
        f'<span class="title">{title}</span><span class="facts">{line}</span>{_meanwhile(document)}{_reason(document)}'
    )
    actions = _actions(document, title) if own else ""
    return f'<li class="document {escape(document.status)}"><div class="what">{what}{_bar(document, title)}</div>{actions}</li>'


def _meanwhile(document: DocumentPublic) -> str:
    """While a new version is read."""
    if not document.answers or document.status == READY:
        return ""
    return '<span class="facts">A new version; the one before answers until it is ready.</span>'


def _reason(document: DocumentPublic) -> str:
    """Why it failed or waits; of a ready one, which pages were not read."""
    return f'<span class="reason">{one_line(document.reason)}</span>' if document.reason else ""


def _bar(document: DocumentPublic, title: str) -> str:
    if not is_unfinished(document):
        return ""
    percent = round(document.progress * 100)
    return f'<progress max="100" value="{percent}" aria-label="Progress of {title}">{percent} %</progress>'


def _actions(document: DocumentPublic, title: str) -> str:
    identity = escape(document.id)
    buttons = []
    if is_unfinished(document):
        buttons.append(_action("cancel", "Cancel", identity, title))
    if document.status == FAILED:
        buttons.append(_action("retry", "Retry", identity, title))
    if document.status in (READY, FAILED):
        buttons.append(_action("replace", "Replace", identity, title))
    buttons.append(_action("download", "Download", identity, title))
    return (
        f'<div class="actions">{_standing(document, identity, title)}{"".join(buttons)}'
        f"{_action('delete', 'Delete', identity, title)}</div>"
    )


def _standing(document: DocumentPublic, identity: str, title: str) -> str:
    options = "".join(
        f'<option value="{standing}"{" selected" if standing == document.standing else ""}>{STANDING_WORDS[standing]}</option>'
        for standing in sorted(STANDINGS, key=list(STANDING_WORDS).index)
    )
    return f'<select data-action="standing" data-id="{identity}" aria-label="Standing of {title}">{options}</select>'


def _action(action: str, word: str, identity: str, title: str) -> str:
    return (
        f'<button type="button" data-action="{action}" data-id="{identity}" data-title="{title}" '
        f'aria-label="{word} {title}">{word}</button>'
    )
