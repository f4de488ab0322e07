from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import pytest

from app.errors import AppError, TooLarge, UnsupportedFile
from app.services.uploads import BLOCK, display_name, store


def test_a_file_is_kept_whole_with_its_digest(tmp_path: Path) -> None:
    data = os.urandom(2 * BLOCK + 5)
    kept = store(io.BytesIO(data), tmp_path / "uploads" / "id", len(data))
    assert (tmp_path / "uploads" / "id").read_bytes() == data
    assert (kept.bytes, kept.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert os.listdir(tmp_path / "uploads") == ["id"]


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    store(io.BytesIO(b"x"), tmp_path / "uploads" / "id", 1)
    assert (tmp_path / "uploads").stat().st_mode & 0o777 == 0o700


def test_the_bytes_are_synced_before_the_file_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(handle: int) -> None:
        done.append("sync")
        sync(handle)

    def note_rename(source: Path, target: Path) -> None:
        done.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    store(io.BytesIO(b"x"), tmp_path / "id", 1)
    assert done == ["sync", "rename", "sync"], "the file, its name, the folder that holds the name"


def test_too_large_and_empty_files_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="larger than 2 MB; split it or upload a smaller version") as caught:
        store(io.BytesIO(bytes(2_000_001)), tmp_path / "id", 2_000_000)
    assert caught.value.status == 413
    with pytest.raises(UnsupportedFile, match="This file is empty"):
        store(io.BytesIO(b""), tmp_path / "id", 10)
    assert os.listdir(tmp_path) == []


class Endless(io.RawIOBase):
    """Counts what was taken of it."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        self.taken += size
        return bytes(size)


def test_a_file_without_end_is_read_no_further_than_its_limit(tmp_path: Path) -> None:
    source = Endless()
    with pytest.raises(TooLarge):
        store(source, tmp_path / "id", 3 * BLOCK)  # type: ignore[arg-type]
    assert source.taken == 4 * BLOCK


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "open":
        monkeypatch.setattr(Path, "open", full)
    else:
        monkeypatch.setattr(os, call, full)
    with pytest.raises(
        AppError, match="^The disk is full or cannot be written; make room and upload again.$"
    ) as caught:
        store(io.BytesIO(b"x"), tmp_path / "id", 1)
    assert (caught.value.status, caught.value.code) == (507, "disk_full")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_told_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file where the folder should be")
    with pytest.raises(AppError, match="cannot be written") as caught:
        store(io.BytesIO(b"x"), tmp_path / "uploads" / "id", 1)
    assert caught.value.status == 507


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("contract.pdf", "contract.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\dana\\deal.docx", "deal.docx"),
        ("a/b/", "document"),
        ("", "document"),
        ("...", "document"),
        ("  .hidden.txt ", "hidden.txt"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        ("deal\x00\n\t.pdf", "deal.pdf"),
        ("contract\u202efdp.exe", "contractfdp.exe"),
        ("zero\u200bwidth\ufeff.md", "zerowidth.md"),
        ("caf\udce9.pdf", "caf.pdf"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("歌詞 🎵.txt", "歌詞 🎵.txt"),
    ],
)
def test_the_name_shown_is_safe_and_readable(given: str, shown: str) -> None:
    assert display_name(given) == shown
    shown.encode("utf-8")
