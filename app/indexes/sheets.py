"""Excel files: each visible sheet a page, its cells as Excel shows them, formulas by their last result."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from app.errors import UnsupportedFile
from app.indexes import archives
from app.indexes.limits import ReadLimits
from app.indexes.pages import Page, normalise
from app.indexes.tables import Row, table_page, too_many_cells


def read_excel(path: Path, limits: ReadLimits) -> list[Page]:
    with archives.open_archive(path, limits) as archive:
        archives.check_archive(archive, limits)
    openpyxl: Any = importlib.import_module("openpyxl")  # untyped, and 0.3 s to import
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        left = limits.table_cells
        pages = []
        for number, sheet in enumerate(visible, 1):
            rows = []
            for at, cells in _rows(sheet):
                left -= len(list(filter(None, cells)))
                if left < 0:
                    raise too_many_cells(limits)
                rows.append((at, cells))
            page = table_page(number, rows, normalise(sheet.title).strip()[:100])
            pages.append(page if rows else Page(number, ""))
    except UnsupportedFile:
        raise
    except (BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError):  # of a broken part
        raise UnsupportedFile(archives.DAMAGED, code="damaged") from None
    return pages


def _rows(sheet: Any) -> Iterator[Row]:
    sheet.reset_dimensions()  # what a file says of its size may be anything
    for number, row in enumerate(sheet.iter_rows(), 1):
        if row:
            cells = [_shown(cell.value, getattr(cell, "number_format", "")) for cell in row]
            if any(cells):
                yield number, cells


def _shown(value: Any, form: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return str(value.date() if value.time() == time() else value)
    if isinstance(value, date | time):
        return str(value)
    if isinstance(value, int | float):
        is_share = "%" in (form or "")
        return f"{value * 100 if is_share else value:.15g}{'%' if is_share else ''}"
    return str(value)
