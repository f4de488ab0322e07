"""The fact check of the writing desk on drafts labelled by hand: what it misses, and where it cries wolf.

python -m benchmarks.desk_check [--show]        prints one JSON line per figure; `--show` the single errors as well
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from app.services.desk.check import MARK, check
from app.services.desk.evidence import Known

LABELLED = Path(__file__).resolve().parents[1] / "tests" / "services" / "desk" / "labelled.yaml"
BRACES = re.compile(r"\{([-+])(.+?)[-+]\}", re.DOTALL)


@dataclass
class Score:
    """`invented` and `borne_out` are claims; `missed` of the former went through, `alarms` are marks on anything else."""

    invented: int = 0
    borne_out: int = 0
    missed: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)

    @property
    def miss_rate(self) -> float:
        return len(self.missed) / self.invented

    @property
    def alarm_rate(self) -> float:
        """False marks for each claim that is borne out."""
        return len(self.alarms) / self.borne_out


def score(cases: list[dict[str, Any]]) -> Score:
    total = Score()
    for case in cases:
        judge(case, total)
    return total


def judge(case: dict[str, Any], total: Score) -> None:
    """Add one labelled draft to `total`."""
    draft, spans = unlabelled(case["draft"])
    known = [Known(f"{case.get('typed', '')}\n{case.get('more', '')}", typed=True), Known(case.get("source", ""), "P1")]
    found = check(draft, known, opinion=case.get("opinion", False))
    marked = list(places(found.text, [one.was for one in found.marks]))
    invented = [(a, b) for sign, a, b in spans if sign == "-"]
    total.invented += len(invented)
    total.borne_out += sum(sign == "+" for sign, _, _ in spans)
    for start, end in invented:
        if not any(a < end and start < b for a, b in marked):
            total.missed.append(draft[start:end])
    allowed = set(case.get("allow", ()))
    spared = case.get("placeholders", 0)
    for start, end in marked:
        words = draft[start:end]
        if any(a < end and start < b for a, b in invented) or words in allowed:
            continue
        if words.startswith("[") and spared:
            spared -= 1
            continue
        total.alarms.append(f"{words} in: {draft[max(0, start - 30) : end + 20]!r}")


def unlabelled(draft: str) -> tuple[str, list[tuple[str, int, int]]]:
    """The draft without braces, and its labelled places."""
    text, spans, last = "", [], 0
    for match in BRACES.finditer(draft):
        text += draft[last : match.start()]
        spans.append((match[1], len(text), len(text) + len(match[2])))
        text, last = text + match[2], match.end()
    return text + draft[last:], spans


def places(checked: str, removed: list[str]) -> Iterator[tuple[int, int]]:
    """Where in the draft that was checked the marks stand."""
    place = 0
    for kept, was in zip(checked.split(MARK), [*removed, ""], strict=False):
        place += len(kept)
        if was:
            yield place, place + len(was)
        place += len(was)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    for name, cases in yaml.safe_load(LABELLED.read_text(encoding="utf-8")).items():
        started = time.perf_counter()
        total = score(cases)
        figures = {
            "drafts": len(cases), "invented": total.invented, "borne_out": total.borne_out, "missed": len(total.missed),
            "false_alarms": len(total.alarms), "miss_rate": round(total.miss_rate, 3),
            "alarm_rate": round(total.alarm_rate, 3),
            "ms_per_draft": round((time.perf_counter() - started) * 1000 / len(cases), 2),
        }  # fmt: skip
        print(json.dumps({"benchmark": "desk_check", "set": name, **figures}))
        if options.show:
            sys.stdout.writelines(f"  missed: {one}\n" for one in total.missed)
            sys.stdout.writelines(f"  alarm:  {one}\n" for one in total.alarms)


if __name__ == "__main__":
    main()
