"""`ai-manager eval FILE`: retrieval measured on a labelled file, ours beside LlamaIndex's stock fusions over the same indexes.

The file holds {"passages": [{id, title, text}], "questions": [{id, question, gold: [passage id, ...]}]}.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import BaseRetriever, QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from sqlmodel import col, select

from app.config import Settings
from app.errors import AppError
from app.indexes.readers import Page
from app.main import build_services
from app.models import READY, Chunk, Document, new_id
from app.services.services import Services

STOCK_TOP_K = 10  # what `similarity_top_k` a reader of LlamaIndex's documentation would set
DEPTH = 10
STOCK_MODES = (
    FUSION_MODES.RECIPROCAL_RANK,
    FUSION_MODES.RELATIVE_SCORE,
    FUSION_MODES.DIST_BASED_SCORE,
    FUSION_MODES.SIMPLE,
)

Rank = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    gold: frozenset[str]


@dataclass(slots=True)
class Line:
    """One way of ranking and how it did. Figures are means over the questions; times are in milliseconds, without the
    embedding of the question.
    """

    name: str
    found: list[list[str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def figures(self, questions: Sequence[Question]) -> dict[str, Any]:
        pairs = list(zip(self.found, (question.gold for question in questions), strict=True))
        times = [1000 * value for value in self.seconds]
        return {
            "name": self.name,
            "recall@1": round(fmean(recall(found, gold, 1) for found, gold in pairs), 4),
            "recall@5": round(fmean(recall(found, gold, 5) for found, gold in pairs), 4),
            "mrr@10": round(fmean(reciprocal_rank(found, gold, 10) for found, gold in pairs), 4),
            "ndcg@10": round(fmean(ndcg(found, gold, 10) for found, gold in pairs), 4),
            "p50_ms": round(median(times), 3),
            "p95_ms": round(quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0], 3),
        }


def evaluate(
    settings: Settings, file: Path, *, limit: int | None = None, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Ingest the passages into a temporary data folder and ask every question. Models are taken from the real one."""
    passages, questions = load(file)
    questions = questions[:limit] if limit else questions
    say(f"Indexing {len(passages)} passages.")
    with (
        tempfile.TemporaryDirectory(prefix="aim-eval-") as folder,
        temporary_services(settings, Path(folder), passages) as (services, owner),
    ):
        say(f"Asking {len(questions)} questions.")
        lines = _ask(services, questions, owner)
    results = [line.figures(questions) for line in lines]
    return {"file": file.name, "questions": len(questions), "passages": len(passages), "results": results}


@contextmanager
def temporary_services(
    settings: Settings, folder: Path, passages: list[dict[str, str]]
) -> Iterator[tuple[Services, dict[str, str]]]:
    """Services over an own data folder that holds these passages in the global kb, and chunk id -> passage id."""
    models = settings.data.dir / "models"
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models, target_is_directory=True)
    alone = {
        "data": settings.data.model_copy(update={"dir": folder}),
        "database": settings.database.model_copy(update={"url": None}),
        "vectors": settings.vectors.model_copy(update={"url": None}),
    }
    services = build_services(settings.model_copy(update=alone), seed=False)
    try:
        yield services, ingest(services, passages)
    finally:
        services.close()


def recall(found: Sequence[str], gold: frozenset[str], depth: int) -> float:
    """Share of the gold passages among the first `depth`."""
    return len(gold.intersection(found[:depth])) / len(gold)


def reciprocal_rank(found: Sequence[str], gold: frozenset[str], depth: int) -> float:
    """1 / place of the first gold passage, 0 when it is not among the first `depth`."""
    return next((1 / place for place, one in enumerate(found[:depth], start=1) if one in gold), 0.0)


def ndcg(found: Sequence[str], gold: frozenset[str], depth: int) -> float:
    """Normalised discounted cumulative gain with binary relevance (Järvelin and Kekäläinen, 2002)."""
    gain = sum(1 / math.log2(place + 1) for place, one in enumerate(found[:depth], start=1) if one in gold)
    ideal = sum(1 / math.log2(place + 1) for place in range(1, min(len(gold), depth) + 1))
    return gain / ideal


def load(file: Path) -> tuple[list[dict[str, str]], list[Question]]:
    """Passages and the questions that have a gold passage; raises `AppError` for a file of another form."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        passages = [{key: str(row[key]) for key in ("id", "title", "text")} for row in data["passages"]]
        questions = [
            Question(row["question"], frozenset(map(str, row["gold"]))) for row in data["questions"] if row["gold"]
        ]
    except OSError:
        raise AppError(f"There is no file at {file}; check the path.") from None
    except (ValueError, KeyError, TypeError):
        raise AppError(
            f"{file.name} is no labelled file: it needs 'passages' (id, title, text) and 'questions' (question, gold)."
        ) from None
    if not passages or not questions:
        raise AppError(f"{file.name} holds no passages or no questions with a gold passage.")
    return passages, questions


def ingest(services: Services, passages: list[dict[str, str]]) -> dict[str, str]:
    """Put every passage into the global kb through the real chunker and writer; returns chunk id -> passage id."""
    owner: dict[str, str] = {}
    while services.ingestion.back_fill():
        pass
    documents: list[tuple[Document, list[Chunk]]] = []
    for row in passages:
        document = Document(
            id=new_id(),
            kb="global",
            title=row["title"][:300],
            filename="passage.txt",
            suffix=".txt",
            status=READY,
            pages=1,
        )
        chunks = services.ingestion.cut(document, [Page(1, row["text"])])
        owner.update({chunk.id: row["id"] for chunk in chunks})
        documents.append((document, chunks))
    with services.db.session() as session:
        for document, chunks in documents:
            session.add(document)
            session.flush()
            session.add_all(chunks)
    if documents:
        services.ingestion.write_many(documents)
    return owner


def _ask(services: Services, questions: Sequence[Question], owner: dict[str, str]) -> list[Line]:
    """Every ranking answers each question in turn, so that a slow moment of the machine hits them alike."""
    ways = rankings(services, owner)
    lines = [Line(name) for name in ways]
    for question in questions:
        for model in services.indexes.models:
            model.embed_question(question.text).result()  # cached from here on: times are of search and fusion alone
        for line, rank in zip(lines, ways.values(), strict=True):
            start = time.perf_counter()
            found = rank(question.text)
            line.seconds.append(time.perf_counter() - start)
            line.found.append(found)
    return lines


def rankings(services: Services, owner: dict[str, str], documents: Sequence[str] | None = None) -> dict[str, Rank]:
    """Ours, stock fusions and single indexes over the global kb or these documents of it; `owner`: chunk -> passage id."""
    chosen = list(documents) if documents else None
    scope = services.search.scope(None, chosen, None)
    ours = services.search.retriever(scope, "global", top_k=2 * DEPTH, floor=False, join=False)
    live = {index.model.name: index for index in services.indexes.live("global")}
    stock = {name: live[name] for name in ("minilm", "bm25") if name in live}
    ways: dict[str, Rank] = {"ours": by_chunks(ours, owner)}
    for mode in STOCK_MODES:
        if len(stock) == 2:
            parts: list[BaseRetriever] = [
                _WithText(index.index.as_retriever(similarity_top_k=STOCK_TOP_K, doc_ids=chosen), services)
                for index in stock.values()
            ]
            fusion = QueryFusionRetriever(
                parts, mode=mode, similarity_top_k=STOCK_TOP_K, num_queries=1, use_async=False, llm=MockLLM()
            )
            ways[f"stock:{mode.value}"] = by_chunks(fusion, owner)
    for name, index in live.items():
        ways[f"index:{name}"] = by_chunks(index.index.as_retriever(similarity_top_k=STOCK_TOP_K, doc_ids=chosen), owner)
    return ways


class _WithText(BaseRetriever):
    """Gives stock fusion the nodes' text, by which it tells them apart; our stores hold none."""

    def __init__(self, inner: BaseRetriever, services: Services) -> None:
        super().__init__()
        self._inner, self._db = inner, services.db

    def _retrieve(self, query_bundle: Any) -> Any:
        # A fresh bundle: stock retrievers write their embedding into the shared one, and the next index would search with it.
        nodes = self._inner.retrieve(query_bundle.query_str)
        ids = [node.node.node_id for node in nodes]
        with self._db.reading() as session:
            rows = {chunk.id: chunk for chunk in session.exec(select(Chunk).where(col(Chunk.id).in_(ids))).all()}
        for node in nodes:
            node.node.set_content(rows[node.node.node_id].text)
            node.node.metadata = {"document_id": rows[node.node.node_id].document_id}
        return nodes


def by_chunks(retriever: BaseRetriever, owner: dict[str, str]) -> Rank:
    """Passage ids in the order of their best chunk."""

    def rank(question: str) -> list[str]:
        nodes = retriever.retrieve(question)
        return list(dict.fromkeys(owner[node.node.node_id] for node in nodes if node.node.node_id in owner))[:DEPTH]

    return rank
