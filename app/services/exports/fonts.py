"""The fonts of PDF files: Open Sans, and where it has no glyph Noto Sans for the script; both come with packages.

Chinese, Japanese and Korean are set in fonts that a reader's own program brings (Adobe's CID fonts): no file of a size that
could be shipped holds them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files
from itertools import groupby
from typing import NamedTuple

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

SANS, MONO = "Sans", "Courier"
FACES = (("Sans", "Regular"), ("Sans-Bold", "Bold"), ("Sans-Italic", "Italic"), ("Sans-BoldItalic", "BoldItalic"))
SCRIPTS = (
    "", "Arabic", "Armenian", "Bengali", "Devanagari", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi", "Hebrew", "Kannada",
    "Khmer", "Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thai", "Symbols",
)  # fmt: skip
RIGHT_TO_LEFT = ("Arabic", "Hebrew")


class Reach(NamedTuple):
    """First and last character of a block, and the font that readers' programs bring for it."""

    first: int
    last: int
    font: str


# Unicode 16, blocks. Han characters are shared by three languages; Japanese fonts draw those of all in most programs.
EASTERN = (
    Reach(0x1100, 0x11FF, "HYSMyeongJo-Medium"), Reach(0x3130, 0x318F, "HYSMyeongJo-Medium"),
    Reach(0xAC00, 0xD7AF, "HYSMyeongJo-Medium"), Reach(0x2E80, 0x9FFF, "HeiseiKakuGo-W5"),
    Reach(0xF900, 0xFAFF, "HeiseiKakuGo-W5"), Reach(0xFF00, 0xFFEF, "HeiseiKakuGo-W5"),
)  # fmt: skip
MISSING = "□"


class Run(NamedTuple):
    """`font` is empty for Open Sans, which has the bold and the italic."""

    font: str
    text: str


def runs(text: str) -> Iterator[Run]:
    """The text in pieces, each with a font that has it. What none has becomes an empty box."""
    glyphs = _register()
    font = ""

    def font_of(sign: str) -> str:
        nonlocal font
        font = _font_of(sign, glyphs, font)
        return font

    for name, signs in groupby(text, font_of):
        piece = "".join(signs)
        if name == MISSING:
            yield Run("", MISSING * len(piece))
        else:
            yield Run(name, piece[::-1] if name.endswith(RIGHT_TO_LEFT) else piece)


def _font_of(sign: str, glyphs: dict[str, frozenset[int]], before: str) -> str:
    code = ord(sign)
    if code in glyphs[SANS]:
        # A space within a foreign name belongs to it, so that words of one that runs to the left keep their order.
        return before if sign == " " and before.endswith(RIGHT_TO_LEFT) else ""
    for reach in EASTERN:
        if reach.first <= code <= reach.last:
            return reach.font
    return next((name for name, known in glyphs.items() if name != SANS and code in known), MISSING)


@cache
def _register() -> dict[str, frozenset[int]]:
    """Make the fonts known to reportlab, once a process; the characters that each has."""
    glyphs: dict[str, frozenset[int]] = {}
    for name, face in FACES:
        _load(name, "ttf_opensans", f"ttf/OpenSans-{face}.ttf")
    pdfmetrics.registerFontFamily(
        SANS, normal="Sans", bold="Sans-Bold", italic="Sans-Italic", boldItalic="Sans-BoldItalic"
    )
    glyphs[SANS] = frozenset(pdfmetrics.getFont(SANS).face.charToGlyph)
    for script in SCRIPTS:
        name = f"Noto{script}"
        _load(name, "manimgx_fonts", f"NotoSans{script}[wght].ttf")
        pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
        glyphs[name] = frozenset(pdfmetrics.getFont(name).face.charToGlyph)
    for name in {reach.font for reach in EASTERN}:
        pdfmetrics.registerFont(UnicodeCIDFont(name))
        pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
    return glyphs


def _load(name: str, package: str, path: str) -> None:
    with as_file(files(package).joinpath(path)) as file:
        pdfmetrics.registerFont(TTFont(name, str(file)))
