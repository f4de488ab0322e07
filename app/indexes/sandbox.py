"""Reading an uploaded file in a child process that may crash, hang or run out of memory without harm.

Child: `python -m app.indexes.sandbox PATH SUFFIX OUTPUT [SECONDS MEMORY_MB MAX_CHARS]` imports the standard library and
the readers, and writes JSON to OUTPUT. Parent: `read_in_child`.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import UnsupportedFile
from app.indexes.readers import Page, read_pages

if TYPE_CHECKING:
    from app.config import IngestionSettings

ROOT = Path(__file__).resolve().parents[2]  # where `-m app...` finds the package

CODES = ("needs_password", "no_text", "damaged", "empty", "unknown_type", "too_big", "timeout")

CRASHED = "This file made the reader fail, so it is probably damaged; save a fresh copy in the program that made it."
TOO_LONG = "Reading this file took longer than allowed; split it into smaller files and upload those."
TOO_BIG = "This file holds more text than can be taken in at once; split it into smaller files and upload those."
TOO_MUCH_MEMORY = "Reading this file takes more memory than allowed; split it into smaller files and upload those."

_MAX_SENTENCE = 400  # characters; the longest of ours has half
_OVERHEAD = 2_000_000  # bytes of JSON that are not text: 10,000 pages and their headings
LOOK_SECONDS = 0.2  # how soon reading ends after it was stopped
_GRACE = 5  # seconds after which an orphan of a dead parent ends itself


def read_in_child(
    path: Path,
    suffix: str,
    limits: IngestionSettings,
    environment: Mapping[str, str],
    workdir: Path,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Page]:
    """The pages of `path`, read by a child under time, memory and output limits; `workdir` is left as it was found.

    The child is ended, and `TOO_LONG` raised, when `stopped` says so.

    Raises `UnsupportedFile` with a sentence and one of `CODES`; `FileNotFoundError` if there is no such file.
    """
    path = path.resolve(strict=True)
    workdir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="read-", dir=workdir)).resolve()
    output = folder / "pages.json"
    try:
        status = _run_child(path, suffix, output, limits, environment, stopped)
        return _pages(_load(output, status, limits), limits)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_child(
    path: Path,
    suffix: str,
    output: Path,
    limits: IngestionSettings,
    environment: Mapping[str, str],
    stopped: Callable[[], bool],
) -> int:
    numbers = (math.ceil(limits.read_seconds), limits.read_memory_mb, limits.max_text_chars)
    process = subprocess.Popen(
        [sys.executable, "-m", "app.indexes.sandbox", str(path), suffix, str(output), *map(str, numbers)],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # libraries print pieces of the document there
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    try:
        return _wait(process, limits.read_seconds, stopped)
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], seconds: float, stopped: Callable[[], bool]) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stopped():
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=min(LOOK_SECONDS, max(0.0, deadline - time.monotonic())))
    raise UnsupportedFile(TOO_LONG, code="timeout")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the child's process group, the child itself where there are no groups; nothing if it has ended."""
    if process.poll() is not None:
        return
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _load(output: Path, status: int, limits: IngestionSettings) -> Any:
    """The child's answer as JSON. A child that ended badly is not believed, whatever it wrote."""
    if sys.platform != "win32" and status in (-signal.SIGXCPU, -signal.SIGALRM):
        raise UnsupportedFile(TOO_LONG, code="timeout")
    if status != 0 or not output.is_file():
        raise UnsupportedFile(CRASHED, code="damaged")
    if output.stat().st_size > _output_bytes(limits.max_text_chars):
        raise UnsupportedFile(TOO_BIG, code="too_big")
    try:
        return json.loads(output.read_bytes())
    except (ValueError, RecursionError):
        raise UnsupportedFile(CRASHED, code="damaged") from None


def _pages(answer: Any, limits: IngestionSettings) -> list[Page]:
    """The answer as pages, every type and number checked: a hostile file may have taken the child over."""
    try:
        if "error" in answer:
            sentence, code = _text(answer["error"]["sentence"]), CODES[CODES.index(answer["error"]["code"])]
            raise UnsupportedFile(sentence[:_MAX_SENTENCE], code=code)
        pages = [_page(page) for page in answer["pages"]]
    except (TypeError, KeyError, ValueError, OverflowError):
        raise UnsupportedFile(CRASHED, code="damaged") from None
    if [page.number for page in pages] != list(range(1, len(pages) + 1)):
        raise UnsupportedFile(CRASHED, code="damaged")
    if sum(len(page.text) for page in pages) > limits.max_text_chars:
        raise UnsupportedFile(TOO_BIG, code="too_big")
    return pages


def _page(answer: Any) -> Page:
    text = _text(answer["text"])
    headings = tuple((int(at), _text(words)) for at, words in answer["headings"])
    if not all(0 <= at <= len(text) for at, _ in headings):
        raise ValueError("a heading beyond the page")
    return Page(int(answer["number"]), text, headings)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    value.encode()  # half a surrogate pair raises: no database takes it
    return value


def _output_bytes(max_chars: int) -> int:
    return 4 * max_chars + _OVERHEAD  # a character is at most 4 bytes of UTF-8


# The child


def main(arguments: list[str]) -> int:
    """Read one file and write `{"pages": [...]}` or `{"error": {"sentence", "code"}}`; 0 unless that failed."""
    path, suffix, output = Path(arguments[0]), arguments[1], Path(arguments[2])
    seconds, memory_mb, max_chars = (int(number) for number in arguments[3:6] or (60, 700, 20_000_000))
    _limit(seconds, memory_mb, _output_bytes(max_chars))
    try:
        answer = _read(path, suffix, max_chars)
    except UnsupportedFile as error:
        answer = _error(error.sentence, error.code)
    except MemoryError:
        answer = _error(TOO_MUCH_MEMORY, "too_big")
    except Exception:  # a hostile file may raise anything in a library; it is told as one sentence all the same
        answer = _error(CRASHED, "damaged")
    output.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    return 0


def _read(path: Path, suffix: str, max_chars: int) -> dict[str, Any]:
    pages = read_pages(path, suffix)
    if sum(len(page.text) for page in pages) > max_chars:
        raise UnsupportedFile(TOO_BIG, code="too_big")
    return {"pages": [{"number": page.number, "text": page.text, "headings": page.headings} for page in pages]}


def _error(sentence: str, code: str) -> dict[str, Any]:
    return {"error": {"sentence": sentence, "code": code}}


def _limit(seconds: int, memory_mb: int, output_bytes: int) -> None:
    """Bind this process where the system can; Windows has the parent's wall clock alone."""
    if sys.platform == "win32":
        return
    import resource

    os.nice(10)  # questions come before uploads
    signal.alarm(seconds + _GRACE)
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory_mb << 20, memory_mb << 20),
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_FSIZE, output_bytes, output_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        with suppress(ValueError, OSError):  # macOS refuses RLIMIT_AS; a lower hard limit may stand already
            resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
