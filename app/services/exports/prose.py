"""An answer's Markdown as blocks of a paper: headings, lists, tables, quotes, emphasis. HTML, images and links are no markup
here: they stay the text they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.services.exports.paper import Block, Heading, Item, Items, Line, Paragraph, Span, Table, plain

_HEADING = re.compile(r" {0,3}#{1,6}\s+(.*?)\s*#*")
_ITEM = re.compile(r"(\s*)(?:([-*+•])|(\d{1,3})[.)])\s+(.*)")
_QUOTE = re.compile(r" {0,3}>\s?(.*)")
_FENCE = re.compile(r"\s*(```|~~~)")
_RULE = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*")
_ROW = re.compile(r"\s*\|(.*)\|\s*")
_DIVIDER = re.compile(r"\s*\|?(?:\s*:?-{2,}:?\s*\|)+\s*:?-*:?\s*\|?\s*")
_INLINE = re.compile(
    r"(?P<code>`+)(?P<coded>.+?)(?P=code)"
    r"|(?P<both>\*\*\*|___)(?=\S)(?P<loud>.+?)(?<=\S)(?P=both)"
    r"|(?P<bold>\*\*|__)(?=\S)(?P<strong>.+?)(?<=\S)(?P=bold)"
    r"|(?<![\w*])(?P<italic>[*_])(?=[^\s*_])(?P<soft>.+?)(?<=[^\s])(?P=italic)(?![\w*])"
)
DEEPEST = 3  # of lists within lists


def blocks_of(text: str) -> tuple[Block, ...]:
    """Works on anything, also on the beginning of an answer that was stopped."""
    return tuple(_Reader(text.replace("\r", "").splitlines()).blocks())


def spans_of(text: str) -> Line:
    """One line with its emphasis."""
    spans: list[Span] = []
    end = 0
    for found in _INLINE.finditer(text):
        if found.start() > end:
            spans.append(Span(text[end : found.start()]))
        code, loud, strong, soft = found.group("coded", "loud", "strong", "soft")
        inner = next(one for one in (code, loud, strong, soft) if one is not None)
        # What is emphasised within the emphasised keeps its signs.
        spans.append(Span(inner, bold=bool(loud or strong), italic=bool(loud or soft), code=code is not None))
        end = found.end()
    if end < len(text) or not spans:
        spans.append(Span(text[end:]))
    return tuple(spans)


class _Reader:
    """Goes through the lines once; every branch takes at least one."""

    def __init__(self, lines: list[str]) -> None:
        self._lines, self._at = lines, 0

    def blocks(self) -> Iterator[Block]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.strip() or _RULE.fullmatch(line):
                self._at += 1
            elif _FENCE.match(line):
                yield from self._code()
            elif (heading := _HEADING.fullmatch(line)) is not None:
                self._at += 1
                yield Heading("".join(span.text for span in spans_of(heading[1])))
            elif _ROW.fullmatch(line) and _DIVIDER.fullmatch(self._next()):
                yield self._table()
            elif _ITEM.fullmatch(line):
                yield self._items()
            elif _QUOTE.fullmatch(line):
                yield Paragraph(spans_of(" ".join(self._taken(_QUOTE))), "quote")
            else:
                yield Paragraph(spans_of(self._flowing()))

    def _next(self) -> str:
        return self._lines[self._at + 1] if self._at + 1 < len(self._lines) else ""

    def _taken(self, pattern: re.Pattern[str]) -> Iterator[str]:
        while self._at < len(self._lines) and (found := pattern.fullmatch(self._lines[self._at])):
            self._at += 1
            yield found[1].strip()

    def _flowing(self) -> str:
        """Lines up to a blank one or to what is no plain text."""
        taken = [self._lines[self._at].strip()]
        self._at += 1
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.strip() or any(one.fullmatch(line) for one in (_HEADING, _ITEM, _QUOTE, _RULE, _ROW)):
                break
            if _FENCE.match(line):
                break
            taken.append(line.strip())
            self._at += 1
        return " ".join(taken)

    def _code(self) -> Iterator[Block]:
        self._at += 1
        while self._at < len(self._lines) and not _FENCE.match(self._lines[self._at]):
            yield Paragraph((Span(self._lines[self._at] or " ", code=True),))
            self._at += 1
        self._at += 1

    def _items(self) -> Items:
        items: list[Item] = []
        numbered: bool | None = None
        while self._at < len(self._lines):
            line = self._lines[self._at]
            found = _ITEM.fullmatch(line)
            if found is not None:
                depth = min(len(found[1].expandtabs(4)) // 2, DEEPEST)
                if depth == 0 and numbered not in (None, bool(found[3])):  # another list
                    break
                numbered = bool(found[3]) if depth == 0 else numbered
                items.append(Item(spans_of(found[4]), depth, f"{found[3]}." if found[3] else ""))
            elif line.strip() and line.startswith("  ") and items:  # goes on from the line above
                items[-1] = Item(
                    (*items[-1].line, *plain(" "), *spans_of(line.strip())), items[-1].depth, items[-1].mark
                )
            elif line.strip() or not _ITEM.fullmatch(self._next()):
                break
            self._at += 1
        return Items(tuple(items))

    def _table(self) -> Table:
        head = _cells(self._lines[self._at])
        self._at += 2
        rows: list[tuple[str, ...]] = []
        while self._at < len(self._lines) and _ROW.fullmatch(self._lines[self._at]):
            cells = _cells(self._lines[self._at])
            rows.append((*cells, *[""] * len(head))[: len(head)])
            self._at += 1
        return Table(head, tuple(rows))


def _cells(line: str) -> tuple[str, ...]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return tuple("".join(span.text for span in spans_of(cell.strip())) for cell in inner.split("|"))
