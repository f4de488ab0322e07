"""PDF files to the text of each page: pdfium reads (11-20 times faster, engine.md), pypdf where pdfium cannot."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from app.errors import UnsupportedFile

MAX_PAGES = 10_000  # a lying page count would be walked page by page
VAIN_PAGES = 5  # pages on which pypdf too found nothing, after which the file is taken for a scan

_BROKEN_WORD = re.compile("(\\w{0,40})[\ufffe\x02](\\w{0,40})")  # pdfium's sign for a hyphen at the end of a line


def read_pdf(path: Path) -> list[str]:
    """The text of each page, "" for a page without any.

    Raises `UnsupportedFile`: needs_password, damaged, too_big.
    """
    texts = _read_with_pdfium(path)
    if not texts or None in texts:
        texts = _fill_with_pypdf(path, texts)
    return _mend_words([text or "" for text in texts])


def _read_with_pdfium(path: Path) -> list[str | None]:
    """Each page's text, None where pdfium found none; no pages at all if it cannot open the file."""
    pdfium: Any = importlib.import_module("pypdfium2")  # untyped
    try:
        document = pdfium.PdfDocument(str(path))
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise _needs_password() from None
        return []
    if len(document) > MAX_PAGES:
        raise UnsupportedFile(
            f"This PDF says it has more than {MAX_PAGES} pages; split it and upload the parts.", code="too_big"
        )
    filled_in = document.get_formtype() != 0
    if filled_in:
        document.init_forms()
    texts = [_pdfium_text(pdfium, document, index, filled_in) for index in range(len(document))]
    document.close()
    return texts


def _pdfium_text(pdfium: Any, document: Any, index: int, filled_in: bool) -> str | None:
    """None if the page does not load or has no text; "" if all its text lies off the page, where no reader sees it."""
    try:
        page = document[index]
        if filled_in:  # what people typed into a form is text only once it is drawn onto the page
            page.flatten()
            page.close()
            page = document[index]
        words = page.get_textpage()
        text: str = words.get_text_range()
        is_seen = bool(words.get_text_bounded().strip())  # judged only: its text runs lines together
        words.close()
        page.close()
    except pdfium.PdfiumError:
        return None
    if not text.strip():
        return None
    return text if is_seen else ""


def _fill_with_pypdf(path: Path, texts: list[str | None]) -> list[str | None]:
    """Fill the pages pdfium could not read, all if it opened nothing.

    Raises `UnsupportedFile`: needs_password; damaged if no text is left to show and pypdf too finds the file broken.
    """
    pypdf = importlib.import_module("pypdf")
    try:
        reader = pypdf.PdfReader(path)
        is_locked = reader.is_encrypted and not reader.decrypt("")
        pages = [] if is_locked else list(reader.pages[:MAX_PAGES])
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
    broken = set(_BROKEN_WORD.findall(whole))
    if not broken:
        return texts
    known = set(re.findall(r"\w+(?:-\w+)*", _BROKEN_WORD.sub(" ", whole).lower()))
    joined = {(left, right) for left, right in broken if (left + right).lower() in known}
    hyphened = {(left, right) for left, right in broken if f"{left}-{right}".lower() in known}
    if len(joined) > len(hyphened):
        joined |= {pair for pair in broken - hyphened if _is_one_word(*pair)}
    return [
        _BROKEN_WORD.sub(lambda match: ("" if match.groups() in joined else "-").join(match.groups()), text)
        for text in texts
    ]


def _is_one_word(left: str, right: str) -> bool:
    return left[-1:].isalpha() and (right[:1].islower() or (left + right).isupper())


def _needs_password() -> UnsupportedFile:
    return UnsupportedFile("This PDF needs a password; save a copy without one and upload that.", code="needs_password")


def _damaged() -> UnsupportedFile:
    return UnsupportedFile(
        "This PDF is damaged or incomplete; save a fresh copy in the program that made it and upload that.",
        code="damaged",
    )
