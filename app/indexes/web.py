"""Web pages as a reader sees them: no scripts, styles or hidden parts; headings and table rows kept."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from app.indexes import encodings
from app.indexes.limits import ReadLimits
from app.indexes.pages import Kind, Line, Page, page_of_lines

_UNSEEN = frozenset(
    "script style template noscript head iframe object embed svg math canvas audio video map select datalist dialog".split()
)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCKS = frozenset(
    (
        *(
            "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form"
        ).split(),
        *(
            "header hr html legend li main nav ol p pre section summary table tbody thead tfoot tr caption ul td th"
        ).split(),
        *_HEADINGS,
    )
)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])|"
    r"(?:left|top|text-indent)\s*:\s*-\d{3,}",
    re.I,
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.I)


def read_html(path: Path, _: ReadLimits) -> list[Page]:
    return [page_of_lines(1, html_lines(decode_html(path.read_bytes())))]


def decode_html(data: bytes) -> str:
    """By byte order mark or zeros, then by what the page says of itself (first 1024 bytes: HTML 13.2.3.2), then a guess."""
    told = _CHARSET.search(data[:1024])
    if told and encodings.by_pattern(data[:4096]) is None:
        try:
            return data.decode(told[1].decode("ascii"))
        except (LookupError, ValueError):
            pass  # it says what it is not
    return encodings.decode(data)


def html_lines(markup: str) -> list[Line]:
    """Walked without recursion: markup may be nested a hundred thousand deep."""
    soup: Any = importlib.import_module("bs4").BeautifulSoup(markup, "lxml")
    page = _Lines()
    title = soup.find("title")
    if title is not None and soup.find("h1") is None:
        page.lines.append(Line(title.get_text(" ", strip=True), "heading"))
    stack: list[tuple[Any, bool]] = [(soup, False)]
    while stack:
        node, is_leaving = stack.pop()
        name = getattr(node, "name", None)
        if name is None:
            if type(node).__name__ == "NavigableString":  # its children are comments, declarations, scripts
                page.text(str(node))
        elif is_leaving:
            page.leave(name)
        elif not _is_hidden(node, name):
            page.enter(name)
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.contents))
    page.finish("paragraph")
    return page.lines


def _is_hidden(node: Any, name: str) -> bool:
    if name in _UNSEEN or node.has_attr("hidden") or (name == "input"):
        return True
    return bool(_HIDING.search(str(node.get("style") or "")))


class _Lines:
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._run: list[str] = []
        self._cells: list[list[str]] = []  # of the rows that are open, the innermost last
        self._pre = 0

    def text(self, text: str) -> None:
        self._run.append(text if self._pre else re.sub(r"\s+", " ", text))

    def enter(self, name: str) -> None:
        if name == "br":
            self._run.append("\n")
        elif name == "tr":
            self.finish("paragraph")
            self._cells.append([])
        elif name in _BLOCKS:
            self.finish("paragraph")
        self._pre += name == "pre"

    def leave(self, name: str) -> None:
        self._pre -= name == "pre"
        if name in ("td", "th") and self._cells:
            self._cells[-1].append(self._taken())
        elif name == "tr" and self._cells:
            self._row(self._cells.pop())
        elif name in _HEADINGS and not self._cells:
            self.finish("heading")
        elif name in _BLOCKS:
            self.finish("paragraph")

    def finish(self, kind: Kind) -> None:
        """End the block; text of a cell stays with its row."""
        if self._cells:
            self._run.append("\n")
        elif text := self._taken(multiline=True):
            self.lines.append(Line(text, kind))

    def _row(self, cells: list[str]) -> None:
        filled = [cell for cell in cells if cell]
        if not filled:
            return
        text = " | ".join(filled if len(filled) == 1 else cells)
        if self._cells:  # a table in a cell
            self._run.append(f"{text}\n")
        else:
            self.lines.append(Line(text, "row" if len(filled) > 1 else "paragraph"))

    def _taken(self, *, multiline: bool = False) -> str:
        text, self._run = "".join(self._run), []
        lines = (re.sub(r"[ \t]+", " ", line).strip() for line in text.split("\n"))
        return ("\n" if multiline else " ").join(filter(None, lines))
