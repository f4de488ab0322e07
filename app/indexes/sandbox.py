"""Reading an uploaded file in a child process that may crash, hang or run out of memory without harm.

Child: `python -m app.indexes.sandbox PATH SUFFIX OUTPUT [JOB]` imports the standard library and the readers, and writes
JSON to OUTPUT; JOB holds its limits as JSON, and the page where text recognition is asked for. Parent: `read_in_child`.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import UnsupportedFile
from app.indexes import children
from app.indexes.limits import ReadLimits
from app.indexes.ocr import NOTES, RecognitionFailed, joined, recognise, sentences
from app.indexes.pages import Page
from app.indexes.readers import READERS, read_pages, without_text

if TYPE_CHECKING:
    from app.config import IngestionSettings

Progress = Callable[[int, int], None]  # pages read, pages in all

ROOT = children.ROOT

CODES = ("needs_password", "no_text", "damaged", "empty", "unknown_type", "too_big", "timeout")

CRASHED = "This file made the reader fail, so it is probably damaged; save a fresh copy in the program that made it."
TOO_LONG = "Reading this file took longer than allowed; split it into smaller files and upload those."
TOO_BIG = "This file holds more text than can be taken in at once; split it into smaller files and upload those."
TOO_MUCH_MEMORY = "Reading this file takes more memory than allowed; split it into smaller files and upload those."

_MAX_SENTENCE = 400  # characters; the longest of ours has half
_OVERHEAD = 2_000_000  # bytes of JSON that are not text: 10,000 pages and their headings
_PARTING = 0.5  # seconds a child keeps to say that recognition took too long


def read_in_child(
    path: Path,
    suffix: str,
    limits: IngestionSettings,
    environment: Mapping[str, str],
    workdir: Path,
    stopped: Callable[[], bool] = lambda: False,
    progress: Progress = lambda _done, _total: None,
) -> list[Page]:
    """The pages of `path`, read by children under time, memory and output limits; `workdir` is left as it was found.

    Text is read by one child, then each page that is a picture by one of its own, where Tesseract is installed;
    `progress` is told after each. What was not read is in the pages' notes (`ocr.sentences`). The child at work is ended,
    and `TOO_LONG` raised, when `stopped` says so.

    Raises `UnsupportedFile` with a sentence and one of `CODES`; `FileNotFoundError` if there is no such file.
    """
    path = path.resolve(strict=True)
    workdir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="read-", dir=workdir)).resolve()
    run = _Run(path, suffix, folder, limits, environment, stopped)
    try:
        pages = run.pages()
        done = sum(not page.picture for page in pages)
        progress(done, len(pages))
        for page in run.recognised([page for page in pages if page.picture]):
            pages[page.number - 1] = page
            done += 1
            progress(done, len(pages))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not any(page.text.strip() for page in pages):
        raise _silent(pages, suffix)
    return pages


def find_tesseract(environment: Mapping[str, str]) -> str | None:
    """The Tesseract a child with this environment would start."""
    return shutil.which("tesseract", path=environment.get("PATH"))


@dataclass(frozen=True, slots=True)
class _Run:
    """One file and what its children may do."""

    path: Path
    suffix: str
    folder: Path
    limits: IngestionSettings
    environment: Mapping[str, str]
    stopped: Callable[[], bool]

    def pages(self) -> list[Page]:
        return _pages(
            self._answer({"seconds": self.limits.read_seconds, "memory_mb": self.limits.read_memory_mb}), self.limits
        )

    def recognised(self, waiting: list[Page]) -> Iterator[Page]:
        """These pages with the text on them, or with a note why they have none."""
        tesseract = find_tesseract(self.environment)
        for count, page in enumerate(waiting):
            note, text = "too_many", ""
            if tesseract is None:
                note = "not_installed"
            elif count < self.limits.ocr_pages:
                note, text = self._recognise(page, tesseract)
            yield replace(page, text=joined(page.text, text), note=note, picture=False)

    def _recognise(self, page: Page, tesseract: str) -> tuple[str, str]:
        """Note and text of one page; a page that ends its child badly costs the document nothing else."""
        job = {
            "seconds": self.limits.ocr_seconds, "memory_mb": self.limits.ocr_memory_mb, "page": page.number,
            "tesseract": tesseract, "languages": self.limits.ocr_languages,
        }  # fmt: skip
        try:
            answer = self._answer(job)
            note, text = (_text(answer[name]) for name in ("note", "text"))
        except UnsupportedFile as error:
            if self.stopped():
                raise
            return ("too_slow" if error.code == "timeout" else "failed"), ""
        except (TypeError, KeyError, ValueError):
            return "failed", ""
        return (note if note in NOTES else ""), text[: self.limits.max_text_chars]

    def _answer(self, job: Mapping[str, Any]) -> Any:
        """What a child makes of the job, as JSON."""
        output = self.folder / "answer.json"
        output.unlink(missing_ok=True)
        told = json.dumps({**ReadLimits.of(self.limits).dumped(), **job})
        arguments = (str(self.path), self.suffix, str(output), told)
        try:
            status = children.run("app.indexes.sandbox", arguments, self.environment, job["seconds"], self.stopped)
        except children.TookTooLong:
            raise UnsupportedFile(TOO_LONG, code="timeout") from None
        return _load(output, status, self.limits)


def _silent(pages: list[Page], suffix: str) -> UnsupportedFile:
    """Why no page has text."""
    if not {page.note for page in pages} - {"", "nothing_found"}:
        return without_text(suffix)
    reason = sentences(pages) if len(pages) > 1 else f"This is a scan or photograph {NOTES[pages[0].note]}."
    return UnsupportedFile(reason[:_MAX_SENTENCE], code="no_text")


def _load(output: Path, status: int, limits: IngestionSettings) -> Any:
    """The child's answer as JSON. A child that ended badly is not believed, whatever it wrote."""
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
    note = answer["note"] if answer["note"] in NOTES else ""
    return Page(int(answer["number"]), text, headings, note, answer["picture"] is True)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    value.encode()  # half a surrogate pair raises: no database takes it
    return value


def _output_bytes(max_chars: int) -> int:
    return 4 * max_chars + _OVERHEAD  # a character is at most 4 bytes of UTF-8


# The child


def main(arguments: list[str]) -> int:
    """Read one file, or recognise one page of it, and write what came of it; 0 unless that failed.

    `{"pages": [...]}`, `{"note", "text"}` or `{"error": {"sentence", "code"}}`.
    """
    path, suffix, output = Path(arguments[0]), arguments[1], Path(arguments[2])
    job = json.loads(arguments[3]) if len(arguments) > 3 else {}
    seconds, limits = float(job.get("seconds", 60)), ReadLimits.parsed(job)
    children.bind(math.ceil(seconds), int(job.get("memory_mb", 700)), _output_bytes(limits.max_text_chars))
    tempfile.tempdir = str(output.parent)  # the parent empties it, however this ends
    try:
        answer = _recognise_page(path, suffix, job, limits, seconds) if "page" in job else _read(path, suffix, limits)
    except UnsupportedFile as error:
        answer = _error(error.sentence, error.code)
    except MemoryError:
        answer = _error(TOO_MUCH_MEMORY, "too_big")
    except Exception:  # a hostile file may raise anything in a library; it is told as one sentence all the same
        answer = _error(CRASHED, "damaged")
    output.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    return 0


def _read(path: Path, suffix: str, limits: ReadLimits) -> dict[str, Any]:
    pages = read_pages(path, suffix, limits)
    if sum(len(page.text) for page in pages) > limits.max_text_chars:
        raise UnsupportedFile(TOO_BIG, code="too_big")
    return {"pages": [asdict(page) for page in pages]}


def _recognise_page(path: Path, suffix: str, job: dict[str, Any], limits: ReadLimits, seconds: float) -> dict[str, Any]:
    render = READERS[suffix].render
    assert render is not None, "only pages that can be rendered wait for recognition"
    began = time.monotonic()
    picture, dpi = render(path, int(job["page"]), limits)
    left = seconds - (time.monotonic() - began) - _PARTING
    try:
        text = recognise(picture, dpi, str(job["tesseract"]), str(job["languages"]), max(0.1, left))
    except subprocess.TimeoutExpired:
        return {"note": "too_slow", "text": ""}
    except (RecognitionFailed, OSError):
        return {"note": "failed", "text": ""}
    return {"note": "" if text else "nothing_found", "text": text}


def _error(sentence: str, code: str) -> dict[str, Any]:
    return {"error": {"sentence": sentence, "code": code}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
