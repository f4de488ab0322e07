"""Tables as text: each passage of rows under its header, so that a number is never without its name; and CSV files."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import UnsupportedFile
from app.indexes import encodings
from app.indexes.limits import ReadLimits
from app.indexes.pages import Page, normalise

# In tokens of MiniLM as `_tokens` guesses them, a little high; a passage takes 224 (`chunking.body_tokens`).
GROUP_TOKENS = 170  # header and rows together
HEADER_TOKENS = 60  # a longer one would leave no room for rows: each row then names its own cells

DELIMITERS = ",;\t|"
SAMPLE_ROWS = 50
MAX_FIELD = 10_000_000  # characters; the csv module stops at 131,072 otherwise
MAX_CELL = 2000  # characters of one cell that count as part of a row

_TOKEN = re.compile(r"[A-Za-z]+|\d+|[^\W\d_]|[^\w\s]|_")
_NUMBER = re.compile(r"[-+(]?[\d.,\s%€$£]*\d[\d.,\s%€$£)]*")
_TELLING = re.compile(r"[^:]*\b(?:title|track|song|work|item name|isrc|artist)\b[^:]*:", re.IGNORECASE)
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?")  # how Excel tells itself the delimiter

Row = tuple[int, list[str]]  # its number in the file, from 1, and its cells


def read_csv(path: Path, limits: ReadLimits) -> list[Page]:
    text = encodings.decode(path.read_bytes()).replace("\0", "")
    hint = _SEPARATOR_LINE.match(text)
    delimiter = hint[1] if hint else _delimiter(text)
    rows = list(_rows(text[hint.end() :] if hint else text, delimiter))
    if sum(len(cells) for _, cells in rows) > limits.table_cells:
        raise too_many_cells(limits)
    return [table_page(1, rows)]


def too_many_cells(limits: ReadLimits) -> UnsupportedFile:
    return UnsupportedFile(
        f"This table has more than {limits.table_cells:,} filled cells; split it and upload the parts.", code="too_big"
    )


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(MAX_FIELD)
    try:
        yield from enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1)
    except csv.Error:  # a field beyond MAX_FIELD: an open quote that took in the rest of the file
        raise UnsupportedFile(
            "A cell of this table never ends, as after an open quotation mark; save it anew and upload that.",
            code="damaged",
        ) from None


def _delimiter(text: str) -> str:
    """The sign that cuts the first rows into equally many cells, the more the better; a comma if none does."""
    sample = "".join(text[: 1 << 16].splitlines(keepends=True)[:SAMPLE_ROWS])

    def score(delimiter: str) -> float:
        widths = [len(cells) for _, cells in _rows(sample, delimiter) if any(cells)]
        width, times = Counter(widths).most_common(1)[0] if widths else (1, 0)
        return times / len(widths) * min(width, 4) if width > 1 else 0.0

    return max(DELIMITERS, key=score)


@dataclass(frozen=True, slots=True)
class _Table:
    """`header` is empty where the table has none; `above` are the lines over it, such as a title or an address."""

    above: list[Row]
    header: list[str]
    body: list[Row]


def table_page(number: int, rows: Iterable[Row], title: str = "") -> Page:
    """A page with its rows in groups, each below the header; the headings tell which rows a group holds."""
    filled = [(at, cells) for at, cells in ((at, _clean(cells)) for at, cells in rows) if any(cells)]
    table = _parted(filled)
    lines = [" | ".join(filter(None, cells)) for _, cells in table.above]
    parts, headings = [part for part in (title, "\n".join(lines)) if part], [(0, title)] if title else []
    length = len("\n\n".join(parts))
    for first, last, group in _groups(table):
        length += 2 if parts else 0
        name = f"Rows {first}-{last}" if last > first else f"Row {first}"
        headings.append((length, f"{title}, {name.lower()}" if title else name))
        parts.append("\n".join(group))
        length += len(parts[-1])
    return Page(number, "\n\n".join(parts), tuple(headings))


def _clean(cells: Sequence[str]) -> list[str]:
    found = [" ".join(normalise(cell).split())[:MAX_CELL] for cell in cells]
    while found and not found[-1]:
        found.pop()
    return found


def _parted(rows: list[Row]) -> _Table:
    """The header is the first row about as wide as the rest, if it holds names and not figures."""
    width = Counter(len(cells) for _, cells in rows).most_common(1)[0][0] if rows else 0
    for index, (_, cells) in enumerate(rows[:SAMPLE_ROWS]):
        if len(list(filter(None, cells))) >= max(2, width * 0.6):
            if any(_NUMBER.fullmatch(cell) for cell in cells):
                break
            return _Table(rows[:index], cells, rows[index + 1 :])
    return _Table([], [], rows)


def _groups(table: _Table) -> Iterator[tuple[int, int, list[str]]]:
    """First row, last row, and the lines of each group."""
    header = " | ".join(table.header)
    is_labelled = _tokens(header) > HEADER_TOKENS
    records = _typed(table) or [
        (at, line)
        for at, cells in table.body
        for line in (_labelled(table.header, cells) if is_labelled else [" | ".join(cells)])
    ]
    head = [header] if header and not is_labelled else []
    if not records and header:
        yield 1, 1, [header]
    for group in _packed(records, GROUP_TOKENS - sum(map(_tokens, head))):
        yield group[0][0], group[-1][0], head + [line for _, line in group]


Record = tuple[int, str]  # a row's number, and a line of it


def _packed(records: Sequence[Record], room: int) -> list[list[Record]]:
    """As many rows to a group as fit. The last two share theirs evenly: a small rest would be cut off without its head."""
    groups: list[list[Record]] = []
    left = 0
    for record in records:
        size = _tokens(record[1]) + 1
        if not groups or size > left:
            groups.append([])
            left = room
        groups[-1].append(record)
        left -= size
    if len(groups) > 1:
        last = groups[-2] + groups[-1]
        groups[-2:] = [last[: (len(last) + 1) // 2], last[(len(last) + 1) // 2 :]]
    return groups


def _labelled(header: Sequence[str], cells: Sequence[str]) -> list[str]:
    """ "Name: value" for each filled cell; on several lines where one would be longer than a passage, each of which says
    first what the row is about.
    """
    names = [*header, *[""] * (len(cells) - len(header))]
    texts = [f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=False) if cell]
    telling = [text for text in texts if _TELLING.match(text)] or texts
    about = [text for text in telling[:2] if _tokens(text) < HEADER_TOKENS // 2]
    lines: list[list[str]] = [[]]
    left = GROUP_TOKENS
    for text in texts:
        size = _tokens(text) + 1
        if lines[-1] and size > left:
            lines.append([one for one in about if one != text])
            left = GROUP_TOKENS - sum(map(_tokens, about))
        lines[-1].append(text)
        left -= size
    return [" | ".join(line) for line in lines]


def _typed(table: _Table) -> list[Record]:
    """Rows of many kinds in one file, each kind with a header row "#KIND" (DDEX flat files); [] if this is none."""
    rows = [*table.above, *([(1, table.header)] if table.header else []), *table.body]
    headers = {cells[0][1:]: cells[1:] for _, cells in rows if cells and re.fullmatch(r"#[A-Z0-9.]{2,12}", cells[0])}
    kinds = {cells[0] for _, cells in rows if cells}
    if not headers.keys() & kinds:
        return []
    return [
        (at, f"{cells[0]} {line}".rstrip())
        for at, cells in table.body
        if cells and not cells[0].startswith("#")
        for line in _labelled(headers.get(cells[0], []), cells[1:])
    ]


def _tokens(text: str) -> int:
    return sum(
        (len(token) + 4) // 5 if token[0].isalpha() else (len(token) * 2 + 2) // 3 for token in _TOKEN.findall(text)
    )
