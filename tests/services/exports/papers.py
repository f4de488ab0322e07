"""What the tests of exports put on paper: an answer with everything that Markdown can hold, a plan of the public shape."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pypdfium2

from app.models import Document, DocumentInsight
from app.services.exports.paper import Block, Heading, Items, Line, Paper, Paragraph, Table
from app.services.services import Services
from app.services.shapes import Citation, MessagePublic

READ_SECONDS = 10
NAMES = "Żółć, Ωμέγα, Жук, Nguyễn, שלום, नमस्ते, ไทย, Հայ, ქართ, 日本, 한국"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ANSWER = f"""## What the deal says

Your manager takes **17 percent** of *gross* income [P1], and the term ends on 31 March 2027 [P1].
Names: {NAMES}.

- Notice is due 60 days before the end
  of the term
- Options: `two`
  - each of one year

1. Ask for a cap.
2. Ask for a sunset.

| Point | Yours | Usual |
| --- | --- | --- |
| Commission | 17 % | 15-20 % [G1] |
| =SUM(A1:A9) | +1 | -2 |

> A quote of somebody.

```
plain = text
```

Send the notice by 2027-01-30. <b>No markup</b> ![picture](http://example.com/x.png)
"""


def cited(**values: Any) -> Citation:
    plain: dict[str, Any] = {
        "label": "P1", "document_id": "d", "chunk_id": "c", "title": "Management agreement", "kb": "personal", "page": 3,
        "quote": "The Manager shall receive seventeen percent (17%).", "standing": "signed",
    }  # fmt: skip
    return Citation.model_validate({**plain, **values})


def question(text: str = "What does my manager take, and until when?", **values: Any) -> MessagePublic:
    return _message(id="40", role="user", text=text, **values)


def answer(text: str = ANSWER, **values: Any) -> MessagePublic:
    citations = [
        cited(),
        cited(label="G1", title="Management deals", kb="global", page=1, quote="15 to 20 percent is usual."),
    ]
    plain: dict[str, Any] = {"id": "41", "role": "assistant", "state": "answered", "citations": citations}
    return _message(text=text, **{**plain, **values})


def _message(**values: Any) -> MessagePublic:
    plain: dict[str, Any] = {
        "conversation": "17", "intent": None, "state": None, "citations": [], "trace_id": None, "rating": None, "created": AT,
    }  # fmt: skip
    return MessagePublic.model_validate({**plain, **values})


def step(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": f"s{number}", "key": f"step-{number}", "title": f"Step {number}", "due": f"2027-03-{number:02d}", "owner": "You",
        "effort": "2 h", "reason": "It takes time.", "depends_on": [f"step-{number - 1}"] if number > 1 else [],
        "status": "open", "snoozed_until": None, "sources": [], "unknown": "", "lead": None, "edited": [], "comments": [],
        "late": False, **values,
    }  # fmt: skip


def plan(**values: Any) -> dict[str, Any]:
    lead = {
        "days": 42,
        "source": {"title": "Planning a release", "heading": "Delivery", "url": "https://example.org/lead"},
    }
    source = {"title": "Planning a release", "heading": "Delivery", "quote": "Four weeks at least.", "kb": "global",
              "document_id": "d1", "page": 1}  # fmt: skip
    steps = [
        step(1, title="Master the single", status="done", lead=lead),
        step(2, title="Deliver to the distributor", sources=[source], unknown="Which distributor?", late=True,
             comments=[{"id": "c", "text": "The studio can only do Tuesdays.", "created": "2027-01-02T10:00:00Z"}]),
        step(3, title="=Pitch", status="snoozed", snoozed_until="2027-03-09"), step(4, title="Given up", status="dropped"),
    ]  # fmt: skip
    return {
        "id": "p1", "title": "Release of a single", "template": "release_single", "goal": "Release our next single",
        "target_date": "2027-04-16", "artist_id": None, "status": "open", "progress": 0.33, "late": [], "warnings": [
            {"step_id": "s3", "text": "“=Pitch” stands before what it needs."}],
        "conflicts": [{"step_id": "s2", "text": "The contract asks for 60 days.", "document_id": "d2", "title": "Label deal",
                       "page": 4, "quote": "sixty (60) days prior to release"}],
        "unknowns": ["Which distributor?", "Who designs the cover?"], "steps": steps,
        "budget": {"total": "3000.00", "currency": "EUR", "note": "A starting point.", "source": source, "rows": [
            {"item": "Advertising", "share": 40, "amount": "1200.00", "note": "Test small."}]},
        **values,
    }  # fmt: skip


def plain_text(data: bytes, name: str) -> str:
    """All words in the bytes of an exported file, as a reader sees them."""
    if name == "pdf":
        document = pypdfium2.PdfDocument(data)
        return " ".join("".join(page.get_textpage().get_text_bounded() for page in document).split())
    if name == "docx":
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            read = b" ".join(parts.read(one) for one in parts.namelist())
        return read.decode("utf-8", "replace")
    return data.decode().replace("\r\n ", "")  # a calendar folds its lines


def clauses() -> list[dict[str, Any]]:
    return [
        {
            "name": "term",
            "label": "Term",
            "found": True,
            "quote": "The term is\nthree (3) years.",
            "page": 2,
            "start": 0,
            "end": 9,
        },
        {
            "name": "audit",
            "label": "Audit right",
            "found": False,
            "quote": "",
            "page": None,
            "start": None,
            "end": None,
        },
    ]


def examine(services: Services, document_id: str, found: list[dict[str, Any]], *, worker: bool = True) -> None:
    """Let the document's clauses be these. Where a worker runs that reads them itself, it has done so before."""
    deadline = time.monotonic() + (READ_SECONDS if worker else 0)
    while True:
        with services.db.session() as session:
            known = session.get(DocumentInsight, document_id)
            if known is not None or time.monotonic() > deadline:
                version = session.get_one(Document, document_id).version
                row = known or DocumentInsight(document_id=document_id, version=version, stamp="test")
                row.kind, row.clauses = "contract", found
                session.add(row)
                return
        time.sleep(0.05)


def every_text(paper: Paper) -> Iterable[str]:
    """All texts for readers, in reading order: what a test looks for words in."""
    yield from (paper.kind, paper.title)
    for name, value in paper.facts:
        yield from (name, value)
    for section in paper.sections:
        yield section.title
        for block in section.blocks:
            yield from _texts(block)
    yield from paper.small_print


def _texts(block: Block) -> Iterable[str]:
    match block:
        case Paragraph(line=line):
            yield _words(line)
        case Heading(text=text):
            yield text
        case Items(items=items):
            for item in items:
                yield f"{item.mark} {_words(item.line)}".strip()
        case Table(head=head, rows=rows):
            yield from head
            for row in rows:
                yield from row


def _words(line: Line) -> str:
    return "".join(span.text for span in line)
