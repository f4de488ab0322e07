"""Scans and photographs: recognised page by page by a real Tesseract, or said plainly."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pillow_heif
import pypdfium2
import pytest
from PIL import Image, ImageDraw

from app.commands.upkeep import _text_recognition
from app.config import IngestionSettings, child_environment
from app.errors import UnsupportedFile
from app.indexes import pictures, sandbox
from app.indexes.limits import ReadLimits
from app.indexes.ocr import joined, sentences, text_of
from app.indexes.pages import Page
from app.indexes.readers import read_pages
from app.indexes.sandbox import find_tesseract, read_in_child
from tests.conftest import settings_in
from tests.documents import CONTRACT, make_contract_pdf, make_pdf, refusal

needs_tesseract = pytest.mark.skipif(
    find_tesseract(child_environment()) is None and not os.environ.get("CI"), reason="needs Tesseract (tesseract-ocr)"
)
WITHOUT = {**child_environment(), "PATH": "/nowhere"}

pillow_heif.register_heif_opener()


def read(path: Path, environment: dict[str, str] | None = None, **settings: object) -> list[Page]:
    work = path.parent / "work"
    try:
        limits = IngestionSettings.model_validate(settings)
        return read_in_child(path, path.suffix, limits, environment or child_environment(), work)
    finally:
        assert list(work.iterdir()) == []


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Image.Image:
    """Page 2 of our contract as a scanner sees it."""
    document = pypdfium2.PdfDocument(str(make_contract_pdf(tmp_path_factory.mktemp("paper") / "contract.pdf")))
    picture: Image.Image = document[1].render(scale=200 / 72).to_pil().convert("L")
    document.close()
    return picture


def mixed(folder: Path, paper: Image.Image) -> Path:
    """A page of text, a scan, and a blank page."""
    make_pdf(folder / "text.pdf", ["This page has its text, more than a stamp or a page number has.", ""])
    paper.save(folder / "scan.pdf", resolution=200)
    target = pypdfium2.PdfDocument.new()
    sources = [pypdfium2.PdfDocument(str(folder / name)) for name in ("text.pdf", "scan.pdf")]
    target.import_pages(sources[0], [0])
    target.import_pages(sources[1])
    target.import_pages(sources[0], [1])
    target.save(str(folder / "mixed.pdf"))
    for document in (*sources, target):
        document.close()
    return folder / "mixed.pdf"


@needs_tesseract
def test_a_scanned_page_among_others_is_recognised(tmp_path: Path, paper: Image.Image) -> None:
    told: list[tuple[int, int]] = []
    pages = read_in_child(
        mixed(tmp_path, paper), ".pdf", IngestionSettings(), child_environment(), tmp_path / "work",
        progress=lambda done, of: told.append((done, of)),
    )  # fmt: skip
    assert [page.number for page in pages] == [1, 2, 3]
    assert pages[0].text.startswith("This page has its text")
    assert "seventeen and a half percent (17.5%)" in " ".join(pages[1].text.split())
    assert pages[2].text == ""
    assert [page.note for page in pages] == ["", "", ""]
    assert told == [(2, 3), (3, 3)]


def test_without_tesseract_the_page_is_named(tmp_path: Path, paper: Image.Image) -> None:
    pages = read(mixed(tmp_path, paper), WITHOUT)
    assert [page.note for page in pages] == ["", "not_installed", ""]
    assert sentences(pages).startswith("Page 2 is a scan not read; install Tesseract on this server")
    with pytest.raises(UnsupportedFile) as caught:
        read(tmp_path / "scan.pdf", WITHOUT)
    assert caught.value.code == "no_text"
    assert "install Tesseract" in caught.value.sentence


@needs_tesseract
@pytest.mark.parametrize("kind", ["jpg", "png", "heic"])
def test_photographs(tmp_path: Path, paper: Image.Image, kind: str) -> None:
    """A phone lays them on their side and says so (EXIF tag 274); paper is not quite white."""
    photo = Image.eval(paper, lambda shade: 40 + shade * 3 // 4).convert("RGB")
    if kind == "jpg":
        exif = Image.Exif()
        exif[274] = 6
        photo.rotate(90, expand=True).save(tmp_path / "a.jpg", quality=80, exif=exif)
    else:
        photo.save(tmp_path / f"a.{kind}")
    [page] = read(tmp_path / f"a.{kind}")
    found = set(page.text.lower().split())
    wanted = set(CONTRACT[1].lower().split())
    assert len(found & wanted) > 0.9 * len(wanted)


def test_a_photograph_is_set_upright_and_measured(tmp_path: Path, paper: Image.Image) -> None:
    exif = Image.Exif()
    exif[274] = 6
    paper.rotate(90, expand=True).save(tmp_path / "a.jpg", exif=exif)
    picture, dpi = pictures.render(tmp_path / "a.jpg", 1, ReadLimits())
    kind, width, height = picture[:20].split()[:3]
    assert (kind, int(width), int(height)) == (b"P5", paper.width, paper.height)
    assert 190 < dpi < 210


@needs_tesseract
def test_a_page_that_takes_too_long_costs_only_itself(tmp_path: Path, paper: Image.Image) -> None:
    pages = read(mixed(tmp_path, paper), ocr_seconds=0.7)
    assert [page.note for page in pages] == ["", "too_slow", ""]
    assert pages[0].text


@needs_tesseract
def test_a_language_that_is_not_there_is_told(tmp_path: Path, paper: Image.Image) -> None:
    assert read(mixed(tmp_path, paper), ocr_languages="xxx")[1].note == "failed"


def test_only_so_many_pages(tmp_path: Path, paper: Image.Image) -> None:
    stand_in = tmp_path / "bin" / "tesseract"
    stand_in.parent.mkdir()
    stand_in.write_text("#!/bin/sh\nexit 1\n")
    stand_in.chmod(0o700)
    environment = {**child_environment(), "PATH": f"{stand_in.parent}:/usr/bin:/bin"}
    assert read(mixed(tmp_path, paper), environment, ocr_pages=0)[1].note == "too_many"
    assert read(tmp_path / "mixed.pdf", environment)[1].note == "failed"


def test_stopped_between_pages(tmp_path: Path, paper: Image.Image) -> None:
    with pytest.raises(UnsupportedFile) as caught:
        read_in_child(
            mixed(tmp_path, paper), ".pdf", IngestionSettings(), child_environment(), tmp_path / "work", lambda: True
        )
    assert caught.value.code == "timeout"


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits there")
def test_recognition_has_its_own_memory(tmp_path: Path, paper: Image.Image) -> None:
    """A page as large as a hall cannot be drawn within it: noted, and the document stands."""
    pages = read(mixed(tmp_path, paper), ocr_memory_mb=256)
    assert pages[0].text
    assert pages[1].note in ("failed", "")


def test_a_picture_too_large_or_broken(tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "huge.png")
    assert refusal(tmp_path / "huge.png", ".png")[0] == "too_big"
    (tmp_path / "half.png").write_bytes((tmp_path / "huge.png").read_bytes()[:40])
    assert refusal(tmp_path / "half.png", ".png")[0] == "damaged"


def test_letters_turned_to_curves_wait_for_recognition(tmp_path: Path) -> None:
    from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped, unused-ignore]

    canvas = Canvas(str(tmp_path / "curves.pdf"))
    for number in range(150):
        canvas.line(72, 72 + number, 300, 80 + number)
    canvas.save()
    assert [page.picture for page in read_pages(tmp_path / "curves.pdf", ".pdf")] == [True]


@needs_tesseract
@pytest.mark.parametrize(
    "draw", [lambda _: None, lambda pen: [pen.ellipse((x, x, x + 300, x + 200)) for x in range(0, 600, 40)]]
)
def test_a_picture_of_no_words_is_not_indexed(tmp_path: Path, draw: Callable[[ImageDraw.ImageDraw], object]) -> None:
    picture = Image.new("L", (1000, 1000), 255)
    draw(ImageDraw.Draw(picture))
    picture.save(tmp_path / "a.png")
    with pytest.raises(UnsupportedFile) as caught:
        read(tmp_path / "a.png")
    assert caught.value.code == "no_text"
    assert "closer and in better light" in caught.value.sentence


def row(line: int, sure: float, text: str) -> str:
    return f"5\t1\t1\t1\t{line}\t1\t0\t0\t9\t9\t{sure}\t{text}\n"


def test_words_nobody_is_sure_of_are_left_out() -> None:
    assert (
        text_of(row(1, 96, "The") + row(1, 91, "terms") + row(2, 12, "~|;") + row(2, 88, "apply")) == "The terms\napply"
    )
    assert text_of("".join(row(n, 40, "ieee") for n in range(20))) == ""
    assert text_of(row(1, 95, "||") + row(1, 95, "--")) == ""


def test_a_stamp_on_a_scan_stands_once() -> None:
    assert joined("Exhibit 10.1", "EXHIBIT 10.1\nAgreement") == "EXHIBIT 10.1\nAgreement"
    assert joined("A-17", "Agreement") == "A-17\n\nAgreement"
    assert joined("Test", "") == "Test"


def test_pages_of_one_reason_share_a_sentence() -> None:
    notes = {1: "", 3: "not_installed", 5: "nothing_found", 7: "not_installed", 8: "not_installed", 9: "not_installed"}
    said = sentences(Page(number, "x", note=note) for number, note in notes.items())
    assert said.startswith("Pages 3 and 7-9 are scans not read; install Tesseract")
    assert said.endswith("Page 5 is a scan without text that could be recognised.")
    assert len(said) < sandbox._MAX_SENTENCE


@needs_tesseract
def test_doctor_tells_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = _text_recognition(settings_in(tmp_path))
    assert (told["status"], told["detail"]) == ("ok", "Tesseract reads eng.")
    told = _text_recognition(settings_in(tmp_path, ingestion={"ocr_languages": "eng+xxx"}))
    assert (told["status"], told["detail"][:27]) == ("degraded", "Tesseract has no data for x")
    monkeypatch.setenv("PATH", "/nowhere")
    assert _text_recognition(settings_in(tmp_path))["status"] == "off"
