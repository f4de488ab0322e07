"""The owner's example questions of each role, asked of the real application, with a language model and without one.

python -m docs.take_walkthroughs               writes docs/walkthroughs.md

The language model is the test server: it says the first sentence of each source that its prompt holds, with its label, and
nothing else. It shows what a model is given and what becomes of its words, not how well one writes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from app.config import SEED_DIR, load_settings
from app.indexes.model_files import exported_folder
from app.services.seed import load_seed
from tests.api.conftest import Api
from tests.openai_replies import LABEL, Body, default_reply
from tests.security.served import served

FILE = Path(__file__).parent / "walkthroughs.md"
SAMPLES = Path(__file__).parents[1] / "app" / "samples"
READY_SECONDS = 120
WEEKS = 44  # until the target date of a plan
STEPS = 6  # of a plan that are shown
INTRO = """# Walkthroughs

The example questions of the owner's brief, asked of the real application through its REST API by one user of each role, first
without a language model and then with one. Every user has the sample documents and the starter knowledge base; nobody has
anything else. `python -m docs.take_walkthroughs` writes this file anew.

The language model here is the test server of the suite: it says the first sentence of each source that its prompt holds, with
its label. So these pages show what a model is given and what becomes of its words; how well one writes they cannot show.
"""


@dataclass(frozen=True)
class Walk:
    """A role, what its user says of themselves, what they ask, and the plan they make of it."""

    role: str
    profile: dict[str, str]
    questions: tuple[str, ...]
    template: str
    goal: str
    drafts: tuple[tuple[str, dict[str, str]], ...] = field(default=())


def chorus() -> str:
    lyrics = (SAMPLES / "lyrics.txt").read_text(encoding="utf-8")
    return lyrics.partition("Chorus\n")[2].partition("\n\n")[0]


WALKS = (
    Walk(
        "independent artist",
        {"genres": "indie folk", "stage": "first releases out", "goals": "A first album in spring."},
        ("Help me plan my next release strategy", "How can I grow my fanbase effectively?"),
        "release_album",
        "Release the first album",
    ),
    Walk(
        "producer",
        {"genres": "hip-hop", "stage": "playing and releasing regularly", "goals": "Paid work every month."},
        ("How should I price my production services?", "What types of artists should I approach?"),
        "producer_business",
        "Paid production work every month",
    ),
    Walk(
        "songwriter",
        {"genres": "country", "stage": "just starting", "goals": "A first publishing deal."},
        ("What publishers should I approach?", "How can I improve this chorus?\n\n" + chorus()),
        "release_single",
        "Release the demo as a single",
    ),
    Walk(
        "manager",
        {"goals": "Two artists who live from music."},
        ("Create a 12-month development plan for my artist", "What team members should I hire next?"),
        "artist_development_12_months",
        "A year that ends with a full tour",
    ),
)


def main() -> None:
    settings = load_settings()
    for row in settings.embeddings:
        if row.name == "minilm":
            exported_folder(row, settings.data)
    parts = [INTRO]
    for title, llm in (("Without a language model", {"provider": "none"}), ("With a language model", None)):
        with TemporaryDirectory(prefix="walkthroughs-") as folder:
            sections: dict[str, Any] = {} if llm is None else {"llm": llm}
            with served(Path(folder), settings.data.dir / "models", **sections) as api:
                api.llm.script(said)
                load_seed(api.services.db, api.services.documents, SEED_DIR)
                parts.append(f"## {title}\n")
                for walk in WALKS:
                    parts += walked(api, walk)
    FILE.write_text("\n".join(parts), encoding="utf-8")
    print(f"{FILE.name}: {FILE.stat().st_size // 1000} kB")


def said(body: Body) -> str:
    """The first sentence of each source, or what the test server says of other prompts."""
    if not body.get("stream"):
        return default_reply(body)
    prompt = str(body["messages"][-1]["content"])
    places = [*LABEL.finditer(prompt)]
    lines = []
    for one, following in zip(places, [*places[1:], None], strict=False):
        block = prompt[one.end() : following.start() if following else None].partition("\n\n##")[0]
        sentence = re.split(r"(?<=[.!?])\s", " ".join(block.split()), maxsplit=1)[0]
        if sentence:
            lines.append(f"- {sentence} [{one.group(1)}]")
    return (
        "\n".join(lines)
        or "That is a matter of taste, so take this as an opinion: say the image once and let it stand."
    )


def walked(api: Api, walk: Walk) -> Iterator[str]:
    client, _ = api.register()
    with client:
        client.put("/api/profile", json={"role": walk.role, **walk.profile}).raise_for_status()
        client.post("/api/account/samples").raise_for_status()
        wait_until_read(client)
        yield f"### {walk.role.capitalize()}\n"
        for question in walk.questions:
            yield from asked(client, question)
        yield from planned(client, walk)


def asked(client: httpx.Client, question: str) -> Iterator[str]:
    answer = client.post("/api/messages", json={"text": question}, timeout=60).raise_for_status().json()
    yield (
        f"**{question.splitlines()[0]}**" + "".join(f"\n> {line}" for line in question.splitlines()[1:] if line) + "\n"
    )
    yield f"*{answer['state']}, {answer['intent']}*\n"
    yield "\n".join(f"> {line}".rstrip() for line in answer["text"].splitlines()) + "\n"
    for one in answer["citations"]:
        kind = "yours" if one["kb"] == "personal" else "industry"
        yield f"- {one['label']} ({kind}): {one['title']}, page {one['page']}"
    yield ""


def planned(client: httpx.Client, walk: Walk) -> Iterator[str]:
    day = date.today() + timedelta(weeks=52 if "12_months" in walk.template else WEEKS)
    body = {"template": walk.template, "goal": walk.goal, "target_date": day.isoformat()}
    plan = client.post("/api/plans", json=body, timeout=60).raise_for_status().json()
    yield f"**A plan of it: {plan['title']}, by {plan['target_date']}** ({len(plan['steps'])} steps)\n"
    for step in plan["steps"][:STEPS]:
        yield f"- {step['due']}, {step['owner']}: {step['title']}. {step['reason']}".rstrip()
    for late in plan["late"][:3]:
        yield f"- Late: {late['title']} was due on {late['due']}, {late['days']} days ago"
    for unknown in plan["unknowns"][:3]:
        yield f"- To find out: {unknown}"
    yield ""


def wait_until_read(client: httpx.Client) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while (
        client.get("/api/documents/totals").json()["reading"]
        or client.get("/api/health").json()["components"]["worker"]["queued"]
    ):
        if time.monotonic() > deadline:
            raise SystemExit("the sample documents were not read in time")
        time.sleep(0.3)


if __name__ == "__main__":
    main()
