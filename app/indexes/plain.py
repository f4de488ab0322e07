"""Plain text and Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from app.indexes import encodings
from app.indexes.limits import ReadLimits
from app.indexes.pages import Page, normalise

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}#{1,6}(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_SETEXT = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
_BLOCK_START = re.compile(r"\s*(?:[-*+>|#]|\d+[.)])(?:\s|$)|\s{4}|\s*\|")


def read_text(path: Path, _: ReadLimits) -> list[Page]:
    """Pages part at form feeds."""
    parts = encodings.decode(path.read_bytes()).split("\f")
    return [Page(number, normalise(part)) for number, part in enumerate(parts, 1)]


def read_markdown(path: Path, limits: ReadLimits) -> list[Page]:
    return [Page(page.number, page.text, tuple(_headings(page.text))) for page in read_text(path, limits)]


def _headings(text: str) -> Iterator[tuple[int, str]]:
    """ATX and setext headings of one line (CommonMark 4.2, 4.3), outside fenced code and front matter."""
    lines = text.split("\n")
    fence = ""
    above = ("", "")  # the two lines above, "" where they are no text that an underline could make a heading
    skipped = _front_matter(lines)
    offset = sum(len(line) + 1 for line in lines[:skipped])
    for line in lines[skipped:]:
        plain = ""
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and line.strip() == mark[1] else fence
        elif mark:
            fence = mark[1]
        elif match := _ATX.fullmatch(line):
            if match[1]:
                yield offset, match[1]
        elif _SETEXT.fullmatch(line):
            if above[1].strip() and not above[0].strip():
                yield offset - len(above[1]) - 1, above[1].strip()
        elif not _BLOCK_START.match(line):
            plain = line
        above = (above[1], plain)
        offset += len(line) + 1


def _front_matter(lines: list[str]) -> int:
    """How many lines at the top are YAML between `---` lines."""
    if lines[0].rstrip() != "---":
        return 0
    return next((number for number, line in enumerate(lines[1:], 2) if line.rstrip() in ("---", "...")), 0)
