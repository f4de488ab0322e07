"""PDF pages a second: our reader against LlamaIndex's PDFReader over the same contracts, one JSON line each and the ratio.

python -m benchmarks.reading [FOLDER]      FOLDER defaults to ../shared/data/contracts/pdf

Where llama-index-readers-file is not installed, its PDFReader (0.5 and 0.6) is stood in for by what it does: pypdf's
`extract_text` and `page_labels` for each page. Our reader does more: words mended, headings, pictures looked for.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from app.config import ROOT

SHARED = ROOT.parent / "shared" / "data"
ROUNDS = 5
SECONDS = 40.0  # no new round after so long: a busy machine must end too


def stock() -> tuple[str, Callable[[Path], int]]:
    """The name of the baseline, and a function that reads a file and counts its pages."""
    try:
        from llama_index.readers.file import PDFReader  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return "pypdf as PDFReader calls it", _as_stock
    reader = PDFReader()
    return "llama_index PDFReader", lambda path: len(reader.load_data(path))


def _as_stock(path: Path) -> int:
    from llama_index.core import Document
    from pypdf import PdfReader

    with path.open("rb") as file:
        pdf = PdfReader(file)
        documents = [
            Document(
                text=pdf.pages[page].extract_text(),
                metadata={"page_label": pdf.page_labels[page], "file_name": path.name},
            )
            for page in range(len(pdf.pages))
        ]
    return len(documents)


def _ours(path: Path) -> int:
    from app.indexes.readers import read_pages

    return len(read_pages(path, ".pdf"))


def _seconds(read: Callable[[Path], int], path: Path) -> float:
    began = time.perf_counter()
    read(path)
    return time.perf_counter() - began


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED / "contracts" / "pdf"
    files = sorted(folder.glob("*.pdf"))
    if not files:
        print(json.dumps({"benchmark": "reading", "skipped": f"no PDF files in {folder.name}"}))
        return
    name, read_stock = stock()
    pages = sum(_ours(file) for file in files)  # and both libraries are imported
    read_stock(files[0])
    rates: dict[str, list[float]] = {"ours": [], name: []}
    began = time.monotonic()
    while len(rates["ours"]) < ROUNDS and time.monotonic() - began < SECONDS:
        spent = {"ours": 0.0, name: 0.0}
        for file in files:  # one after the other on each file, so that a busy moment slows both
            spent["ours"] += _seconds(_ours, file)
            spent[name] += _seconds(read_stock, file)
        for reader, seconds in spent.items():
            rates[reader].append(pages / seconds)
    for reader, found in rates.items():
        print(
            json.dumps(
                {
                    "benchmark": "reading",
                    "reader": reader,
                    "files": len(files),
                    "pages": pages,
                    "rounds": len(found),
                    "pages_per_second": round(statistics.median(found), 1),
                }
            )
        )
    ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["ours"], rates[name], strict=True))
    print(json.dumps({"benchmark": "reading", "ratio": round(ratio, 2)}))


if __name__ == "__main__":
    main()
