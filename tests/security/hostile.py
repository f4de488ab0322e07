"""Makers of hostile files, each a few kB that ask for far more; and what the reading child makes of one."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.config import IngestionSettings, child_environment
from app.errors import UnsupportedFile
from app.indexes import sandbox
from app.indexes.limits import ReadLimits
from app.indexes.pages import Page
from tests.documents import make_docx

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


@dataclass(frozen=True)
class Outcome:
    """`code` is "text" where something was read."""

    code: str
    sentence: str
    pages: list[Page]
    seconds: float


def read(path: Path, suffix: str = "", **limits: float) -> Outcome:
    """As the worker reads it; nothing may stay behind."""
    work = path.parent / "work"
    began = time.monotonic()
    try:
        pages = sandbox.read_in_child(
            path, suffix or path.suffix, IngestionSettings.model_validate(limits), child_environment(), work
        )
        code, sentence = "text", ""
    except UnsupportedFile as error:
        pages, code, sentence = [], error.code, error.sentence
        assert sentence.endswith(".")
        assert code in sandbox.CODES
    assert list(work.iterdir()) == []
    return Outcome(code, sentence, pages, time.monotonic() - began)


def peak_bytes(path: Path, suffix: str = "", memory_mb: int = 700, seconds: int = 60) -> int:
    """The most memory a reading child had of this file; it writes its answer beside it."""
    job = json.dumps({**ReadLimits().dumped(), "seconds": seconds, "memory_mb": memory_mb})
    command = [sys.executable, "-m", "app.indexes.sandbox", str(path), suffix or path.suffix, f"{path}.json", job]
    script = (
        "import json, resource, subprocess, sys\n"
        "subprocess.run(json.loads(sys.argv[1]), timeout=120, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(command)], cwd=sandbox.ROOT, capture_output=True, check=True
    )
    return int(done.stdout)


def own_peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def replace_part(path: Path, name: str, blocks: Iterable[bytes]) -> Path:
    """A zip with one part written anew, block by block."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist() if member != name}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        with archive.open(name, "w", force_zip64=False) as part:
            for block in blocks:
                part.write(block)
    return path


def docx_bomb(path: Path, unpacked: int = 400_000_000) -> Path:
    """About a thousandth of its unpacked size: one paragraph of one letter."""
    head, tail = f"<w:document {WORD}><w:body><w:p><w:r><w:t>", "</w:t></w:r></w:p></w:body></w:document>"
    block = b"x" * 1_000_000
    blocks = [head.encode(), *[block] * (unpacked // len(block)), tail.encode()]
    return replace_part(make_docx(path, ["text"]), "word/document.xml", blocks)


def pdf(path: Path, objects: Iterable[bytes], trailer: bytes = b"/Root 1 0 R", before_xref: bytes = b"") -> Path:
    """A PDF of these objects, numbered from 1, with a correct cross-reference table."""
    data, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    data += before_xref
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    data += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, trailer, start)
    path.write_bytes(data)
    return path


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def page_pdf(
    path: Path, content: bytes, filters: bytes = b"", extra: Iterable[bytes] = (), resources: bytes = b""
) -> Path:
    """One page with this content stream (object 4); `extra` objects count from 6."""
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> %s >> >>"
        % resources
    )
    return pdf(path, [CATALOG, PAGES, page, stream(content, filters), FONT, *extra])


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def deflated(unit: bytes, times: int, level: int = 9) -> bytes:
    """`unit` many times over, deflated without ever being held whole."""
    packer = zlib.compressobj(level)
    parts = [packer.compress(unit) for _ in range(times)]
    return b"".join([*parts, packer.flush()])
