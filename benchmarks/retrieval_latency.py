"""How long a search takes once the question is embedded, beside stock LlamaIndex fusion over Qdrant's local mode.

python -m benchmarks.retrieval_latency [--sizes 2000 10000]      sizes are passages in each kb; 50000 and 200000 take minutes

Ours: two kbs, MiniLM and BM25, user filter. `search_fuse_check` is search, fusion and SQL re-check; `ours` is all of it, with
the second pass and the choice. Stock: two kbs, MiniLM alone, `QueryFusionRetriever` over `QdrantVectorStore`; `stock` filters
the personal kb by its user as ours does, `stock_filtered` both. All answer each question in turn; audit and trace writes are in
none. `whole` is a search as the REST API makes it, with intent, embedding, trace and audit, alone and fifty at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
from llama_index.core import VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import BaseRetriever, QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import BaseNode, TextNode
from llama_index.core.vector_stores import FilterCondition, MetadataFilter, MetadataFilters
from llama_index.vector_stores.qdrant import QdrantVectorStore
from numpy.typing import NDArray
from qdrant_client import QdrantClient
from sqlalchemy import insert

from app.config import ROOT, load_settings
from app.evaluation import temporary_services
from app.indexes.engine import Point
from app.models import KB, KBS, READY, Artist, Chunk, Document, User
from app.principal import TenantFilter, local_operator
from app.services.search import Scope
from app.services.services import Services
from app.services.shapes import SearchRequest
from benchmarks.plot import log_bars, write_results

SHARED = ROOT.parent / "shared" / "data"
BASE_TEXTS = 2000  # embedded for real; more passages are these with their vectors moved a little
USERS, CHUNKS_PER_DOCUMENT, QUESTIONS, ROUNDS = 10, 20, 60, 3
STOCK_UP_TO = 10_000  # local mode takes minutes beyond
NOISE = 0.25
AT_ONCE, CROWD_ROUNDS = 50, 10
SHOWN = {
    "ours: search to check": "search_fuse_check", "ours, with second pass": "ours", "stock": "stock",
    "stock, both filtered": "stock_filtered",
}  # fmt: skip


class Known(BaseEmbedding):
    """Question vectors that are known already: what is measured is search."""

    vectors: dict[str, list[float]]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self.vectors[query]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self.vectors[query]

    def _get_text_embedding(self, text: str) -> list[float]:
        raise NotImplementedError


class Filled:
    """A services object whose kbs hold `size` passages each, and the vectors they were given."""

    def __init__(self, services: Services, size: int, texts: Sequence[str]) -> None:
        self.services, self.size, self.texts = services, size, texts
        self._random = np.random.default_rng(size)
        self.users = [str(uuid.uuid4()) for _ in range(USERS)]
        self.dense: dict[KB, NDArray[np.float32]] = {}
        self.owners: dict[KB, list[str]] = {}
        while services.ingestion.back_fill():
            pass
        models = {model.name: model for model in services.indexes.models}
        meanings = np.stack([np.asarray(vector) for vector in models["minilm"].embed_passages(list(texts))])
        terms = models["bm25"].embed_passages(list(texts))
        with services.db.session() as session:
            for user in self.users:
                session.add(User(id=user, email=f"{user}@example.org", password_hash="-"))
            session.flush()
            session.add_all([Artist(user_id=user, name="-") for user in self.users])
        for kb in KBS:
            self._fill(kb, meanings, terms)

    def _fill(self, kb: KB, meanings: NDArray[np.float32], terms: Sequence[Any]) -> None:
        picks = self._random.integers(0, len(self.texts), self.size)
        vectors = meanings[picks] + NOISE * self._random.standard_normal((self.size, meanings.shape[1])) / 20
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        documents: list[dict[str, Any]] = []
        chunks: list[dict[str, Any]] = []
        owners: list[str] = []
        for number in range(self.size):
            if number % CHUNKS_PER_DOCUMENT == 0:
                owner = self.users[len(documents) % USERS] if kb == "personal" else None
                documents.append({
                    "id": str(uuid.uuid4()), "kb": kb, "user_id": owner, "title": f"Document {len(documents)}",
                    "filename": "a.txt", "suffix": ".txt", "status": READY, "pages": 1,
                })  # fmt: skip
            text = self.texts[picks[number]]
            owners.append(documents[-1]["user_id"] or "")
            chunks.append({
                "id": str(uuid.uuid4()), "document_id": documents[-1]["id"], "version": 1,
                "number": number % CHUNKS_PER_DOCUMENT, "page": 1, "start": 0, "end": len(text), "heading": "",
                "text": f"{text} ({number})",
            })  # fmt: skip
        with self.services.db.session() as session:
            session.execute(insert(Document), documents)
            session.execute(insert(Chunk), chunks)
        for index in self.services.indexes.live(kb):
            given = [terms[pick] for pick in picks] if index.model.sparse else vectors
            points = (
                Point(chunk["id"], vector, chunk["document_id"], owner)
                for chunk, vector, owner in zip(chunks, given, owners, strict=True)
            )
            while batch := [point for _, point in zip(range(5000), points, strict=False)]:
                index.store.upsert(batch)
        self.dense[kb], self.owners[kb] = vectors, owners


def stock(filled: Filled, questions: dict[str, list[float]]) -> dict[str, QueryFusionRetriever]:
    """What a reader of LlamaIndex's documentation would build: dense only, one store per kb, a metadata filter on the
    personal kb (`stock`) or on both (`stock_filtered`).
    """
    parts: dict[str, list[BaseRetriever]] = {"stock": [], "stock_filtered": []}
    for kb in KBS:
        store = QdrantVectorStore(collection_name=kb, client=QdrantClient(":memory:"))
        nodes: list[BaseNode] = [
            TextNode(text=filled.texts[i % len(filled.texts)], metadata={"user_id": owner}, embedding=vector.tolist())
            for i, (owner, vector) in enumerate(zip(filled.owners[kb], filled.dense[kb], strict=True))
        ]
        for start in range(0, len(nodes), 1000):
            store.add(nodes[start : start + 1000])
        owner = filled.users[0] if kb == "personal" else ""
        mine = MetadataFilters(filters=[MetadataFilter(key="user_id", value=owner)], condition=FilterCondition.AND)
        index = VectorStoreIndex.from_vector_store(store, embed_model=Known(vectors=questions))
        for name, some in parts.items():
            filters = mine if kb == "personal" or name == "stock_filtered" else None
            some.append(index.as_retriever(similarity_top_k=10, filters=filters))
    return {
        name: QueryFusionRetriever(
            some, mode=FUSION_MODES.RECIPROCAL_RANK, similarity_top_k=10, num_queries=1, use_async=False, llm=MockLLM()
        )
        for name, some in parts.items()
    }


async def measure(filled: Filled, questions: Sequence[str]) -> dict[str, Any]:
    services, vectors = filled.services, {}
    for question in questions:
        for model in services.indexes.models:
            vector = model.embed_question(question).result()  # cached from here on
            if not model.sparse:
                vectors[question] = np.asarray(vector).tolist()
    tenant = TenantFilter.for_principal(local_operator(filled.users[0]))
    retriever = services.search.retriever(Scope(tenant, None, None), "hybrid", floor=False)
    theirs = stock(filled, vectors) if filled.size <= STOCK_UP_TO else {}
    spent: dict[str, list[float]] = {}
    stages: dict[str, list[float]] = {}
    for round_number in range(ROUNDS + 1):  # the first warms all up
        for question in questions:
            seconds = {}
            start = time.perf_counter()
            found = (await retriever.asearch(question)).trace.milliseconds
            seconds["ours"] = time.perf_counter() - start
            seconds["search_fuse_check"] = sum(found[stage] for stage in ("search", "fuse", "check")) / 1000
            for name, other in theirs.items() if filled.size <= 2000 or round_number < 2 else ():
                start = time.perf_counter()
                other.retrieve(question)
                seconds[name] = time.perf_counter() - start
            for name, value in seconds.items() if round_number else ():
                spent.setdefault(name, []).append(value)
            for stage, milliseconds in found.items() if round_number else ():
                stages.setdefault(stage, []).append(milliseconds)
    line: dict[str, Any] = {
        "benchmark": "retrieval_latency", "passages_per_kb": filled.size,
        "stages_ms": {stage: round(median(values), 3) for stage, values in stages.items()},
    }  # fmt: skip
    for name, values in spent.items():
        line |= _figures(name, values)
    for name in theirs:
        line[f"times_{name}"] = round(median(spent[name]) / median(spent["search_fuse_check"]), 1)
    return line


async def whole(filled: Filled, questions: Sequence[str]) -> dict[str, Any]:
    """A search as the REST API makes it. Every question is new: no cache answers."""
    principal = local_operator(filled.users[0])
    fresh = iter(questions)

    async def ask() -> float:
        start = time.perf_counter()
        await filled.services.search.search(principal, SearchRequest(query=next(fresh)))
        return time.perf_counter() - start

    for _ in range(10):
        await ask()
    alone = [await ask() for _ in range(100)]
    crowd: list[float] = []
    for _ in range(CROWD_ROUNDS):
        crowd += await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return {
        "benchmark": "retrieval_latency", "part": "whole", "passages_per_kb": filled.size, **_figures("alone", alone),
        **_figures("fifty_at_once", crowd),
    }  # fmt: skip


def _figures(name: str, seconds: Sequence[float]) -> dict[str, float]:
    return {
        f"{name}_p50_ms": round(1000 * median(seconds), 3),
        f"{name}_p95_ms": round(1000 * quantiles(seconds, n=20)[-1], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 10_000])
    arguments = parser.parse_args()
    file = SHARED / "squad_music.json"
    if not file.is_file():
        print(f"{file.name} is not here: no figures", file=sys.stderr)
        return
    data = json.loads(file.read_text(encoding="utf-8"))
    texts = [row["text"] for row in data["passages"]][:BASE_TEXTS]
    questions = [row["question"] for row in data["questions"]]
    answers: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(env={}, data={"dir": home}, llm={"provider": "none"})
        for size in arguments.sizes:
            first = [{"id": "0", "title": "", "text": texts[0]}]
            with (
                tempfile.TemporaryDirectory() as folder,
                temporary_services(settings, Path(folder), first) as (made, _),
            ):
                filled = Filled(made, size, texts)
                answers.append(asyncio.run(measure(filled, questions[:QUESTIONS])))
                print(json.dumps(answers[-1]), flush=True)
                if size <= 2000:
                    answers.append(asyncio.run(whole(filled, questions[QUESTIONS:])))
                    print(json.dumps(answers[-1]), flush=True)
    write_results("retrieval_latency", answers)
    shown = {
        f"{line['passages_per_kb']:,} passages in each kb": {
            name: line[f"{key}_p50_ms"] for name, key in SHOWN.items() if f"{key}_p50_ms" in line
        }
        for line in answers
        if "part" not in line
    }
    log_bars("retrieval_latency", "A search in milliseconds, without embedding (p50, each line tenfold)", shown)


if __name__ == "__main__":
    main()
