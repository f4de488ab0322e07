"""Pages drawn in the child: the cited words are marked where they stand, bad files cost a sentence, a false child nothing."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import pillow_heif
import pypdf
import pytest
from PIL import Image, ImageChops
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped, unused-ignore]
from reportlab.lib.utils import simpleSplit  # type: ignore[import-untyped, unused-ignore]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped, unused-ignore]

from app.config import IngestionSettings, child_environment
from app.errors import NotFound, UnsupportedFile
from app.indexes.page_pictures import HEIGHT, MOST_BYTES, PASSAGE, WIDTH, Mark, Picture, _picture, draw_page
from tests.documents import CONTRACT, make_contract_pdf, make_pdf

LAW = "This agreement is governed by the laws of England and Wales, and the courts of England have exclusive\njurisdiction"
Box = tuple[int, int, int, int]


def draw(path: Path, page: int = 1, marks: tuple[Mark, ...] = (), suffix: str = "", **limits: float) -> Picture:
    work = path.parent / "work"
    settings = IngestionSettings.model_validate(limits)
    try:
        return draw_page(path, suffix or path.suffix, page, marks, settings, child_environment(), work)
    finally:
        assert list(work.iterdir()) == []


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data)).convert("RGB")


def coloured(image: Image.Image) -> Box | None:
    """The box around what is yellow: more red than blue, by far."""
    red, _, blue = image.split()
    return ImageChops.subtract(red, blue).point([0] * 41 + [255] * 215).getbbox()


def test_the_cited_words_are_marked_where_they_stand(tmp_path: Path) -> None:
    path = make_contract_pdf(tmp_path / "deal.pdf")
    drawn = draw(path, 3, (Mark(LAW, 500, quote=True),))
    image = opened(drawn)
    box = coloured(image)
    assert (drawn.pages, drawn.marked, image.width) == (3, 1, WIDTH)
    assert box is not None
    lines = [line for part in CONTRACT[2].split("\n") for line in simpleSplit(part, "Helvetica", 11, 450)]
    number = next(at for at, line in enumerate(lines) if line.startswith("This agreement is governed"))
    # The first line's foot is at 770 points of 842, and each is 14 points high; the words take two.
    scale = image.height / A4[1]
    assert (A4[1] - 770 + 14 * (number - 1)) * scale < box[1]
    assert box[3] < (A4[1] - 770 + 14 * (number + 2)) * scale
    assert drawn.top == pytest.approx(box[1] / image.height, abs=0.01)
    assert coloured(opened(draw(path, 2, (Mark(LAW, 500, quote=True),)))) is None, "not on that page"


def test_what_is_around_is_lighter_than_the_words_and_both_are_counted(tmp_path: Path) -> None:
    path = make_contract_pdf(tmp_path / "deal.pdf")
    around = "8. Governing law\n" + LAW
    drawn = draw(
        path, 3, (Mark(around, 480), Mark(LAW, 500, quote=True), Mark("Words of another paper altogether.", 0))
    )
    colours = opened(drawn).getcolors(1 << 24) or []
    assert drawn.marked == 2
    assert PASSAGE in {colour for count, colour in colours if count > 500}


def test_a_turned_page_is_marked_as_it_is_seen(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "turned.pdf"), pagesize=A4)
    canvas.drawString(72, 770, "Governed by the laws of Ontario.")
    canvas.save()
    pages = pypdf.PdfWriter(clone_from=tmp_path / "turned.pdf")
    pages.pages[0].rotate(90)
    pages.write(tmp_path / "turned.pdf")
    drawn = draw(tmp_path / "turned.pdf", 1, (Mark("Governed by the laws of Ontario.", 0, quote=True),))
    image, box = opened(drawn), coloured(opened(drawn))
    assert image.width > image.height
    assert box is not None
    assert box[0] > image.width * 0.85
    assert box[3] - box[1] > box[2] - box[0], "the line runs downwards"


def test_light_letters_on_black_stay_readable(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "kit.pdf"), pagesize=A4)
    canvas.rect(0, 0, *A4, fill=1)
    canvas.setFillGray(1)
    canvas.drawString(72, 770, "Four albums in six years.")
    canvas.save()
    drawn = draw(tmp_path / "kit.pdf", 1, (Mark("Four albums in six years.", 0, quote=True),))
    box = coloured(opened(drawn))
    assert drawn.marked == 1
    assert box is not None
    darkest, lightest = opened(drawn).crop(box).convert("L").getextrema()
    assert lightest - darkest > 130  # type: ignore[operator]


HEIGHTS = {".jpg": 1800, ".png": 1800, ".heic": 933}  # saving as HEIC leaves the turn out


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".heic"])
def test_a_photograph_is_itself_upright_and_no_larger_than_a_page(tmp_path: Path, suffix: str) -> None:
    pillow_heif.register_heif_opener()
    taken, path = Image.new("RGB", (1800, 1200), "red"), tmp_path / f"paper{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    taken.save(path, exif=exif)
    drawn = draw(path, 1, (Mark("Net means net.", 0),))
    assert (drawn.pages, drawn.marked, drawn.top) == (1, 0, None)
    assert opened(drawn).height == HEIGHTS[suffix]
    with pytest.raises(NotFound):
        draw(path, 2)


@pytest.mark.parametrize("size", [(10, 14_400), (14_400, 14_400), (5, 5)])
def test_no_page_is_larger_than_a_picture_may_be(tmp_path: Path, size: tuple[int, int]) -> None:
    canvas = Canvas(str(tmp_path / "size.pdf"), pagesize=size)
    canvas.drawString(1, 1, "x")
    canvas.save()
    image = opened(draw(tmp_path / "size.pdf"))
    assert image.width <= WIDTH
    assert image.height <= HEIGHT


def test_pages_that_are_not_there_and_files_that_cannot_be_drawn_are_told(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "one.pdf", ["One page."])
    with pytest.raises(NotFound, match="no such page"):
        draw(path, 2)
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.4\nnothing")
    with pytest.raises(UnsupportedFile, match="cannot be drawn") as told:
        draw(broken)
    assert told.value.code == "broken"
    with pytest.raises(UnsupportedFile, match="longer than allowed") as late:
        draw(path, page_seconds=0.01)
    assert late.value.code == "timeout"


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"rest"


GOOD = {"pages": 3, "marked": 1, "top": 0.5}


@pytest.mark.parametrize(
    ("status", "answer", "data"),
    [
        (1, GOOD, png(10, 10)),
        (0, GOOD, b"<svg onload=alert(1)>" * 10),
        (0, GOOD, png(50_000, 10)),
        (0, GOOD, png(10, 0)),
        (0, GOOD, b"\x89PNG"),
        (0, GOOD, b"\0" * (MOST_BYTES + 1)),
        (0, {**GOOD, "top": "high"}, png(10, 10)),
        (0, {**GOOD, "pages": None}, png(10, 10)),
        (0, [], png(10, 10)),
        (0, {"error": "<script>"}, png(10, 10)),
        (0, {"error": ["locked"]}, png(10, 10)),
    ],
)
def test_a_child_that_was_taken_over_is_not_believed(tmp_path: Path, status: int, answer: object, data: bytes) -> None:
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    (tmp_path / "page.png").write_bytes(data)
    with pytest.raises(UnsupportedFile) as told:
        _picture(tmp_path, status, 1)
    assert told.value.code == "broken"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder, secret = tmp_path / "folder", tmp_path / "secret.png"
    folder.mkdir()
    secret.write_bytes(png(10, 10))
    (folder / "answer.json").write_text(json.dumps(GOOD))
    (folder / "page.png").symlink_to(secret)
    with pytest.raises(UnsupportedFile):
        _picture(folder, 0, 1)


def test_numbers_of_the_child_are_kept_within_bounds(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(json.dumps({"pages": -4, "marked": 99, "top": 7}))
    (tmp_path / "page.png").write_bytes(png(10, 10))
    drawn = _picture(tmp_path, 0, 2)
    assert (drawn.pages, drawn.marked, drawn.top) == (1, 2, 1.0)
