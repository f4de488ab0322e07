"""Zip files from strangers: checked as a whole before any part of one is parsed."""

from __future__ import annotations

import struct
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path
from xml.parsers import expat

from app.errors import UnsupportedFile
from app.indexes.limits import ReadLimits

MAX_DIRECTORY_BYTES = 1_000_000  # 2000 members of 500 bytes; zipfile reads the whole list into memory on opening
_TAIL = 22 + 65_535  # end record and its longest comment (APPNOTE 4.3.16)
_BLOCK = 1 << 16
_LOCAL_HEADER = 30  # and a name at the least (APPNOTE 4.3.7)
_SMALL = 5_000_000  # bytes; harmless whatever they were packed to
_XML = (".xml", ".rels")

DAMAGED = "This file is damaged or incomplete; save a fresh copy in the program that made it and upload that."


def open_archive(path: Path, limits: ReadLimits) -> zipfile.ZipFile:
    """Open a zip after judging its list of members; cheap, and safe for any process.

    Raises `UnsupportedFile`: damaged, or too_big by the list's own account.
    """
    _check_directory(path, limits)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError):
        raise UnsupportedFile(DAMAGED, code="damaged") from None
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    if len(members) > limits.archive_members or unpacked > _most(path, limits):
        archive.close()
        raise _too_big(limits)
    if _overlap(members):
        archive.close()
        raise UnsupportedFile(DAMAGED, code="damaged")
    return archive


def _most(path: Path, limits: ReadLimits) -> int:
    """Bytes this archive may unpack to; small ones may have any ratio, for a page of spaces packs well."""
    return min(limits.archive_bytes, max(_SMALL, path.stat().st_size * limits.archive_ratio))


def _overlap(members: list[zipfile.ZipInfo]) -> bool:
    """Whether two members share packed bytes: how a few kB unpack to many GB without any of them being large."""
    spans = sorted((one.header_offset, one.header_offset + _LOCAL_HEADER + one.compress_size) for one in members)
    return any(end > begin for (_, end), (begin, _) in pairwise(spans))


def check_archive(archive: zipfile.ZipFile, limits: ReadLimits) -> None:
    """Unpack every member once, into nothing: sizes in headers may lie, so the bytes are counted.

    Raises `UnsupportedFile`: too_big past the limits, needs_password, damaged (also: any XML part with a DOCTYPE).
    """
    assert archive.filename is not None, "opened by path"
    left = _most(Path(archive.filename), limits)
    for member in archive.infolist():
        if member.flag_bits & 1:
            raise UnsupportedFile(
                "This file needs a password; save a copy without one and upload that.", code="needs_password"
            )
        if member.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):  # OPC allows no other; zipfile caps no other
            raise UnsupportedFile(DAMAGED, code="damaged")
        try:
            left -= _drain(archive, member, left, limits)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError):
            raise UnsupportedFile(DAMAGED, code="damaged") from None


def _check_directory(path: Path, limits: ReadLimits) -> None:
    """Read the end record alone. Zip64 would lift every limit, and no document needs it."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise UnsupportedFile(DAMAGED, code="damaged")
    entries, directory_bytes = struct.unpack_from("<HL", tail, at + 10)
    zip64 = tail[max(0, at - 20) : at].startswith(b"PK\x06\x07")
    if entries > limits.archive_members or directory_bytes > MAX_DIRECTORY_BYTES or zip64:
        raise _too_big(limits)


def _drain(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int, limits: ReadLimits) -> int:
    """Read one member block by block; its true size in bytes."""
    size = 0
    prolog = _prolog_parser() if member.filename.lower().endswith(_XML) else None
    with archive.open(member) as file:
        while block := file.read(_BLOCK):
            size += len(block)
            if size > left:
                raise _too_big(limits)
            if prolog is not None and _is_past_prolog(prolog, block):
                prolog = None
    return size


class _RootReached(Exception):
    """The first element has begun; no DOCTYPE can follow."""


def _prolog_parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = _reach_root
    return parser


def _is_past_prolog(parser: expat.XMLParserType, block: bytes) -> bool:
    try:
        parser.Parse(block, False)
    except (_RootReached, expat.ExpatError):  # a broken part is told where it is parsed, if it is
        return True
    return False


def _refuse_doctype(*_: object) -> None:
    raise UnsupportedFile(
        "This file holds a DOCTYPE, which office programs never write, so it was not opened; "
        "save it anew in Word or LibreOffice and upload that.",
        code="damaged",
    )


def _reach_root(*_: object) -> None:
    raise _RootReached


def _too_big(limits: ReadLimits) -> UnsupportedFile:
    return UnsupportedFile(
        f"This file unpacks to more than {limits.archive_bytes // 1_000_000} MB, {limits.archive_members} parts or "
        f"{limits.archive_ratio} times its size; take out large pictures or split it, and upload that.",
        code="too_big",
    )
