"""PDF files to the text of each page: pdfium reads (11-20 times faster, engine.md), pypdf where pdfium cannot."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from app.errors import UnsupportedFile
from app.indexes.limits import ReadLimits
from app.indexes.pages import Page, normalise
from app.indexes.pdf_headings import PdfLine, headings_of, lines_of, place

FEW_CHARS = 30  # fewer on a page are a stamp or a page number on a scan, not its text
SCAN_SHARE = 0.3  # of a page with few words, above which its largest picture is taken for a scan
MARK_SHARE = 0.01  # and of one without any: below it lie rules and dots
DRAWN_PATHS = 100  # curves on a page without text: a press kit whose letters were turned to outlines
MAX_OBJECTS = 2000  # looked at on one page
OCR_DPI = 300  # what Tesseract asks for
MAX_SIDE = 5000  # dots; an A3 page at 300 dpi has 4961
VAIN_PAGES = 5  # pages on which pypdf too found nothing, after which the file is taken for a scan

_BROKEN_WORD = re.compile("(\\w{0,40})[\ufffe\x02](\\w{0,40})")  # pdfium's sign for a hyphen at the end of a line


def read_pdf(path: Path, limits: ReadLimits) -> list[Page]:
    """The pages, each with its text, its headings, and whether it waits for text recognition.

    Raises `UnsupportedFile`: needs_password, damaged, too_big.
    """
    pages = _read_with_pdfium(path, limits)
    texts = [page.text for page in pages]
    if not texts or None in texts:
        texts = _fill_with_pypdf(path, texts, limits)
    pages += [_Read(None)] * (len(texts) - len(pages))
    mended = map(normalise, _mend_words([text or "" for text in texts]))
    chosen = headings_of([page.lines for page in pages])
    return [
        Page(number, text, place(text, lines), picture=page.picture and len(text.strip()) < FEW_CHARS)
        for number, (text, page, lines) in enumerate(zip(mended, pages, chosen, strict=True), 1)
    ]


@dataclass(frozen=True, slots=True)
class _Read:
    """A page as pdfium read it; `text` is None where it found none."""

    text: str | None
    lines: tuple[PdfLine, ...] = ()
    picture: bool = False


def _read_with_pdfium(path: Path, limits: ReadLimits) -> list[_Read]:
    """No pages at all if pdfium cannot open the file."""
    pdfium: Any = importlib.import_module("pypdfium2")  # untyped
    try:
        document = pdfium.PdfDocument(str(path))
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise _needs_password() from None
        return []
    if len(document) > limits.max_pages:
        raise UnsupportedFile(
            f"This PDF says it has more than {limits.max_pages} pages; split it and upload the parts.", code="too_big"
        )
    filled_in = document.get_formtype() != 0
    if filled_in:
        document.init_forms()
    pages = [_read_page(pdfium, document, index, filled_in) for index in range(len(document))]
    document.close()
    return pages


def _read_page(pdfium: Any, document: Any, index: int, filled_in: bool) -> _Read:
    """No text if the page does not load or has none; "" if all its text lies off the page, where no reader sees it."""
    try:
        page = document[index]
        if filled_in:  # what people typed into a form is text only once it is drawn onto the page
            page.flatten()
            page.close()
            page = document[index]
        words = page.get_textpage()
        text: str = words.get_text_range()
        is_seen = _is_seen(pdfium, page, words, text)
        lines = tuple(lines_of(pdfium.raw, words, text)) if is_seen else ()
        picture = len(text.strip()) < FEW_CHARS and _holds_picture(pdfium, page, bool(text.strip()))
        words.close()
        page.close()
    except pdfium.PdfiumError:
        return _Read(None)
    return _Read((text if is_seen else "") if text.strip() else None, lines, picture)


def _is_seen(pdfium: Any, page: Any, words: Any, text: str) -> bool:
    """Whether any character lies on the page. A few are tried first: reading the page again by its bounds doubles the
    time, and its text is good for this alone, for it runs lines together.
    """
    left, bottom, right, top = page.get_bbox()
    for at in range(0, len(text), max(1, len(text) // 8)):
        if text[at].isspace():
            continue
        try:
            x1, y1, x2, y2 = words.get_charbox(at)
        except (pdfium.PdfiumError, IndexError):  # a character made up between two others has no place
            continue
        if left < x2 and x1 < right and bottom < y2 and y1 < top:
            return True
    return bool(words.get_text_bounded().strip())


def _holds_picture(pdfium: Any, page: Any, has_text: bool) -> bool:
    """Whether what a reader sees on a page of few words is a scan, or text drawn as curves."""
    width, height = page.get_size()
    kinds = (pdfium.raw.FPDF_PAGEOBJ_IMAGE, pdfium.raw.FPDF_PAGEOBJ_PATH)
    covered, paths = 0.0, 0
    for found in islice(page.get_objects(filter=kinds, max_depth=4), MAX_OBJECTS):
        if found.type == pdfium.raw.FPDF_PAGEOBJ_PATH:
            paths += 1
            continue
        left, bottom, right, top = found.get_bounds()
        inside = found.level == 0  # what lies in a form has the form's measures
        covered = max(covered, (right - left) * (top - bottom) / max(1.0, width * height)) if inside else 1.0
    return covered >= (SCAN_SHARE if has_text else MARK_SHARE) or (not has_text and paths >= DRAWN_PATHS)


def render(path: Path, number: int, _: ReadLimits) -> tuple[bytes, int]:
    """Page `number`, from 1, in shades of grey as binary PGM, and its dots per inch."""
    pdfium: Any = importlib.import_module("pypdfium2")
    document = pdfium.PdfDocument(str(path))
    if document.get_formtype() != 0:
        document.init_forms()
    page = document[number - 1]
    width, height = page.get_size()
    scale = min(OCR_DPI / 72, MAX_SIDE / max(width, height, 1.0))
    bitmap = page.render(scale=scale, grayscale=True, may_draw_forms=True)
    rows = bytes(bitmap.buffer)
    data = b"".join(rows[at : at + bitmap.width] for at in range(0, bitmap.stride * bitmap.height, bitmap.stride))
    return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + data, max(70, round(scale * 72))


def _fill_with_pypdf(path: Path, texts: list[str | None], limits: ReadLimits) -> list[str | None]:
    """Fill the pages pdfium could not read, all if it opened nothing.

    Raises `UnsupportedFile`: needs_password; damaged if no text is left to show and pypdf too finds the file broken.
    """
    pypdf = importlib.import_module("pypdf")
    try:
        reader = pypdf.PdfReader(path)
        is_locked = reader.is_encrypted and not reader.decrypt("")
        pages = [] if is_locked else list(reader.pages[: limits.max_pages])
    except Exception:  # pypdf raises whatever a broken file makes of it
        if any(texts):
            return texts
        raise _damaged() from None
    if is_locked:
        raise _needs_password()
    if texts and len(pages) != len(texts):  # the two count pages of a broken tree differently: numbers would be wrong
        return texts
    found = list(texts) or [None] * len(pages)
    vain = 0
    for index, page in enumerate(pages):
        if found[index] is None and (vain < VAIN_PAGES or not texts):
            found[index] = _pypdf_text(page)
            vain = 0 if found[index] else vain + 1
    if not texts and not any(found):
        raise _damaged()
    return found


def _pypdf_text(page: Any) -> str:
    try:
        return str(page.extract_text()).strip()
    except Exception:  # as above; a page that cannot be read is a silent page
        return ""


def _mend_words(texts: list[str]) -> list[str]:
    """Words broken at line ends: joined, or their hyphen kept, as the rest of the document writes them.

    Where it does not write a word again, as it treats most of those it does (measured: contracts and annual reports
    break only at true hyphens, justified papers anywhere).
    """
    whole = "\n".join(texts)
    if "\ufffe" not in whole and "\x02" not in whole:
        return texts
    broken: set[tuple[str, str]] = set()

    def note(match: re.Match[str]) -> str:
        broken.add((match[1], match[2]))
        return " "

    known = set(re.findall(r"\w+(?:-\w+)*", _replaced(whole, note).lower()))
    joined = {(left, right) for left, right in broken if (left + right).lower() in known}
    hyphened = {(left, right) for left, right in broken if f"{left}-{right}".lower() in known}
    if len(joined) > len(hyphened):
        joined |= {pair for pair in broken - hyphened if _is_one_word(*pair)}
    return [
        _replaced(text, lambda match: ("" if match.groups() in joined else "-").join(match.groups())) for text in texts
    ]


def _replaced(text: str, by: Callable[[re.Match[str]], str]) -> str:
    """Only in lines that hold the sign: looking for words around one takes as long as pdfium itself."""
    return "\n".join(
        _BROKEN_WORD.sub(by, line) if "\ufffe" in line or "\x02" in line else line for line in text.split("\n")
    )


def _is_one_word(left: str, right: str) -> bool:
    return left[-1:].isalpha() and (right[:1].islower() or (left + right).isupper())


def _needs_password() -> UnsupportedFile:
    return UnsupportedFile("This PDF needs a password; save a copy without one and upload that.", code="needs_password")


def _damaged() -> UnsupportedFile:
    return UnsupportedFile(
        "This PDF is damaged or incomplete; save a fresh copy in the program that made it and upload that.",
        code="damaged",
    )
