"""Zip files from strangers: checked as a whole before any part of one is parsed."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from xml.parsers import expat

from app.errors import UnsupportedFile

MAX_MEMBERS = 2000
MAX_BYTES = 100_000_000  # unpacked; a long novel with pictures is a tenth of this, a bomb ten times as much
MAX_DIRECTORY_BYTES = 1_000_000  # 2000 members of 500 bytes; zipfile reads the whole list into memory on opening
_TAIL = 22 + 65_535  # end record and its longest comment (APPNOTE 4.3.16)
_BLOCK = 1 << 16
_XML = (".xml", ".rels")

DAMAGED = "This file is damaged or incomplete; save a fresh copy in the program that made it and upload that."


def open_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip after judging its list of members; cheap, and safe for any process.

    Raises `UnsupportedFile`: damaged, or too_big by the list's own account.
    """
    _check_directory(path)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError):
        raise UnsupportedFile(DAMAGED, code="damaged") from None
    members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_BYTES:
        archive.close()
        raise _too_big()
    return archive


def check_archive(archive: zipfile.ZipFile) -> None:
    """Unpack every member once, into nothing: sizes in headers may lie, so the bytes are counted.

    Raises `UnsupportedFile`: too_big past `MAX_BYTES`, needs_password, damaged (also: any XML part with a DOCTYPE).
    """
    left = MAX_BYTES
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
            left -= _drain(archive, member, left)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError):
            raise UnsupportedFile(DAMAGED, code="damaged") from None


def _check_directory(path: Path) -> None:
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
    if entries > MAX_MEMBERS or directory_bytes > MAX_DIRECTORY_BYTES or zip64:
        raise _too_big()


def _drain(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> int:
    """Read one member block by block; its true size in bytes."""
    size = 0
    prolog = _prolog_parser() if member.filename.lower().endswith(_XML) else None
    with archive.open(member) as file:
        while block := file.read(_BLOCK):
            size += len(block)
            if size > left:
                raise _too_big()
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


def _too_big() -> UnsupportedFile:
    return UnsupportedFile(
        "This file unpacks to more than 100 MB or 2000 parts; take out large pictures or split it, and upload that.",
        code="too_big",
    )
