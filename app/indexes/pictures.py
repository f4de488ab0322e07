"""Photographs of paper: one page each, whose text comes from text recognition."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import Any

from app.errors import UnsupportedFile
from app.indexes.limits import ReadLimits
from app.indexes.pages import Page

MAX_SIDE = 3600  # dots; an A4 page at 300 dpi has 3508
MIN_SIDE = 1200  # smaller ones are enlarged: Tesseract wants letters of 20 dots or more
PAPER_INCHES = 11.7  # the longer side of what people photograph, for want of a better measure

_FORMATS = ("JPEG", "PNG", "HEIF")
_DAMAGED = "This picture is damaged or incomplete; take or export it anew and upload that."


def read_picture(path: Path, limits: ReadLimits) -> list[Page]:
    """A page that waits. The picture is judged by its header alone: unpacking it is for the child that recognises it."""
    with open_picture(path) as picture:
        width, height = picture.size
    if width * height > limits.picture_pixels:
        raise UnsupportedFile(
            f"This picture has more than {limits.picture_pixels // 1_000_000} million dots; make it smaller and upload that.",
            code="too_big",
        )
    return [Page(1, "", picture=True)]


def render(path: Path, _: int, limits: ReadLimits) -> tuple[bytes, int]:
    """The picture upright, in shades of grey as binary PGM, and its dots per inch as if it were a page."""
    ops: Any = importlib.import_module("PIL.ImageOps")
    read_picture(path, limits)
    with open_picture(path) as picture:
        try:
            picture.draft("L", (MAX_SIDE, MAX_SIDE))  # a JPEG is unpacked no larger than needed
            upright = ops.exif_transpose(picture)
            if upright.mode in ("RGBA", "LA", "PA", "P"):
                upright = on_white(upright)
            grey = upright.convert("L")
        except (OSError, ValueError, SyntaxError):
            raise UnsupportedFile(_DAMAGED, code="damaged") from None
    longer = max(grey.size)
    scale = min(1.0, MAX_SIDE / longer) if longer > MIN_SIDE else min(2.0, MIN_SIDE / longer)
    if scale != 1.0:
        grey = grey.resize((max(1, round(grey.width * scale)), max(1, round(grey.height * scale))))
    target = io.BytesIO()
    ops.autocontrast(grey, cutoff=1).save(target, format="PPM")
    return target.getvalue(), max(70, round(max(grey.size) / PAPER_INCHES))


def on_white(picture: Any) -> Any:
    """Transparent parts become paper."""
    image: Any = importlib.import_module("PIL.Image")
    coloured = picture.convert("RGBA")
    paper = image.new("RGBA", coloured.size, "white")
    paper.alpha_composite(coloured)
    return paper


def open_picture(path: Path) -> Any:
    """The picture as Pillow sees it, not unpacked yet; ask `read_picture` about its size first."""
    image: Any = importlib.import_module("PIL.Image")
    importlib.import_module("pillow_heif").register_heif_opener()
    image.MAX_IMAGE_PIXELS = None  # judged by `read_picture`, with a sentence
    try:
        return image.open(path, formats=_FORMATS)
    except (OSError, ValueError, SyntaxError):
        raise UnsupportedFile(_DAMAGED, code="damaged") from None
