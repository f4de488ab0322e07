"""The labelled files the benchmarks share: passages, and real contracts and reports read from their PDFs."""

from __future__ import annotations

import json
import re
import zlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from sqlmodel import select

from app import log
from app.config import ROOT, Settings, child_environment, load_settings, quiet_libraries
from app.evaluation import ingest, load, temporary_services
from app.indexes.sandbox import read_in_child
from app.models import Chunk
from app.principal import system
from app.retrievers.knowledge import KnowledgeFusionRetriever, Passage, as_candidate
from app.retrievers.rerank import Candidate, ModelRole, features
from app.retrievers.wording import echoes
from app.services.services import Services

SHARED = ROOT.parent / "shared" / "data"
PASSAGE_FILES = {
    "squad_music": SHARED / "squad_music.json",
    "qed_nq": SHARED / "retrieval" / "qed_nq_dev.json",
    "twowiki": SHARED / "retrieval" / "twowiki_dev.json",
}
DISTRACTORS = SHARED / "squad_extra_distractors.json"
CLAUSES = SHARED / "contracts" / "cuad_clauses.json"
SNIPPETS = SHARED / "retrieval" / "rgb_en_fact_dev.json"
REPORTS = SHARED / "financebench" / "questions_dev.json"
FOLDS = 5
CONTEXTS = (200, 100, 50, 25, 10, 0)  # characters beside a span that help to tell equal ones apart


@dataclass(frozen=True, slots=True)
class Case:
    """A question, the keys that answer it, and the documents it is limited to. `group` never stands on both sides of a fold."""

    text: str
    gold: frozenset[str]
    group: str
    documents: tuple[str, ...] | None = None
    without: tuple[str, ...] | None = None  # every document but those of the gold passages' articles

    @property
    def fold(self) -> int:
        return zlib.crc32(self.group.encode()) % FOLDS


@dataclass(slots=True)
class Corpus:
    """Services that hold a labelled file; `key` of a chunk is what `Case.gold` names."""

    name: str
    services: Services
    key: dict[str, str]
    cases: list[Case] = field(default_factory=list)


def open_settings() -> Settings:
    # Whatever else the machine does meanwhile, the second pass is part of what is measured.
    settings = load_settings(llm={"provider": "none"}, retrieval={"second_pass_seconds": 30})
    quiet_libraries(settings.data.dir)
    log.configure(settings.log, settings.data.dir, terminal=False)
    return settings


@contextmanager
def passages_of(settings: Settings, name: str) -> Iterator[Corpus]:
    """One of `PASSAGE_FILES` in an own data folder."""
    rows, questions = load(PASSAGE_FILES[name])
    article = {row["id"]: row["title"] for row in rows}
    with TemporaryDirectory() as folder, temporary_services(settings, Path(folder), rows) as (services, key):
        with services.db.reading() as session:
            found = session.exec(select(Chunk.id, Chunk.document_id)).all()
        titles = {document: article[key[chunk]] for chunk, document in found}
        cases = []
        for question in questions:
            away = {article[one] for one in question.gold}
            rest = tuple(document for document, title in titles.items() if title not in away)
            cases.append(Case(question.text, question.gold, min(away), None, rest))
        yield Corpus(name, services, key, cases)


@contextmanager
def noisy_snippets(settings: Settings) -> Iterator[Corpus]:
    """Search-engine snippets: those with the true answer are gold, those beside the point are noise."""
    items = json.loads(SNIPPETS.read_text(encoding="utf-8"))["items"]
    rows, cases = [], []
    for item in items:
        for kind in ("positive", "negative"):
            rows += [
                {"id": f"{item['id']}-{kind}-{number}", "title": "", "text": text}
                for number, text in enumerate(item[kind])
            ]
        gold = frozenset(f"{item['id']}-positive-{number}" for number in range(len(item["positive"])))
        cases.append(Case(item["query"], gold, str(item["id"])))
    with TemporaryDirectory() as folder, temporary_services(settings, Path(folder), rows) as (services, key):
        yield Corpus("rgb", services, key, cases)


def add_distractors(corpus: Corpus) -> None:
    """Passages that answer nothing."""
    rows = json.loads(DISTRACTORS.read_text(encoding="utf-8"))["passages"]
    corpus.key.update(ingest(corpus.services, [{name: row[name] for name in ("id", "title", "text")} for row in rows]))


@contextmanager
def contracts(settings: Settings) -> Iterator[Corpus]:
    """The contracts' PDFs through the real pipeline; a chunk is its own key, gold are the chunks that overlap a span."""
    data = json.loads(CLAUSES.read_text(encoding="utf-8"))["contracts"]
    with TemporaryDirectory() as folder, temporary_services(settings, Path(folder), []) as (services, _):
        ids = {one["id"]: receive(services, SHARED / one["pdf_file"]) for one in data}
        services.ingestion.run_all()
        cases = []
        for one in data:
            document = ids[one["id"]]
            chunks = chunks_of(services, document)
            pages = pages_of(services, settings, document)
            for question in one["questions"]:
                spans = located(one["text"], pages, [(row["start"], row["end"]) for row in question["answers"]])
                gold = frozenset(
                    chunk.id
                    for chunk in chunks
                    if any(chunk.page == page and chunk.start < end and start < chunk.end for page, start, end in spans)
                )
                if gold:
                    cases.append(Case(question["question"], gold, one["id"], (document,)))
        yield Corpus("cuad_clauses", services, _itself(services), cases)


@contextmanager
def reports(settings: Settings) -> Iterator[Corpus]:
    """The annual reports that are here; gold are the chunks on the evidence's pages."""
    data = json.loads(REPORTS.read_text(encoding="utf-8"))["questions"]
    folder_of = REPORTS.parent / "pdf"
    with TemporaryDirectory() as folder, temporary_services(settings, Path(folder), []) as (services, _):
        ids = {path.stem: receive(services, path) for path in sorted(folder_of.glob("*.pdf"))}
        services.ingestion.run_all()
        cases = []
        for question in data:
            if (document := ids.get(question["doc"])) is None:
                continue
            wanted = {row["page_index"] + 1 for row in question["evidence"]}
            gold = frozenset(chunk.id for chunk in chunks_of(services, document) if chunk.page in wanted)
            cases.append(Case(question["question"], gold, question["doc"], (document,)))
        yield Corpus("financebench", services, _itself(services), cases)


def receive(services: Services, path: Path) -> str:
    with path.open("rb") as source:
        return services.documents.receive(system("benchmark"), kb="global", filename=path.name, source=source).id


def chunks_of(services: Services, document: str) -> Sequence[Chunk]:
    with services.db.reading() as session:
        return session.exec(select(Chunk).where(Chunk.document_id == document)).all()


def pages_of(services: Services, settings: Settings, document: str) -> list[tuple[int, str]]:
    """Number and text of a stored file's pages, as ingestion read them."""
    folder = services.settings.data.dir
    pages = read_in_child(
        folder / "uploads" / document, ".pdf", settings.ingestion, child_environment(), folder / "tmp"
    )
    return [(page.number, page.text) for page in pages]


def located(
    text: str, pages: Sequence[tuple[int, str]], spans: Sequence[tuple[int, int]]
) -> list[tuple[int, int, int]]:
    """Spans of a contract's text file as (page, start, end) of its PDF; both are compared by letters and digits alone."""
    letters, at = _letters(text)
    there: list[str] = []
    places: list[tuple[int, int]] = []
    for number, page in pages:
        found, offsets = _letters(page)
        there.append(found)
        places += [(number, offset) for offset in offsets]
    whole = "".join(there)
    answer: list[tuple[int, int, int]] = []
    for start, end in spans:
        first, after = bisect_left(at, start), bisect_left(at, end)
        expected = first / max(len(letters), 1) * len(whole)
        for context in CONTEXTS if after > first else ():
            before = max(0, first - context)
            hits = [hit.start() for hit in re.finditer(re.escape(letters[before : after + context]), whole)]
            if hits:
                begin = min(hits, key=lambda hit: abs(hit - expected)) + first - before
                answer += _by_page(places[begin : begin + after - first])
                break
    return answer


def _letters(text: str) -> tuple[str, list[int]]:
    pairs = [(letter, place) for place, one in enumerate(text) if one.isalnum() for letter in one.lower()]
    return "".join(letter for letter, _ in pairs), [place for _, place in pairs]


def _by_page(places: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    pages: dict[int, list[int]] = defaultdict(list)
    for page, offset in places:
        pages[page].append(offset)
    return [(page, min(offsets), max(offsets) + 1) for page, offsets in pages.items()]


def _itself(services: Services) -> dict[str, str]:
    with services.db.reading() as session:
        return {one: one for one in session.exec(select(Chunk.id)).all()}


@dataclass(slots=True)
class Seen:
    """What the second pass saw of a question: candidates in fused order, their features, and what the floor looks at."""

    case: Case
    keys: list[str]
    candidates: list[Candidate]
    table: NDArray[np.float64]
    signs: NDArray[np.float64]  # similarity, coverage, pairs

    @property
    def gold(self) -> NDArray[np.bool_]:
        return np.array([key in self.case.gold for key in self.keys], dtype=bool)


class Recording(KnowledgeFusionRetriever):
    """Notes the features of each question's candidates, in fused order."""

    table: NDArray[np.float64]
    signs: NDArray[np.float64]
    seen: list[Passage]
    candidates: list[Candidate]

    def _judged(self, question: str, passages: list[Passage], roles: dict[str, ModelRole]) -> list[Passage]:
        candidates = [as_candidate(passage) for passage in passages]
        said = echoes(question, [(f"{one.title} {one.heading}", one.text) for one in candidates])
        self.table = features(question, candidates, said, roles, ("minilm",))
        self.signs = np.array(
            [
                (one.similarities.get("minilm", 0.0), echo.coverage, echo.pairs)
                for one, echo in zip(candidates, said, strict=True)
            ]
        )
        self.seen, self.candidates = passages, candidates
        return passages


def record(corpus: Corpus, *, without_gold: bool = False) -> list[Seen]:
    """Every question's candidates; `without_gold`: with the articles that answer it left out of the knowledge base."""
    found = []
    for case in corpus.cases:
        documents = case.without if without_gold else case.documents
        retriever = Recording(corpus.services.search._searcher, None, "global", documents=documents, floor=False)
        retriever.search(case.text)
        keys = [corpus.key[passage.chunk.id] for passage in retriever.seen]
        found.append(Seen(case, keys, retriever.candidates, retriever.table, retriever.signs))
    return found
