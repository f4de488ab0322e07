"""What the pages show, as text: pure functions from shapes to Markdown and HTML. Everything from outside is escaped.

Gradio's sanitiser and the content security policy stand behind this; neither is relied on.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from html import escape
from typing import Any

from app.services.shapes import MessagePublic
from app.ui.escaping import lines, no_address, one_line
from app.ui.sources import cited_html, sources_html
from app.ui.why import why_html

__all__ = [
    "KB_WORDS",
    "Row",
    "answer_markdown",
    "message_rows",
    "one_line",
    "progress_rows",
    "question_html",
    "sources_html",
]

Row = dict[str, Any]  # one bubble of gr.Chatbot: role and content

KB_WORDS: dict[str, str] = {"personal": "your documents", "global": "the industry knowledge base"}
STATE_WORDS = {
    "extractive": "The sources' own words; no language model wrote this.",
    "direct": "Answered without looking anything up: no sources.",
    "nothing_found": "Nothing found: no sources.",
    "partial": "Incomplete: this is how far the answer came.",
    "failed": "This answer failed. Your question is kept; ask it again.",
}
UNSOURCED = "This answer names no source. Check it before you rely on it."
NO_WORDS = {"partial": "Stopped before the answer began.", "failed": "No answer came."}
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
# Entities, which no Markdown parser takes for syntax: no tag, image, link, reference or address to click is left.
_INERT = {"&": "&amp;", "<": "&lt;", "[": "&#91;", "`": "&#96;", "~~~": "&#126;&#126;&#126;"}


def question_html(text: str) -> str:
    """A question exactly as it was typed. One line that begins with a block tag, so that Markdown leaves it alone."""
    return f'<div class="asked">{lines(text)}</div>'


def answer_markdown(text: str, labels: Collection[str] = ()) -> str:
    """An answer with its emphasis, lists and tables; images, links and HTML stay visible as the text they were.

    `labels` are the citations to set off; others stay as they are. Works on the beginning of an answer as well.
    """
    parts: list[str] = []
    end = 0
    for fence in _FENCE.finditer(text):
        parts += [_prose(text[end : fence.start()], labels), f"\n<pre>{lines(fence.group(2).rstrip())}</pre>\n\n"]
        end = fence.end()
    return "".join([*parts, _prose(text[end:], labels)]).strip()


def message_rows(message: MessagePublic) -> list[Row]:
    """The bubbles of a stored message: the text and, under an answer, its state, its sources and why it is what it is."""
    if message.role == "user":
        return [{"role": "user", "content": question_html(message.text)}]
    labels = [citation.label for citation in message.citations]
    text = answer_markdown(message.text, labels) or NO_WORDS.get(message.state or "", "No words came.")
    below = state_html(message) + sources_html(message.citations) + why_html(message)
    rows = [{"role": "assistant", "content": text}]
    return [*rows, {"role": "assistant", "content": f'<div class="below">{below}</div>'}] if below else rows


def progress_rows(text: str, labels: Collection[str], doing: str) -> list[Row]:
    """An answer on its way: what came so far, or what is being done until then."""
    content = answer_markdown(text, labels) if text.strip() else f'<div class="doing">{escape(doing)}</div>'
    return [{"role": "assistant", "content": content}]


def state_html(message: MessagePublic) -> str:
    """The honest sentence about an answer that is not an ordinary cited one; empty for those."""
    words = STATE_WORDS.get(message.state or "", "")
    if message.state == "answered" and not message.citations:
        words = UNSOURCED
    return f'<div class="state {escape(message.state or "")}">{escape(words)}</div>' if words else ""


def size_words(size: int) -> str:
    """Bytes as people read them."""
    if size < 1_000:
        return f"{size} bytes"
    return f"{size / 1_000:.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f}".removesuffix(".0") + " MB"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}".replace(",", " ")


def _prose(text: str, labels: Collection[str]) -> str:
    """Markdown with every way to HTML, links and addresses shut; inline code and known labels are set by us."""
    parts: list[str] = []
    end = 0
    for code in _CODE.finditer(text):
        parts += [_inert(text[end : code.start()], labels), f"<code>{_inert(code.group(1), ())}</code>"]
        end = code.end()
    return "".join([*parts, _inert(text[end:], labels)])


def _inert(text: str, labels: Collection[str]) -> str:
    for mark, entity in _INERT.items():
        text = text.replace(mark, entity)
    return re.sub(r"&#91;([PG]\d{1,3})\]", lambda found: _cited(found.group(1), labels), no_address(text))


def _cited(label: str, labels: Collection[str]) -> str:
    return cited_html(label) if label in labels else f"&#91;{label}]"
