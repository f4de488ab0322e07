"""Files in, pages of plain text out: one function per format and one row each in `READERS`.

Written for a child process (`app.indexes.sandbox`), which hostile files may still crash or exhaust; `sniff` alone is
safe and cheap enough for the serving process. Libraries are imported inside the functions that need them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from app.errors import UnsupportedFile
from app.indexes import archives, encodings, pdf, word


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document.

    `number` counts from 1. `headings` holds, in order, each heading line's character offset in `text` and its words.
    """

    number: int
    text: str
    headings: tuple[tuple[int, str], ...] = ()


NO_TEXT = {
    ".pdf": "The pages hold pictures, not text; run text recognition (OCR) on the file and upload the result.",
    ".docx": "This Word file holds no text; pictures in it cannot be read.",
}

_SPACES = re.compile("[\xa0\u2007\u202f]")  # no-break spaces; some exported contracts have no others
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # control characters
    "\xad\u180e\u200b-\u200d\u2060-\u2064\ufeff\U000e0000-\U000e007f"  # soft hyphen, zero width, invisible tags
    "\ufffe\uffff\ud800-\udfff]"  # never characters
)


def read_pages(path: Path, suffix: str) -> list[Page]:
    """The pages of the file, with text on at least one of them.

    Raises `UnsupportedFile` with one of the codes unknown_type, empty, damaged, needs_password, no_text, too_big.
    """
    sniff(path, suffix)
    pages = READERS[suffix](path)
    if not any(page.text.strip() for page in pages):
        if suffix in NO_TEXT:
            raise UnsupportedFile(NO_TEXT[suffix], code="no_text")
        raise _empty()
    return pages


def sniff(path: Path, suffix: str) -> None:
    """Check by its first bytes that the file is what its suffix (lower case, with the dot) says.

    Raises `UnsupportedFile`: unknown_type, empty, damaged, needs_password or too_big.
    """
    if suffix not in READERS:
        raise UnsupportedFile(
            f"Files of this type cannot be read; these can: {', '.join(READERS)}.", code="unknown_type"
        )
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head:
        raise _empty()
    _SNIFFERS[suffix](path, head)


def normalise(text: str) -> str:
    """Line ends become LF, no-break spaces spaces; invisible and control characters go; nothing else moves."""
    return _INVISIBLE.sub("", _SPACES.sub(" ", _LINE_ENDS.sub("\n", text)))


# PDF


def _sniff_pdf(_: Path, head: bytes) -> None:
    if b"%PDF-" not in head[:1024] or _is_binary(head, allowed=b"%PDF-"):
        raise UnsupportedFile(
            "This is not a PDF, whatever its name says; export it as PDF and upload that.", code="unknown_type"
        )


def _read_pdf(path: Path) -> list[Page]:
    return [Page(number, normalise(text)) for number, text in enumerate(pdf.read_pdf(path), 1)]


# Word

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # MS-CFB 2.2: old Word files, and the wrapper of encrypted new ones


def _sniff_docx(path: Path, head: bytes) -> None:
    if head.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():  # MS-OFFCRYPTO 2.3.4.4
            raise UnsupportedFile(
                "This Word file needs a password; save a copy without one and upload that.", code="needs_password"
            )
        raise UnsupportedFile("This is an old Word file (.doc); save it as .docx and upload that.", code="unknown_type")
    if not head.startswith(b"PK\x03\x04"):
        raise UnsupportedFile(
            "This is not a Word file, whatever its name says; save it as .docx and upload that.", code="unknown_type"
        )
    with archives.open_archive(path) as archive:
        if word.main_part(archive) is None:
            raise UnsupportedFile(
                "This file is packed like a Word file but holds no document; save it as .docx and upload that.",
                code="unknown_type",
            )


def _read_docx(path: Path) -> list[Page]:
    with archives.open_archive(path) as archive:
        archives.check_archive(archive)
        part = word.main_part(archive)
        assert part is not None, "sniffed before"
        try:
            pages = word.read_word(archive, part)
        except ParseError:
            raise UnsupportedFile(archives.DAMAGED, code="damaged") from None
        except RecursionError:  # docx2txt walks without recursion, and without regard for pages, rows and deletions
            docx2txt: Any = importlib.import_module("docx2txt")
            pages = [[word.Line(line) for line in docx2txt.process(str(path)).split("\n\n")]]
    return [_page_of_lines(number, lines) for number, lines in enumerate(pages, 1)]


def _page_of_lines(number: int, lines: Iterable[word.Line]) -> Page:
    """Paragraphs parted by an empty line, table rows by a line end."""
    text, before, headings = "", "paragraph", []
    parts: list[str] = []
    length = 0
    for line in lines:
        text = normalise(line.text).strip()
        if not text:
            continue
        gap = "" if not parts else "\n" if line.kind == before == "row" else "\n\n"
        length += len(gap)
        if line.kind == "heading":
            headings.append((length, " ".join(text.split())))
        parts += (gap, text)
        length += len(text)
        before = line.kind
    return Page(number, "".join(parts), tuple(headings))


# Text and Markdown

_BINARY = (
    b"\x7fELF",
    b"PK\x03\x04",
    b"%PDF-",
    _OLE,
    b"\x1f\x8b",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"Rar!",
    b"7z\xbc\xaf",
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}#{1,6}(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_SETEXT = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
_BLOCK_START = re.compile(r"\s*(?:[-*+>|#]|\d+[.)])(?:\s|$)|\s{4}|\s*\|")


def _sniff_text(_: Path, head: bytes) -> None:
    if _is_binary(head) or (b"\0" in head and encodings.by_pattern(head) is None):
        raise UnsupportedFile(
            "This is not a text file, whatever its name says; save it as plain text and upload that.",
            code="unknown_type",
        )


def _is_binary(head: bytes, allowed: bytes = b"") -> bool:
    return head.startswith(tuple(magic for magic in _BINARY if magic != allowed)) or (
        head.startswith(b"MZ") and b"\0" in head
    )


def _read_text(path: Path) -> list[Page]:
    parts = encodings.decode(path.read_bytes()).split("\f")
    return [Page(number, normalise(part)) for number, part in enumerate(parts, 1)]


def _read_markdown(path: Path) -> list[Page]:
    return [Page(page.number, page.text, tuple(_markdown_headings(page.text))) for page in _read_text(path)]


def _markdown_headings(text: str) -> Iterator[tuple[int, str]]:
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


def _empty() -> UnsupportedFile:
    return UnsupportedFile("This file is empty; upload one with text in it.", code="empty")


READERS: dict[str, Callable[[Path], list[Page]]] = {
    ".txt": _read_text,
    ".md": _read_markdown,
    ".pdf": _read_pdf,
    ".docx": _read_docx,
}
_SNIFFERS: dict[str, Callable[[Path, bytes], None]] = {
    ".txt": _sniff_text,
    ".md": _sniff_text,
    ".pdf": _sniff_pdf,
    ".docx": _sniff_docx,
}
