"""Files on disk: complete and synced before a row speaks of them, at `uploads/{document_id}`."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.errors import AppError, TooLarge, UnsupportedFile

BLOCK = 1 << 20
DISK_FULL = "The disk is full or cannot be written; make room and upload again."
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that is safely on disk."""

    bytes: int
    sha256: str


def store(source: BinaryIO, target: Path, max_bytes: int) -> Stored:
    """Copy `source` to `target` through a temporary file, synced and renamed.

    Raises `TooLarge` past `max_bytes`, `UnsupportedFile` for an empty file, `AppError` 507 when the disk is full.
    """
    draft = target.with_name(target.name + ".part")
    digest, size = hashlib.sha256(), 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with draft.open("wb") as file:
            while block := source.read(BLOCK):
                size += len(block)
                if size > max_bytes:
                    raise TooLarge(
                        f"This file is larger than {max_bytes // 1_000_000} MB; split it or upload a smaller version."
                    )
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if size == 0:
            raise UnsupportedFile("This file is empty; choose the one that holds the text.", code="empty")
        os.replace(draft, target)
        _sync_folder(target.parent)
    except OSError:
        raise AppError(DISK_FULL, status=507, code="disk_full") from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return Stored(size, digest.hexdigest())


def has_room(folder: Path, reserve_mb: int, more: int = 0) -> bool:
    """Whether the disk of `folder` has `reserve_mb` left beside `more` bytes. The embedded engine maps its files into
    memory: on a disk without any room at all a write to it ends the process.
    """
    try:
        return shutil.disk_usage(folder).free - more >= reserve_mb * 1_000_000
    except OSError:  # the folder is gone: whoever uses it says so better
        return True


def check_room(folder: Path, reserve_mb: int) -> None:
    """Raise `AppError` 507 when the disk is nearly full."""
    if not has_room(folder, reserve_mb):
        raise AppError(DISK_FULL, status=507, code="disk_full")


def display_name(name: str) -> str:
    """The last part of a file name as a person sees it: normalised, at most 200 characters, none of them a control or
    direction mark or the half of another.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    return _UNSAFE.sub("", last).strip().strip(".")[-200:] or "document"


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
