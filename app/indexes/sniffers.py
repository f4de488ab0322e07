"""What a file is by its first bytes, whatever its name says; cheap and safe enough for the serving process."""

from __future__ import annotations

import re
from pathlib import Path

from app.errors import UnsupportedFile
from app.indexes import archives, encodings, word
from app.indexes.limits import ReadLimits

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # MS-CFB 2.2: old Office files, and the wrapper of encrypted new ones
_BINARY = (
    *(b"\x7fELF", b"PK\x03\x04", b"%PDF-", _OLE, b"\x1f\x8b", b"BZh9", b"\xfd7zXZ", b"Rar!", b"7z\xbc\xaf"),
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"ID3", b"OggS", b"fLaC", b"{\\rtf"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")  # ISO/IEC 23008-12, annex B
_MARKUP = re.compile(
    rb"<(?:!doctype|!--|\?xml|html|head|body|title|meta|div|p|h[1-6]|table|span|a|br|ul|ol|article|section)\b", re.I
)
_HEADER_LINE = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,76}:")  # RFC 5322 2.2, 2.1.1


def sniff_pdf(_: Path, head: bytes, __: ReadLimits) -> None:
    if b"%PDF-" not in head[:1024] or _is_binary(head, allowed=b"%PDF-"):
        raise _other("This is not a PDF, whatever its name says; export it as PDF and upload that.")


def sniff_word(path: Path, head: bytes, limits: ReadLimits) -> None:
    _sniff_office(path, head, "Word", ".doc", ".docx")
    with archives.open_archive(path, limits) as archive:
        if word.main_part(archive) is None:
            raise _other(
                "This file is packed like a Word file but holds no document; save it as .docx and upload that."
            )


def sniff_excel(path: Path, head: bytes, limits: ReadLimits) -> None:
    _sniff_office(path, head, "Excel", ".xls", ".xlsx")
    with archives.open_archive(path, limits) as archive:
        if not any(name.startswith("xl/workbook") for name in archive.namelist()):
            raise _other("This file is packed like an Excel file but holds no table; save it as .xlsx and upload that.")


def _sniff_office(path: Path, head: bytes, program: str, old: str, new: str) -> None:
    if head.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():  # MS-OFFCRYPTO 2.3.4.4
            raise UnsupportedFile(
                f"This {program} file needs a password; save a copy without one and upload that.",
                code="needs_password",
            )
        raise _other(f"This is an old {program} file ({old}); save it as {new} and upload that.")
    if not head.startswith(b"PK\x03\x04"):
        raise _other(f"This is no {program} file, whatever its name says; save it as {new} and upload that.")


def sniff_text(_: Path, head: bytes, __: ReadLimits) -> None:
    if _is_binary(head) or (b"\0" in head and encodings.by_pattern(head) is None):
        raise _other("This is not a text file, whatever its name says; save it as plain text and upload that.")


def sniff_html(path: Path, head: bytes, limits: ReadLimits) -> None:
    sniff_text(path, head, limits)
    if not _MARKUP.search(head.replace(b"\0", b"")):
        raise _other(
            "This is not a web page, whatever its name says; save it as HTML or as plain text and upload that."
        )


def sniff_mail(path: Path, head: bytes, limits: ReadLimits) -> None:
    sniff_text(path, head, limits)
    lines = head.lstrip(b"\xef\xbb\xbf\r\n").splitlines() or [b""]
    first = lines[1] if lines[0].startswith(b"From ") and len(lines) > 1 else lines[0]
    if not _HEADER_LINE.match(first):
        raise _other("This is not a saved e-mail, whatever its name says; save the message as .eml and upload that.")


def sniff_jpeg(_: Path, head: bytes, __: ReadLimits) -> None:
    if not head.startswith(b"\xff\xd8\xff"):
        raise _other("This is not a JPEG picture, whatever its name says; save it as JPEG and upload that.")


def sniff_png(_: Path, head: bytes, __: ReadLimits) -> None:
    if not head.startswith(b"\x89PNG\r\n\x1a\n"):
        raise _other("This is not a PNG picture, whatever its name says; save it as PNG and upload that.")


def sniff_heif(_: Path, head: bytes, __: ReadLimits) -> None:
    if head[4:8] != b"ftyp" or not any(brand in head[8:64] for brand in _HEIF_BRANDS):
        raise _other("This is not an HEIC picture, whatever its name says; save it as JPEG and upload that.")


def _is_binary(head: bytes, allowed: bytes = b"") -> bool:
    return head.startswith(tuple(magic for magic in _BINARY if magic != allowed)) or (
        head.startswith(b"MZ") and b"\0" in head
    )


def _other(sentence: str) -> UnsupportedFile:
    return UnsupportedFile(sentence, code="unknown_type")
