"""Text recognition: what Tesseract reads on one picture, and what is said of pages it did not read."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Iterable, Iterator
from itertools import groupby

from app.indexes.pages import Page, normalise

# What is said after "Page 3 is a scan" or "Pages 3, 5 and 7-9 are scans".
NOTES: dict[str, str] = {
    "not_installed": "not read; install Tesseract on this server (tesseract-ocr), delete the document and upload it again",
    "nothing_found": "without text that could be recognised",
    "too_slow": "not read, which took too long; scan in black and white at 300 dpi and upload that",
    "too_many": "not read, for only so many are in one file; split it and upload the parts",
    "failed": "not read, for text recognition failed; scan more sharply and upload that",
}

SURE = 30  # percent; words Tesseract is less sure of than this are specks and folds
SURE_ON_AVERAGE = 55  # of a page: below it stands no text but a photograph, a stave or a drawing

_FIELDS = ("level", "page", "block", "paragraph", "line", "word", "left", "top", "width", "height", "sure", "text")
_WORD_LEVEL = "5"


class RecognitionFailed(Exception):
    """Tesseract ended badly; a missing language is the usual cause."""


def recognise(picture: bytes, dpi: int, tesseract: str, languages: str, seconds: float) -> str:
    """The text on a picture (binary PGM), "" where there is none to be sure of.

    Raises `RecognitionFailed`, and `subprocess.TimeoutExpired`.
    """
    table = ""
    for layout in ("1", "3"):  # with turned pages set upright where the data for that is installed; else without
        done = subprocess.run(
            [tesseract, "stdin", "stdout", "-l", languages, "--psm", layout, "--dpi", str(dpi), "tsv"],
            input=picture,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
        table = done.stdout.decode("utf-8", "replace")
        if done.returncode == 0:
            return text_of(table)
    raise RecognitionFailed


def text_of(table: str) -> str:
    """Tesseract's table of words as lines and paragraphs, without those it was not sure of."""
    rows = csv.DictReader(io.StringIO(table), fieldnames=_FIELDS, delimiter="\t", quoting=csv.QUOTE_NONE)
    words = [row for row in rows if row["level"] == _WORD_LEVEL and row["text"] and row["text"].strip()]
    kept = [row for row in words if float(row["sure"]) >= SURE]
    letters = sum(len(row["text"]) for row in kept)
    if not any(character.isalnum() for row in kept for character in row["text"]):
        return ""
    if sum(float(row["sure"]) * len(row["text"]) for row in kept) < SURE_ON_AVERAGE * letters:
        return ""
    paragraphs = []
    for _, paragraph in groupby(kept, key=lambda row: (row["block"], row["paragraph"])):
        lines = groupby(paragraph, key=lambda row: row["line"])
        paragraphs.append("\n".join(" ".join(row["text"] for row in line) for _, line in lines))
    return normalise("\n\n".join(paragraphs))


def joined(layer: str, recognised: str) -> str:
    """A scan's few words of text layer and what was recognised, each once."""
    layer = layer.strip()
    known = "".join(recognised.split()).lower()
    if not layer or "".join(layer.split()).lower() in known:
        return recognised
    return f"{layer}\n\n{recognised}" if recognised else layer


def sentences(pages: Iterable[Page]) -> str:
    """What to say of the pages that were not read, one sentence for each reason; "" when all were."""
    noted = sorted((page for page in pages if page.note in NOTES), key=lambda page: list(NOTES).index(page.note))
    return " ".join(
        _sentence([page.number for page in group], NOTES[note])
        for note, group in groupby(noted, key=lambda page: page.note)
    )


def _sentence(numbers: list[int], what: str) -> str:
    if len(numbers) == 1:
        return f"Page {numbers[0]} is a scan {what}."
    *first, last = _ranges(numbers)
    return f"Pages {', '.join(first)}{' and ' if first else ''}{last} are scans {what}."


def _ranges(numbers: list[int]) -> Iterator[str]:
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        yield str(found[0]) if len(found) == 1 else f"{found[0]}-{found[-1]}"


def languages_of(tesseract: str) -> list[str]:
    """The languages this Tesseract has data for; none if it does not run."""
    try:
        done = subprocess.run([tesseract, "--list-langs"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode("utf-8", "replace").split("\n")[1:-1] if done.returncode == 0 else []
