"""A page of an uploaded file as a picture, passages marked on it: drawn in a child process, as reading is.

Child: `python -m app.indexes.page_pictures PATH SUFFIX FOLDER` reads FOLDER/job.json (page, marks, seconds, memory_mb and the
reader's limits; never the command line, which others on the machine can see) and writes `page.png` and `answer.json` there.
Parent: `draw_page`.
"""

from __future__ import annotations

import importlib
import json
import math
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import NotFound, UnsupportedFile
from app.indexes import children
from app.indexes.limits import ReadLimits
from app.indexes.passages_on_page import find
from app.indexes.pictures import on_white, open_picture, read_picture

if TYPE_CHECKING:
    from app.config import IngestionSettings

WIDTH = 1400  # dots: a page as wide as a laptop's screen shows it, sharp when zoomed
HEIGHT = 4000
PIXELS = 4_000_000  # an A4 page of that width has 2.8 million
SCALE = 8.0  # dots for a point, at most: a stamp of a page is no poster
MOST_BYTES = 3 * PIXELS + 1_000_000  # of a picture that does not pack at all
MOST_CHARACTERS = 200_000  # of a page that are looked through for a passage
PAD = 2  # dots around a line

PASSAGE, QUOTE = (255, 243, 191), (255, 224, 110)  # paper under what surrounds the cited words, and under them
PASSAGE_ON_BLACK, QUOTE_ON_BLACK = (44, 36, 0), (104, 82, 0)  # added, where letters are light
DARK = 96  # of 255, the mean below which paper counts as black

TOO_LONG = "Drawing this page takes longer than allowed; download the file to see it."
BROKEN = "This page cannot be drawn, so the file is probably damaged; download it to see what it holds."
LOCKED = "This PDF needs a password, so its pages cannot be shown; download it to see them."
NO_PAGE = "This document has no such page."
_SENTENCES = {"locked": LOCKED, "broken": BROKEN}
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Mark:
    """Words to mark: `start` is where they begin on the page, in characters. `quote`: the very words, not what is around."""

    text: str
    start: int
    quote: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """PNG bytes. `marked` counts the marks that were found; `top` is where the first one is, as a share of the height."""

    data: bytes
    pages: int
    marked: int
    top: float | None


def draw_page(
    path: Path,
    suffix: str,
    page: int,
    marks: Sequence[Mark],
    limits: IngestionSettings,
    environment: Mapping[str, str],
    workdir: Path,
) -> Picture:
    """Page `page`, from 1, of a file whose suffix is in `DRAWN`; `workdir` is left as it was found.

    Raises `UnsupportedFile` with the code timeout, locked or broken, `NotFound` where there is no such page, and
    `FileNotFoundError` where there is no file.
    """
    path = path.resolve(strict=True)
    workdir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="draw-", dir=workdir)).resolve()
    job = json.dumps({
        **ReadLimits.of(limits).dumped(), "page": page, "marks": [asdict(mark) for mark in marks],
        "seconds": limits.page_seconds, "memory_mb": limits.read_memory_mb,
    })  # fmt: skip
    (folder / "job.json").write_text(job, encoding="utf-8")
    try:
        arguments = (str(path), suffix, str(folder))
        status = children.run("app.indexes.page_pictures", arguments, environment, limits.page_seconds)
        return _picture(folder, status, len(marks))
    except children.TookTooLong:
        raise UnsupportedFile(TOO_LONG, code="timeout") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _picture(folder: Path, status: int, marks: int) -> Picture:
    """What the child wrote, checked: a hostile file may have taken it over."""
    try:
        if status != 0:
            raise ValueError("it ended badly")
        answer = json.loads(_bounded(folder / "answer.json", 10_000))
        if "error" in answer:
            if answer["error"] == "no_page":
                raise NotFound(NO_PAGE)
            raise UnsupportedFile(_SENTENCES[answer["error"]], code=answer["error"])
        data = _bounded(folder / "page.png", MOST_BYTES)
        width, height = struct.unpack(">II", data[16:24])
        if data[:8] != _PNG or data[12:16] != b"IHDR" or not (0 < width <= WIDTH and 0 < height <= HEIGHT):
            raise ValueError("no picture of ours")
        top = answer["top"] if answer["top"] is None else min(1.0, max(0.0, float(answer["top"])))
        return Picture(data, max(1, int(answer["pages"])), min(marks, max(0, int(answer["marked"]))), top)
    except (OSError, ValueError, TypeError, KeyError, OverflowError, struct.error, RecursionError):
        raise UnsupportedFile(BROKEN, code="broken") from None


def _bounded(path: Path, most: int) -> bytes:
    if path.is_symlink() or path.stat().st_size > most:
        raise ValueError("too much")
    return path.read_bytes()


# The child


@dataclass(slots=True)
class Drawn:
    """A page as Pillow's picture, and the rectangles (left, top, right, bottom, in dots) of each mark."""

    image: Any
    pages: int = 1
    rectangles: tuple[tuple[Mark, list[tuple[int, int, int, int]]], ...] = ()


class _Undrawable(Exception):
    """`args[0]` is the code to tell."""


def main(arguments: list[str]) -> int:
    path, suffix, folder = Path(arguments[0]), arguments[1], Path(arguments[2])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    children.bind(math.ceil(job["seconds"]), int(job["memory_mb"]), MOST_BYTES)
    tempfile.tempdir = str(folder)  # the parent empties it, however this ends
    try:
        answer = _draw(path, suffix, folder, job)
    except _Undrawable as error:
        answer = {"error": error.args[0]}
    except Exception:  # a hostile file may raise anything in a library; it is told as one sentence all the same
        answer = {"error": "broken"}
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    return 0


def _draw(path: Path, suffix: str, folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    marks = [Mark(str(one["text"]), int(one["start"]), bool(one["quote"])) for one in job["marks"]]
    drawn = DRAWN[suffix](path, int(job["page"]), marks, ReadLimits.parsed(job))
    image = _marked(drawn)
    image.save(folder / "page.png", format="PNG")
    found = [rectangles for _, rectangles in drawn.rectangles if rectangles]
    # Scrolled to are the cited words where they were found, else what is around them.
    exact = [rectangles for mark, rectangles in drawn.rectangles if rectangles and mark.quote] or found
    top = min((box[1] for rectangles in exact for box in rectangles), default=None)
    return {"pages": drawn.pages, "marked": len(found), "top": None if top is None else round(top / image.height, 4)}


def _marked(drawn: Drawn) -> Any:
    """The picture with what surrounds the cited words set off lightly, and the words themselves over it."""
    image = drawn.image
    for quote, light, dark in ((False, PASSAGE, PASSAGE_ON_BLACK), (True, QUOTE, QUOTE_ON_BLACK)):
        boxes = [box for mark, boxes in drawn.rectangles if mark.quote is quote for box in boxes]
        if boxes:
            image = _over(image, boxes, light, dark)
    return image


def _over(image: Any, boxes: Sequence[tuple[int, int, int, int]], light: Any, dark: Any) -> Any:
    pillow: Any = importlib.import_module("PIL.Image")
    chops: Any = importlib.import_module("PIL.ImageChops")
    draw: Any = importlib.import_module("PIL.ImageDraw")
    stat: Any = importlib.import_module("PIL.ImageStat")
    mask = pillow.new("L", image.size, 0)
    pen = draw.Draw(mask)
    for box in boxes:
        pen.rectangle(box, fill=255)
    is_dark = sum(stat.Stat(image, mask).mean) / 3 < DARK
    colour = pillow.new("RGB", image.size, dark if is_dark else light)
    mixed = chops.add(image, colour) if is_dark else chops.multiply(image, colour)
    return pillow.composite(mixed, image, mask)


def _draw_pdf(path: Path, number: int, marks: Sequence[Mark], _: ReadLimits) -> Drawn:
    pdfium: Any = importlib.import_module("pypdfium2")
    try:
        document = pdfium.PdfDocument(str(path))
    except pdfium.PdfiumError as error:
        said = str(error).lower()
        raise _Undrawable("locked" if "password" in said or "security" in said else "broken") from None
    if number > len(document):
        raise _Undrawable("no_page")
    filled_in = document.get_formtype() != 0
    if filled_in:
        document.init_forms()
    page = document[number - 1]
    if filled_in:  # as the reader does: what people typed into a form is text only once it is drawn onto the page
        page.flatten()
        page.close()
        page = document[number - 1]
    width, height = (max(1.0, side) for side in page.get_size())
    scale = min(WIDTH / width, HEIGHT / height, math.sqrt(PIXELS / (width * height)), SCALE)
    scale *= 1 - 1e-6  # pdfium rounds up
    bitmap = page.render(scale=scale, rev_byteorder=True)
    boxes = tuple((mark, _boxes(pdfium, page, bitmap, mark)) for mark in marks)
    return Drawn(bitmap.to_pil().convert("RGB"), len(document), boxes)


def _boxes(pdfium: Any, page: Any, bitmap: Any, mark: Mark) -> list[tuple[int, int, int, int]]:
    """A box for each line of the mark, in dots."""
    words = page.get_textpage()
    count = min(words.count_chars(), MOST_CHARACTERS)
    # One by one: the text in one piece has fewer characters than pdfium counts where some are unknown or very high.
    signs = [_sign(pdfium.raw.FPDFText_GetUnicode(words, at)) for at in range(count)]
    place = bitmap.get_posconv(page)
    boxes = []
    for start, end in find(mark.text, mark.start, signs):
        for index in range(words.count_rects(start, end - start)):
            left, bottom, right, top = words.get_rect(index)
            (x1, y1), (x2, y2) = place.to_bitmap(left, top), place.to_bitmap(right, bottom)
            x1, x2 = sorted((x1, x2))
            y1, y2 = sorted((y1, y2))
            if x2 > 0 and y2 > 0 and x1 < bitmap.width and y1 < bitmap.height:
                boxes.append((x1 - PAD, y1 - PAD, x2 + PAD, y2 + PAD))
    return boxes


def _sign(code: int) -> str:
    return chr(code) if 0 < code < 0x110000 else " "


def _draw_photograph(path: Path, number: int, _: Sequence[Mark], limits: ReadLimits) -> Drawn:
    if number != 1:
        raise _Undrawable("no_page")
    ops: Any = importlib.import_module("PIL.ImageOps")
    read_picture(path, limits)
    with open_picture(path) as picture:
        picture.draft("RGB", (WIDTH, WIDTH))  # a JPEG is unpacked no larger than needed
        upright = ops.exif_transpose(picture)
        upright = on_white(upright) if upright.mode in ("RGBA", "LA", "PA", "P") else upright.convert("RGB")
    scale = min(
        1.0, WIDTH / upright.width, HEIGHT / upright.height, math.sqrt(PIXELS / (upright.width * upright.height))
    )
    size = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
    return Drawn(upright.resize(size).convert("RGB") if scale < 1 else upright.convert("RGB"))


# Suffix -> how a page of it becomes a picture; of the others the text is shown.
DRAWN: dict[str, Callable[[Path, int, Sequence[Mark], ReadLimits], Drawn]] = {
    ".pdf": _draw_pdf,
    ".jpg": _draw_photograph,
    ".jpeg": _draw_photograph,
    ".png": _draw_photograph,
    ".heic": _draw_photograph,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
