"""The reading child: what it answers, what ends it, and what it must not import."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.config import IngestionSettings, child_environment
from app.errors import UnsupportedFile
from app.indexes import sandbox
from app.indexes.readers import Page
from app.indexes.sandbox import CODES, read_in_child
from tests.documents import CONTRACT, SHARED, make_contract_pdf, make_docx, needs_shared

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these signals nor resource limits")


def read(path: Path, suffix: str = "", **limits: float) -> list[Page]:
    """As the worker does; the folder for temporary files must be left empty."""
    workdir = path.parent / "work"
    try:
        settings = IngestionSettings.model_validate(limits)
        return read_in_child(path, suffix or path.suffix, settings, child_environment(), workdir)
    finally:
        assert list(workdir.iterdir()) == []


def refusal(path: Path, suffix: str = "", **limits: float) -> tuple[str, str]:
    with pytest.raises(UnsupportedFile) as caught:
        read(path, suffix, **limits)
    return caught.value.code, caught.value.sentence


def test_pages_and_headings_come_back(tmp_path: Path) -> None:
    pages = read(make_contract_pdf(tmp_path / "contract.pdf"))
    assert [page.text.split() for page in pages] == [text.split() for text in CONTRACT]
    [page] = read(make_docx(tmp_path / "deal.docx", ["Paid quarterly — “net”."], headings={0: "Royalties"}))
    assert page == Page(1, "Royalties\n\nPaid quarterly — “net”.", ((0, "Royalties"),))


def test_upload_without_suffix_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "0a1b").write_text("lyrics")
    assert read(tmp_path / "0a1b", ".txt")[0].text == "lyrics"


def test_refusals_come_back_as_written(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    assert refusal(tmp_path / "empty.txt") == ("empty", "This file is empty; upload one with text in it.")


def test_missing_file_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_in_child(tmp_path / "gone.txt", ".txt", IngestionSettings(), child_environment(), tmp_path)


@posix
def test_hanging_child_is_killed(tmp_path: Path) -> None:
    pipe = tmp_path / "never.txt"
    os.mkfifo(pipe)  # opening it to read waits for a writer who never comes
    began = time.monotonic()
    assert refusal(pipe, read_seconds=0.5) == ("timeout", sandbox.TOO_LONG)
    assert time.monotonic() - began < 5
    with pytest.raises(OSError, match="No such device"):  # nobody is reading any more
        os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)


@posix
def test_memory_is_limited(tmp_path: Path) -> None:
    (tmp_path / "huge.txt").write_bytes(b"royalties " * 10_000_000)
    assert refusal(tmp_path / "huge.txt", read_memory_mb=200) == ("too_big", sandbox.TOO_MUCH_MEMORY)


@posix
def test_processor_time_core_and_file_size_are_limited() -> None:
    script = (
        "import resource; from app.indexes import children; children.bind(1, 300, 1000);"
        "assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0);"
        "assert resource.getrlimit(resource.RLIMIT_FSIZE) == (1000, 1000)\nwhile True: pass"
    )
    child = subprocess.run([sys.executable, "-c", script], cwd=sandbox.ROOT, timeout=20, check=False)
    assert -child.returncode in (24, 9)  # SIGXCPU, or SIGKILL at the hard limit


def test_text_is_limited(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("ab" * 600)
    assert refusal(tmp_path / "long.txt", max_text_chars=1000) == ("too_big", sandbox.TOO_BIG)
    assert len(read(tmp_path / "long.txt", max_text_chars=1200)[0].text) == 1200


def run_with_sabotage(folder: Path, code: str) -> tuple[str, str]:
    """Read a good file in a child that runs `code` at its start: a library taken over by a hostile file."""
    (folder / "sitecustomize.py").write_text(code)
    (folder / "good.txt").write_text("lyrics")
    environment = child_environment() | {"PYTHONPATH": str(folder)}
    with pytest.raises(UnsupportedFile) as caught:
        read_in_child(folder / "good.txt", ".txt", IngestionSettings(), environment, folder / "work")
    assert list((folder / "work").iterdir()) == []
    return caught.value.code, caught.value.sentence


@pytest.mark.parametrize("code", ["import os; os.abort()", "import os; os._exit(3)", "raise SystemExit(0)"])
def test_crash_is_one_sentence(tmp_path: Path, code: str) -> None:
    assert run_with_sabotage(tmp_path, code) == ("damaged", sandbox.CRASHED)


@pytest.mark.parametrize(
    "answer",
    [
        "not json",
        "[]",
        '"error"',
        '{"pages": 3}',
        '{"pages": [{"number": 1, "text": 5, "headings": []}]}',
        '{"pages": [{"number": 7, "text": "x", "headings": []}]}',
        '{"pages": [{"number": 1, "text": "x", "headings": [["a", "b"]]}]}',
        '{"pages": [{"number": 1, "text": "x", "headings": [[2, "b"]]}]}',
        '{"pages": [{"number": 1, "text": "\\ud800", "headings": []}]}',
        '{"pages": [{"number": Infinity, "text": "x", "headings": []}]}',
        "[" * 100_000,
        '{"error": {"sentence": "x"}}',
        '{"error": {"sentence": "x", "code": "made_up"}}',
    ],
)
def test_answer_of_a_child_taken_over_is_checked(tmp_path: Path, answer: str) -> None:
    code = f"import os, sys, atexit; atexit.register(lambda: open(sys.argv[3], 'w').write({answer!r}))"
    assert run_with_sabotage(tmp_path, code) == ("damaged", sandbox.CRASHED)


def test_oversized_answer_is_not_loaded(tmp_path: Path) -> None:
    code = "import sys, atexit; atexit.register(lambda: open(sys.argv[3], 'a').truncate(10**9))"
    sabotage = "import resource; resource.setrlimit = lambda *a: None\n" + code
    assert run_with_sabotage(tmp_path, sabotage) == ("too_big", sandbox.TOO_BIG)


def test_child_imports_nothing_heavy(tmp_path: Path) -> None:
    paths = (make_contract_pdf(tmp_path / "a.pdf"), make_docx(tmp_path / "b.docx", ["text"]), tmp_path / "c.txt")
    paths[2].write_bytes("café".encode("cp1252"))
    script = (
        "import json, sys; from pathlib import Path; from app.indexes.sandbox import read_pages\n"
        "for path in map(Path, sys.argv[1:]): assert read_pages(path, path.suffix)\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    output = subprocess.run(
        [sys.executable, "-c", script, *map(str, paths)], cwd=sandbox.ROOT, capture_output=True, check=True
    ).stdout
    modules = set(json.loads(output))
    assert {"pypdfium2", "charset_normalizer"} <= modules
    assert not modules & {"llama_index", "sqlmodel", "sqlalchemy", "pydantic", "yaml", "tokenizers", "numpy", "loguru"}


def hostile_rows() -> list[dict[str, str]]:
    """Rows of the shared index that are not expected to be read like any other file."""
    if not SHARED.is_dir():
        return []
    with (SHARED / "index_dev.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if not row["expected"].startswith("ingest")]


@needs_shared
def test_every_hostile_file_ends_in_text_or_a_typed_refusal(tmp_path: Path) -> None:
    def outcome(row: dict[str, str]) -> tuple[str, str, float]:
        path, began = SHARED / row["file"], time.monotonic()
        try:
            pages = read_in_child(path, path.suffix, IngestionSettings(), child_environment(), tmp_path)
            code = "text" if any(page.text.strip() for page in pages) else "nothing"
        except UnsupportedFile as error:
            code = error.code if error.sentence.endswith(".") else "half a sentence"
        return row["expected"], code, time.monotonic() - began

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(outcome, hostile_rows()))
    assert len(outcomes) > 20
    for expected, code, seconds in outcomes:
        assert seconds < 20
        if "password needed" in expected:
            assert code == "needs_password"
        elif expected.startswith("clear error"):
            assert code in CODES
        else:
            assert code in (*CODES, "text")
