"""Threat battery C3, C4: PDFs that go round in circles or ask for more memory than there is."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents import SHARED, needs_shared
from tests.security.hostile import (
    CATALOG,
    FONT,
    PAGES,
    deflated,
    own_peak,
    page_pdf,
    pdf,
    peak_bytes,
    read,
    stream,
)

MB = 1 << 20
READ_SECONDS = 8
MEMORY_MB = 700
TEXT = b"BT /F 12 Tf 20 200 Td (the terms) Tj ET"
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>"


def cyclic_pages(path: Path) -> Path:
    inner = b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R] /Count 1000 >>"
    return pdf(
        path, [CATALOG, b"<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 1000000 >>", PAGE, stream(TEXT), FONT, inner]
    )


def own_parent(path: Path) -> Path:
    return pdf(path, [CATALOG, b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>"])


def cyclic_prev(path: Path) -> Path:
    """Two cross-reference tables that name each other as the one before."""
    pdf(path, [CATALOG, PAGES, PAGE, stream(TEXT), FONT])
    data = path.read_bytes()
    first = data.rindex(b"xref\n0 ")
    data = data.replace(b"/Root 1 0 R >>", b"/Root 1 0 R /Prev %010d >>" % len(data), 1)
    second = len(data)
    data = data.replace(b"/Prev %010d" % (len(data) - 17), b"/Prev %010d" % second)
    data += b"xref\n0 0\ntrailer\n<< /Size 6 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (first, second)
    path.write_bytes(data)
    return path


def outline_loop(path: Path) -> Path:
    catalog = b"<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>"
    item = b"<< /Title (x) /Parent 6 0 R /Next 7 0 R /Prev 7 0 R /First 7 0 R /Last 7 0 R >>"
    return pdf(path, [catalog, PAGES, PAGE, stream(TEXT), FONT, b"<< /First 7 0 R /Last 7 0 R /Count 9 >>", item])


def no_root_huge_size(path: Path) -> Path:
    path.write_bytes(
        b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 2147483647 >>\nstartxref\n9\n%%EOF\n"
    )
    return path


def inline_image_without_end(path: Path) -> Path:
    return page_pdf(path, b"BI /W 100000 /H 100000 /BPC 8 /CS /RGB ID " + b"x" * 2_000_000)


def form_of_itself(path: Path) -> Path:
    form = stream(
        b"/X Do /X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>"
    )
    return page_pdf(path, b"/X Do", extra=[form], resources=b"/XObject << /X 6 0 R >>")


CIRCLES: list[Callable[[Path], Path]] = [
    cyclic_pages, own_parent, cyclic_prev, outline_loop, no_root_huge_size, inline_image_without_end, form_of_itself,
]  # fmt: skip


@pytest.mark.parametrize("make", CIRCLES, ids=lambda make: make.__name__)
def test_c3_circles_end(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    outcome = read(make(tmp_path / "a.pdf"), read_seconds=READ_SECONDS)
    assert outcome.seconds < READ_SECONDS + 2
    if make in (cyclic_pages, cyclic_prev, outline_loop):  # readers find their way
        assert outcome.code in ("text", "damaged", "no_text", "too_big")
    else:
        assert outcome.code in ("damaged", "no_text", "timeout", "too_big")


@needs_shared
@pytest.mark.parametrize("name", ["Pages-tree-refs", "operator_list_cycle", "poppler-395-0-fuzzed", "bomb_giant"])
def test_c3_circles_met_in_the_wild(tmp_path: Path, name: str) -> None:
    path = tmp_path / "wild.pdf"
    path.write_bytes((SHARED / "pdf" / f"pdf.js__{name}.pdf").read_bytes())
    assert read(path, read_seconds=READ_SECONDS).seconds < READ_SECONDS + 2


def double_flate(path: Path) -> Path:
    """A few kB that unpack to 1 GB of operators."""
    once = deflated(TEXT + b"\n" * 961, 1_000_000)
    return page_pdf(path, zlib.compress(once, 9), b"/Filter [/FlateDecode /FlateDecode]")


def lzw(path: Path) -> Path:
    """Codes that each stand for a longer run than the one before, for 220 MB."""
    bits, width, code = ["100000000", f"{ord(' '):09b}"], 9, 258
    parts: list[bytes] = []
    run = "".join(bits)
    while code < 4093:
        width = 9 if code < 511 else 10 if code < 1023 else 11 if code < 2047 else 12
        run += f"{code:0{width}b}"
        code += 1
    run += f"{256:012b}"
    run += "0" * (-len(run) % 8)
    parts.append(int(run, 2).to_bytes(len(run) // 8, "big"))
    return page_pdf(path, b"".join(parts) * 30, b"/Filter /LZWDecode")


def fan_of_forms(path: Path) -> Path:
    """Nine forms, each of which draws the next one ten times: 10^9 drawings."""
    head = b"/Type /XObject /Subtype /Form /BBox [0 0 300 300] /Resources << /Font << /F 5 0 R >>"
    forms = [stream(b"/X Do " * 10, head + b" /XObject << /X %d 0 R >> >>" % (number + 1)) for number in range(6, 15)]
    return page_pdf(path, b"/X Do", extra=[*forms, stream(TEXT, head + b" >>")], resources=b"/XObject << /X 6 0 R >>")


def many_operators(path: Path) -> Path:
    return page_pdf(path, deflated(b"0 0 m 9 9 l S\n" * 1000, 3000), b"/Filter /FlateDecode")


BOMBS: list[Callable[[Path], Path]] = [double_flate, lzw, fan_of_forms, many_operators]


@pytest.mark.parametrize("make", BOMBS, ids=lambda make: make.__name__)
def test_c4_bombs_go_off_in_the_child(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / "a.pdf")
    assert path.stat().st_size < 200_000
    before = own_peak()
    outcome = read(path, read_seconds=READ_SECONDS, read_memory_mb=MEMORY_MB)
    assert outcome.seconds < READ_SECONDS + 2
    assert outcome.code in ("text", "damaged", "too_big", "timeout", "no_text")
    assert own_peak() - before < 50 * MB
    assert peak_bytes(path, memory_mb=MEMORY_MB, seconds=READ_SECONDS) < MEMORY_MB * MB
