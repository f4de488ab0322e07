"""What the pages show, as text: pure functions from shapes to Markdown and HTML. Everything from outside is escaped.

Gradio's sanitiser and the content security policy stand behind this; neither is relied on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from app.models import KB
from app.services.shapes import Citation, MessagePublic

Row = dict[str, Any]  # one bubble of gr.Chatbot: role and content

GROUPS: dict[KB, str] = {"personal": "Yours", "global": "Industry"}
KB_WORDS: dict[str, str] = {"personal": "your documents", "global": "the industry knowledge base"}
INTENT_WORDS = {
    "personal": "about your own documents",
    "global": "about how the industry works",
    "hybrid": "about your situation, with industry knowledge beside it",
}
STATE_WORDS = {
    "extractive": "The sources' own words; no language model wrote this.",
    "direct": "Answered without looking anything up: no sources.",
    "nothing_found": "Nothing found: no sources.",
    "partial": "Incomplete: the answer was stopped or broke off. What had come is kept.",
    "failed": "This answer failed. Your question is kept; ask it again.",
}
UNSOURCED = "This answer names no source. Check it before you rely on it."
NO_WORDS = {"partial": "Stopped before the answer began.", "failed": "No answer came."}
STAGE_WORDS = {
    "embed": "understanding the question",
    "search": "searching",
    "fuse": "merging the results",
    "check": "checking what you may see",
    "rerank": "reading the best passages",
    "choose": "choosing the passages",
}

PRINTED_LINE = 55  # characters; a printed page has 60 and more in a line, lyrics seldom do

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LABEL = re.compile(r"\[([PG]\d{1,3})\]")
# Entities, which no Markdown parser takes for syntax: no tag, image, link, reference or address to click is left.
_INERT = {"&": "&amp;", "<": "&lt;", "[": "&#91;", "`": "&#96;", "~~~": "&#126;&#126;&#126;"}
_ADDRESS = re.compile(r"(?i)(://|\bwww\.|@|mailto:)")


def question_html(text: str) -> str:
    """A question exactly as it was typed. One line that begins with a block tag, so that Markdown leaves it alone."""
    return f'<div class="asked">{_lines(text)}</div>'


def answer_markdown(text: str, labels: Collection[str] = ()) -> str:
    """An answer with its emphasis, lists and tables; images, links and HTML stay visible as the text they were.

    `labels` are the citations to set off; others stay as they are. Works on the beginning of an answer as well.
    """
    parts: list[str] = []
    end = 0
    for fence in _FENCE.finditer(text):
        parts += [_prose(text[end : fence.start()], labels), f"\n<pre>{_lines(fence.group(2).rstrip())}</pre>\n\n"]
        end = fence.end()
    return "".join([*parts, _prose(text[end:], labels)]).strip()


def message_rows(message: MessagePublic, trace: Mapping[str, Any] | None = None) -> list[Row]:
    """The bubbles of a stored message: the text and, under an answer, its state, its sources and why it is what it is."""
    if message.role == "user":
        return [{"role": "user", "content": question_html(message.text)}]
    labels = [citation.label for citation in message.citations]
    text = answer_markdown(message.text, labels) or NO_WORDS.get(message.state or "", "No words came.")
    below = state_html(message) + sources_html(message.citations) + (why_html(trace) if trace else "")
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


def sources_html(citations: Sequence[Citation]) -> str:
    """Sources under their kb, yours first, each with its quoted passage to unfold."""
    groups = []
    for kb, name in GROUPS.items():
        mine = [_source(citation) for citation in citations if citation.kb == kb]
        if mine:
            groups.append(f'<div class="group"><strong>{name}</strong></div>{"".join(mine)}')
    return f'<div class="sources">{"".join(groups)}</div>' if groups else ""


def why_html(trace: Mapping[str, Any]) -> str:
    """Why this answer, in plain words, from the trace of its retrieval."""
    lines = [f"Understood as a question {INTENT_WORDS.get(trace['intent'], '')}{_decided(trace.get('reason') or '')}."]
    if trace.get("direct"):
        lines = [f"Answered directly, without a search{_decided(trace.get('reason') or '')}."]
    else:
        if trace.get("standalone"):
            lines.append(f"Searched for: {trace['standalone']}")
        if trace.get("documents"):
            lines.append("Limited to the documents that were chosen, or that the question names.")
        lines.append(f"Searched: {_and(KB_WORDS[kb] for kb in trace['kbs'] if kb in KB_WORDS)}.")
        lines.append(_models(trace))
        lines.append(_counts(trace))
        if trace.get("disagreements"):
            lines.append(
                "Sources disagree: " + "; ".join(" and ".join(row["labels"]) for row in trace["disagreements"]) + "."
            )
        lines.append(_times(trace["milliseconds"]))
    items = "".join(f"<li>{one_line(line)}</li>" for line in lines if line)
    return f'<details class="why"><summary>Why this answer</summary><ul>{items}</ul></details>'


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
    return re.sub(r"&#91;([PG]\d{1,3})\]", lambda found: _cited(found.group(1), labels), _no_address(text))


def _no_address(text: str) -> str:
    """What a parser would make a link of, so that it does not."""
    return _ADDRESS.sub(
        lambda found: "".join(sign if sign.isalnum() else f"&#{ord(sign)};" for sign in found.group()), text
    )


def _cited(label: str, labels: Collection[str]) -> str:
    return f'<span class="cite">&#91;{label}]</span>' if label in labels else f"&#91;{label}]"


def _source(citation: Citation) -> str:
    standing = f"{citation.standing}, " if citation.standing != "none" else ""
    quote = f"<blockquote>{_lines(_flowing(citation.quote))}</blockquote>"
    if citation.deleted:
        quote = '<p class="gone">This document was deleted.</p>'
    elif citation.replaced:
        quote += '<p class="gone">The document has a newer version, in which this passage is not.</p>'
    return (
        f'<details class="source"><summary><span class="cite">&#91;{escape(citation.label)}]</span> '
        f'<span class="title">{one_line(citation.title)}</span> '
        f'<span class="place">{escape(standing)}page {citation.page}</span></summary>'
        f"{quote}</details>"
    )


def _flowing(text: str) -> str:
    """Line breaks of a printed page become spaces; the short lines of lyrics and lists stay lines."""
    if max(map(len, text.splitlines()), default=0) < PRINTED_LINE:
        return text
    return re.sub(r"(?<=\S)[ \t]*\n[ \t]*(?=\S)", " ", text)


def _decided(reason: str) -> str:
    """`rules: small talk` as `(decided by rules: small talk)`."""
    by, _, why = reason.partition(": ")
    if not why:
        return ""
    return " (decided by the language model)" if by == "model" else f" (decided by {by}: {why})"


def _models(trace: Mapping[str, Any]) -> str:
    missing = f" Missing: {_and(trace['missing'])}." if trace.get("missing") else ""
    return f"Search models used: {_and(trace['models']) or 'none'}.{missing}"


def _counts(trace: Mapping[str, Any]) -> str:
    found = len(trace["candidates"])
    used = sum(candidate["outcome"] == "prompt" for candidate in trace["candidates"])
    return f"{count(found, 'passage')} considered, {used} put before the answer." if found else "No passage was found."


def _times(milliseconds: Mapping[str, float]) -> str:
    parts = [f"{STAGE_WORDS.get(stage, stage)} {_milliseconds(spent)}" for stage, spent in milliseconds.items()]
    return f"Search took {_milliseconds(sum(milliseconds.values()))}: {', '.join(parts)}." if parts else ""


def _milliseconds(spent: float) -> str:
    return f"{spent:.0f} ms" if spent >= 1 else "under 1 ms"


def _and(names: Iterable[str]) -> str:
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _lines(text: str) -> str:
    """Escaped, with line breaks kept, on one line: a blank line would end an HTML block and let Markdown in."""
    return _plain(text).replace("\r", "").replace("\n", "<br>")


def one_line(text: str) -> str:
    return _plain(" ".join(text.split()))


def _plain(text: str) -> str:
    return _no_address(escape(text).replace("[", "&#91;").replace("`", "&#96;"))
