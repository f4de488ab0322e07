"""What int8 costs MiniLM after fusion: `ours` of `ai-manager eval` with each precision, one JSON line each.

python -m benchmarks.precision [FILE]      FILE defaults to ../shared/data/squad_music.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from app import log
from app.config import ROOT, load_settings, quiet_libraries

SHARED = ROOT.parent / "shared" / "data"


def main() -> None:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED / "squad_music.json"
    if not file.is_file():
        print(json.dumps({"benchmark": "precision", "skipped": f"{file.name} is not here"}))
        return
    settings = load_settings(llm={"provider": "none"})
    quiet_libraries(settings.data.dir)
    log.configure(settings.log, settings.data.dir, terminal=False)
    from app.evaluation import evaluate

    for precision in ("int8", "fp32"):
        rows = tuple(
            row.model_copy(update={"precision": precision}) if row.name == "minilm" else row
            for row in settings.embeddings
        )
        report = evaluate(settings.model_copy(update={"embeddings": rows}), file)
        for result in report["results"]:
            if result["name"] in ("ours", "index:minilm"):
                print(
                    json.dumps({"benchmark": "precision", "file": file.name, "precision": precision, **result}),
                    flush=True,
                )


if __name__ == "__main__":
    main()
