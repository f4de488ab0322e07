"""Zip bombs, lies and entities."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from app.errors import UnsupportedFile
from app.indexes import archives
from app.indexes.limits import ReadLimits
from app.indexes.readers import sniff
from tests.documents import make_docx, refusal

LIMITS = ReadLimits()


def test_bomb_is_told_by_its_own_list(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "bomb.docx", ["text"])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/zeros.bin", bytes(LIMITS.archive_bytes))
    assert path.stat().st_size < 500_000
    with pytest.raises(UnsupportedFile) as caught:
        sniff(path, ".docx")
    assert caught.value.code == "too_big"


def test_bomb_with_lying_sizes_stops_where_the_lie_ends(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "liar.docx", ["text"])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/zeros.bin", bytes(LIMITS.archive_bytes + 1))
    true, lie = (LIMITS.archive_bytes + 1).to_bytes(4, "little"), (10).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(true, lie))
    sniff(path, ".docx")
    assert refusal(path, ".docx")[0] == "damaged"


def test_unpacked_bytes_are_counted(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "big.docx", ["text"])
    with archives.open_archive(path, LIMITS) as archive, pytest.raises(UnsupportedFile) as caught:
        archives.check_archive(archive, ReadLimits(archive_bytes=10_000))
    assert caught.value.code == "too_big"


def test_ratio_counts_above_a_harmless_size(tmp_path: Path) -> None:
    for name, size, code in (("small", 4_000_000, ""), ("large", 30_000_000, "too_big")):
        path = make_docx(tmp_path / f"{name}.docx", ["text"])
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("word/media/zeros.bin", bytes(size))
        assert size < LIMITS.archive_bytes
        if code:
            assert refusal(path, ".docx")[0] == code
        else:
            sniff(path, ".docx")


def test_members_that_share_their_bytes(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "overlap.docx", ["text"])
    with zipfile.ZipFile(path) as archive:
        first, second = sorted(archive.infolist(), key=lambda one: one.header_offset)[1:3]
    data = bytearray(path.read_bytes())
    entry = data.rindex(second.filename.encode()) - 46  # of the central directory (APPNOTE 4.3.12)
    data[entry + 42 : entry + 46] = struct.pack("<L", first.header_offset)
    path.write_bytes(data)
    with pytest.raises(UnsupportedFile) as caught:
        sniff(path, ".docx")  # by the list alone: nothing has been unpacked
    assert caught.value.code == "damaged"


def test_too_many_members(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "many.docx", ["text"])
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(LIMITS.archive_members):
            archive.writestr(f"x{number}", b"")
    assert refusal(path, ".docx")[0] == "too_big"


@pytest.mark.parametrize("end", [(65_535, 100, b""), (3, 500_000_000, b""), (3, 100, b"PK\x06\x07" + bytes(16))])
def test_end_record_is_judged_before_the_list_is_loaded(tmp_path: Path, end: tuple[int, int, bytes]) -> None:
    entries, directory_bytes, locator = end
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, entries, entries, directory_bytes, 4, 0)
    (tmp_path / "upload").write_bytes(b"PK\x03\x04" + bytes(30) + locator + record)
    assert refusal(tmp_path / "upload", ".docx")[0] == "too_big"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_doctype_is_refused_in_any_part(tmp_path: Path, encoding: str) -> None:
    path = make_docx(tmp_path / "xxe.docx", ["text"])
    hostile = f'<?xml version="1.0" encoding="{encoding}"?><!-- x --><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("customXml/item9.xml", hostile.encode(encoding))
    code, sentence = refusal(path, ".docx")
    assert code == "damaged"
    assert "DOCTYPE" in sentence
