"""Answers without a language model: how often they quote the sentence that answers, beside LlamaIndex's sentence optimizer.

`first`: the first quote holds the labelled sentence; `held`: any quote does; `characters`: what there is to read. Both ways
choose from the same passages, those that our search gives an answer, with the same MiniLM. The stock part is
`SentenceEmbeddingOptimizer` over them, told to keep one sentence alone, and as many as ours quotes with its default of one
sentence around each. `searched`: the passages hold it at all, which no way of choosing can pass.

python -m benchmarks.own_words [QUESTIONS]      QUESTIONS defaults to 300, evenly spread over squad_music
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, cast

from llama_index.core.postprocessor import SentenceEmbeddingOptimizer
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from app.evaluation import temporary_services
from app.indexes.embeddings import Dense
from app.services.extractive import candidates, compose, without_titles
from app.services.prompts import Source, label_sources
from app.services.services import Services
from benchmarks.labelled import PASSAGE_FILES, open_settings

NAME = "squad_music"
LONG_ENOUGH = 30  # characters of a quote that may be a part of the labelled sentence
_QUOTE = re.compile(r"“(.*)” \[\w+\]$", re.MULTILINE)

Quotes = tuple[str, ...]


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    if not (file := PASSAGE_FILES[NAME]).is_file():
        print(json.dumps({"benchmark": "own_words", "skipped": f"{file.name} is not here"}))
        return
    data = json.loads(file.read_text(encoding="utf-8"))
    questions = data["questions"][:: max(len(data["questions"]) // wanted, 1)][:wanted]
    rows = [{"id": row["id"], "title": row["title"], "text": sentence_case(row["text"])} for row in data["passages"]]
    found: dict[str, list[tuple[Quotes, str]]] = {}
    held: list[bool] = []
    with TemporaryDirectory() as folder, temporary_services(open_settings(), Path(folder), rows) as (services, _):
        scope = services.search.scope(None, None, None)
        retriever = services.search.retriever(scope, "global", join=True)
        for question in questions:
            text, gold = question["question"], question["gold_sentence"]
            sources = label_sources(retriever.search(text).passages)
            held.append(any(_same(gold, source.passage.chunk.text) for source in sources))
            ours = _ours(services, text, sources)
            found.setdefault("ours", []).append((ours, gold))
            found.setdefault("stock, one sentence", []).append((_stock(services, text, sources, 1, 0), gold))
            found.setdefault("stock", []).append((_stock(services, text, sources, len(ours), 1), gold))
    head = {"benchmark": "own_words", "file": NAME, "questions": len(questions), "searched": round(fmean(held), 3)}
    for name, answers in found.items():
        print(json.dumps({**head, "name": name, **_figures(answers)}), flush=True)


def sentence_case(text: str) -> str:
    """The file is in lower case throughout, where no sentence has a beginning."""
    return re.sub(r"(?:^|(?<=[.!?] ))([a-z])", lambda found: found.group(1).upper(), text)


def _ours(services: Services, question: str, sources: Sequence[Source]) -> Quotes:
    asked = without_titles(question, sources)
    found = candidates(asked, sources)
    encoder = services.chat.encoder
    if encoder is None or not found:
        return tuple(_QUOTE.findall(compose(asked, found, intent="global")))
    meanings = cast("list[Dense]", encoder.embed_briefly([text for _, text in found]).result())
    meaning = cast(Dense, encoder.embed_question(asked).result())
    return tuple(_QUOTE.findall(compose(asked, found, meaning, meanings, "global")))


def _stock(services: Services, question: str, sources: Sequence[Source], sentences: int, around: int) -> Quotes:
    """The optimizer's text of all passages, as one quote."""
    text = "\n".join(source.passage.chunk.text for source in sources)
    if not text or not sentences:
        return ()
    index = next(index for index in services.indexes.live("global") if not index.model.sparse)
    model: Any = index.index._embed_model  # the LlamaIndex face of the same MiniLM
    optimizer = SentenceEmbeddingOptimizer(embed_model=model, percentile_cutoff=1.0)
    split: Callable[[str], list[str]] = optimizer._tokenizer_fn
    parts = split(text)
    optimizer = SentenceEmbeddingOptimizer(
        embed_model=model, percentile_cutoff=(sentences + 0.5) / len(parts), context_before=around, context_after=around
    )
    nodes = [NodeWithScore(node=TextNode(text=text), score=1.0)]
    return (optimizer.postprocess_nodes(nodes, QueryBundle(question))[0].node.get_content(),)


def _figures(answers: Sequence[tuple[Quotes, str]]) -> dict[str, float]:
    return {
        "first": round(fmean(bool(quotes) and _same(gold, quotes[0]) for quotes, gold in answers), 3),
        "held": round(fmean(any(_same(gold, quote) for quote in quotes) for quotes, gold in answers), 3),
        "characters": round(fmean(sum(map(len, quotes)) for quotes, _ in answers)),
    }


def _same(gold: str, quote: str) -> bool:
    wanted, said = _plain(gold), _plain(quote)
    return wanted in said or (len(said) > LONG_ENOUGH and said in wanted)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"\W+", " ", text.lower()).split())


if __name__ == "__main__":
    main()
