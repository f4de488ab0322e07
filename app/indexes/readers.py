"""Files in, pages of plain text out: one function per format and one row each in `READERS`.

Written for a child process (`app.indexes.sandbox`), which hostile files may still crash or exhaust; `sniff` alone is
safe and cheap enough for the serving process. Libraries are imported inside the functions that need them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.errors import UnsupportedFile
from app.indexes import mail, pdf, pictures, plain, sheets, sniffers, tables, web, word
from app.indexes.limits import ReadLimits
from app.indexes.pages import Page, normalise

__all__ = ["READERS", "Page", "Reader", "normalise", "read_pages", "sniff"]


@dataclass(frozen=True, slots=True)
class Reader:
    """How one kind of file is read.

    `sniff` raises if the first bytes are not that kind's; `render` gives a page that waits for text recognition as a
    picture (binary PGM, dots per inch).
    """

    read: Callable[[Path, ReadLimits], list[Page]]
    sniff: Callable[[Path, bytes, ReadLimits], None]
    render: Callable[[Path, int, ReadLimits], tuple[bytes, int]] | None = None
    no_text: str = ""  # the sentence for a sound file without text; without one it counts as empty


_PICTURE_WITHOUT_TEXT = "No text was found in this picture; take it again, closer and in better light, and upload that."

READERS: dict[str, Reader] = {
    ".txt": Reader(plain.read_text, sniffers.sniff_text),
    ".md": Reader(plain.read_markdown, sniffers.sniff_text),
    ".pdf": Reader(
        pdf.read_pdf,
        sniffers.sniff_pdf,
        pdf.render,
        "No text was found on the pages of this PDF; export it with its text, or scan it more sharply, and upload that.",
    ),
    ".docx": Reader(
        word.read_docx, sniffers.sniff_word, no_text="This Word file holds no text; pictures in it cannot be read."
    ),
    ".html": Reader(web.read_html, sniffers.sniff_html, no_text="This web page holds no text; save it as PDF."),
    ".htm": Reader(web.read_html, sniffers.sniff_html, no_text="This web page holds no text; save it as PDF."),
    ".eml": Reader(mail.read_mail, sniffers.sniff_mail, no_text="This message holds no text."),
    ".csv": Reader(tables.read_csv, sniffers.sniff_text),
    ".tsv": Reader(tables.read_csv, sniffers.sniff_text),
    ".xlsx": Reader(sheets.read_excel, sniffers.sniff_excel, no_text="The sheets of this Excel file are empty."),
    ".jpg": Reader(pictures.read_picture, sniffers.sniff_jpeg, pictures.render, _PICTURE_WITHOUT_TEXT),
    ".jpeg": Reader(pictures.read_picture, sniffers.sniff_jpeg, pictures.render, _PICTURE_WITHOUT_TEXT),
    ".png": Reader(pictures.read_picture, sniffers.sniff_png, pictures.render, _PICTURE_WITHOUT_TEXT),
    ".heic": Reader(pictures.read_picture, sniffers.sniff_heif, pictures.render, _PICTURE_WITHOUT_TEXT),
}


def read_pages(path: Path, suffix: str, limits: ReadLimits | None = None) -> list[Page]:
    """The pages of the file: with text on at least one of them, or a picture of some.

    Raises `UnsupportedFile` with one of the codes unknown_type, empty, damaged, needs_password, no_text, too_big.
    """
    limits = limits or ReadLimits()
    sniff(path, suffix, limits)
    pages = READERS[suffix].read(path, limits)
    if not any(page.picture or page.text.strip() for page in pages):
        raise without_text(suffix)
    return pages


def without_text(suffix: str) -> UnsupportedFile:
    """What to say of a sound file in which no text was found."""
    sentence = READERS[suffix].no_text
    return UnsupportedFile(sentence, code="no_text") if sentence else _empty()


def sniff(path: Path, suffix: str, limits: ReadLimits | None = None) -> None:
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
    READERS[suffix].sniff(path, head, limits or ReadLimits())


def _empty() -> UnsupportedFile:
    return UnsupportedFile("This file is empty; upload one with text in it.", code="empty")
