"""Where to put the relevance floor: how many answerable questions it refuses, how many unanswerable ones it recognises.

A question is made unanswerable by leaving out every passage of its gold passages' articles. One JSON line per floor.

python benchmarks/relevance_floor.py [FILE ...]
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from app import log
from app.config import ROOT, load_settings, quiet_libraries

SHARED = ROOT.parent / "shared" / "data"
FILES = (SHARED / "squad_music.json", SHARED / "retrieval" / "qed_nq_dev.json")
FLOORS = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)


def main() -> None:
    for file in [Path(name) for name in sys.argv[1:]] or FILES:
        if file.is_file():
            measure(file)
        else:
            print(json.dumps({"benchmark": "relevance_floor", "skipped": f"{file.name} is not here"}))


def measure(file: Path) -> None:
    from app.evaluation import load, temporary_services
    from app.retrievers.floor import relevance

    settings = load_settings(llm={"provider": "none"})
    quiet_libraries(settings.data.dir)
    log.configure(settings.log, settings.data.dir, terminal=False)
    passages, questions = load(file)
    article = {row["id"]: row["title"] for row in passages}
    with (
        tempfile.TemporaryDirectory() as folder,
        temporary_services(settings, Path(folder), passages) as (services, owner),
    ):
        scope = services.search.scope(None, None, None)
        retriever = services.search.retriever(scope, "global", top_k=settings.retrieval.candidates, floor=False)
        answerable, unanswerable = [], []
        for question in questions:
            gold = {article[one] for one in question.gold}
            values = [
                (
                    relevance(question.text, p.searchable, p.fused.similarities, settings.retrieval),
                    article[owner[p.chunk.id]],
                )
                for p in retriever.search(question.text).passages
            ]
            answerable.append(max((value for value, _ in values), default=0.0))
            unanswerable.append(max((value for value, title in values if title not in gold), default=0.0))
    for floor in FLOORS:
        refused = sum(value < floor for value in answerable) / len(answerable)
        recognised = sum(value < floor for value in unanswerable) / len(unanswerable)
        line = {
            "floor": floor,
            "answerable_refused": round(refused, 4),
            "unanswerable_recognised": round(recognised, 4),
        }
        print(json.dumps({"benchmark": "relevance_floor", "file": file.name, **line}), flush=True)


if __name__ == "__main__":
    main()
