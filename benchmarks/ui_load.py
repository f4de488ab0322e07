"""Many people at once: each opens the page and asks one question, as a browser does, and the same by plain REST streams.

python -m benchmarks.ui_load [--people 1000] [--seconds 60] [--together 300]        about four minutes

The server is `ai-manager serve` in a process of its own, over a temporary data folder with the starter knowledge base, MiniLM
and BM25, traces and audit on. The language model is the test server in another, streaming 40 tokens over 1 s. The people are
a third. All three share the processors of this machine: the load average is printed, and on a busy machine the times say
little; CPU milliseconds per question say more. Prints one JSON line per wave; exits with 1 when a bound is not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlmodel import col, func, select

from app.config import ROOT, Settings, child_environment, load_settings
from app.db import Database
from app.main import open_database
from app.models import Artist, AuditEvent, Message, Trace, User
from app.services.sessions import SessionService

TOKENS, ANSWER_SECONDS = 40, 1.0
MARK = "Okapi"  # the answer's first word, as no other part of a page is called
BOUNDS = {"first_p95_s": 2.0, "whole_p95_s": 5.0, "rss_mb": 900.0}
TOGETHER_FIRST_P95 = 10.0
START_SECONDS = 240
MODEL = """
import sys, threading
from tests.openai_server import OpenAIServer
from tests.openai_replies import default_reply
words = " ".join([sys.argv[2]] + ["word"] * (int(sys.argv[3]) - 2) + ["[G1]."])
def reply(body):
    usual = default_reply(body)
    return usual if usual.startswith("{") else words
with OpenAIServer(int(sys.argv[1])) as server:
    server.script(reply, token_seconds=float(sys.argv[4]))
    threading.Event().wait()
"""
QUESTIONS = (
    "What does a manager usually take as commission from a band of {}?",
    "How long is a sunset clause after {} records?",
    "What should I check before I sign a distribution deal when {} songs are ready?",
    "Who owns the master when a producer made {} of the beats?",
    "How are publishing splits agreed between {} writers?",
    "What does a sync licence for an advert with {} runs cost?",
    "How do I pitch to playlists when I have {} listeners a month?",
    "Which royalties does a song earn after {} streams?",
    "How far ahead should a release of {} tracks be planned?",
    "What belongs in a press kit for {} festivals?",
    "How do advances get recouped over {} albums?",
    "What does a booking agent do for a tour of {} dates?",
)


@dataclass
class Running:
    """A process and what it took: CPU seconds, and resident memory in megabytes."""

    process: subprocess.Popen[str]

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60, help="over which they arrive")
    parser.add_argument("--together", type=int, default=300, help="people of the second wave, who all come at once")
    parser.add_argument("--doors", nargs="+", choices=("ui", "rest"), default=("ui", "rest"))
    options = parser.parse_args()
    kept = True
    with tempfile.TemporaryDirectory(prefix="bench-ui-") as folder:
        settings = prepare(Path(folder))
        people = sign_in(settings, len(options.doors) * (options.people + options.together))
        with running_model() as (model, base_url), running_server(settings, base_url) as (server, port):
            for door in options.doors:
                for count, seconds in ((options.people, options.seconds), (options.together, 0.0)):
                    if count:
                        kept &= wave(settings, server, model, port, door, people[:count], seconds)
                        del people[:count]
    sys.exit(0 if kept else 1)


def prepare(folder: Path) -> Settings:
    """An own data folder that shares the exported models of the usual one, so that MiniLM is not exported anew."""
    models = load_settings().data.dir / "models"
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models, target_is_directory=True)
    return load_settings(env={}, data={"dir": str(folder)})


def sign_in(settings: Settings, count: int) -> list[str]:
    """Accounts and sign-ins by SQL: a thousand password hashes would take the benchmark's minutes."""
    db = open_database(settings)
    sessions = SessionService(db, settings.auth)
    users = [User(email=f"{number}@example.com", password_hash="-") for number in range(count)]
    with db.session() as session:
        session.add_all(users)
        session.flush()
        session.add_all([Artist(user_id=user.id, name="-") for user in users])
    opened = [sessions.open_browser(user.id, False)[0] for user in users]
    db.close()
    return opened


@contextmanager
def running_model() -> Iterator[tuple[Running, str]]:
    port = free_port()
    arguments = [str(port), MARK, str(TOKENS), str(ANSWER_SECONDS / TOKENS)]
    with running([sys.executable, "-c", MODEL, *arguments], {"PYTHONPATH": str(ROOT)}) as model:
        yield model, f"http://127.0.0.1:{port}/v1"


@contextmanager
def running_server(settings: Settings, base_url: str) -> Iterator[tuple[Running, int]]:
    port = free_port()
    environment = {
        "AIM_DATA__DIR": str(settings.data.dir), "AIM_SERVER__PORT": str(port), "AIM_LLM__PROVIDER": "openai_like",
        "AIM_LLM__BASE_URL": base_url, "AIM_LLM__MODEL": "tiny-chat", "AIM_LOG__LEVEL": "WARNING",
    }  # fmt: skip
    with running([sys.executable, "-m", "app", "serve"], environment) as server:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready(port):
            if time.monotonic() > deadline or server.process.poll() is not None:
                raise SystemExit("the server does not start")
            time.sleep(0.5)
        yield server, port


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[Running]:
    full = {**child_environment(), **environment}
    process = subprocess.Popen(command, cwd=ROOT, env=full, stdout=subprocess.DEVNULL, text=True)
    try:
        yield Running(process)
    finally:
        process.terminate()
        process.wait(30)


def is_ready(port: int) -> bool:
    """Answers, and has read the starter knowledge base."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5) as answer:
            parts = json.load(answer)["components"]
    except OSError:
        return False
    return not parts["worker"]["queued"] and not any(part["status"] == "building" for part in parts.values())


def wave(
    settings: Settings, server: Running, model: Running, port: int, door: str, people: list[str], seconds: float
) -> bool:
    """One wave of people, told as one line; whether it kept its bounds."""
    heartbeat, steps = visit(port, people[0])
    questions = [QUESTIONS[number % len(QUESTIONS)].format(number + 2) for number in range(len(people))]
    plan = {
        "port": port, "door": door, "seconds": seconds, "mark": MARK, "secrets": people, "steps": steps,
        "questions": questions, "heartbeat": heartbeat,
    }  # fmt: skip
    stored, before, model_before = kept_rows(settings), server.cpu(), model.cpu()
    peak, pace, came = [server.rss()], [yardstick()], threading.Event()

    def look() -> None:
        while not came.wait(0.5):
            peak.append(server.rss())
            pace.append(yardstick())

    watch = threading.Thread(target=look)
    watch.start()
    client = subprocess.run(
        [sys.executable, "-m", "benchmarks.ui_load_client"], cwd=ROOT, env={**child_environment(), "PYTHONPATH": str(ROOT)},
        input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    came.set()
    watch.join()
    outcome = json.loads(client.stdout)
    each = 1000 / len(people)
    written = [after - earlier for after, earlier in zip(kept_rows(settings), stored, strict=True)]
    line: dict[str, Any] = {
        "benchmark": "ui_load", "door": door, "people": len(people), "arriving_s": seconds,
        "errors": sum(outcome["errors"].values()), "kinds": outcome["errors"],
        "first_p50_s": part(outcome["first"], 50), "first_p95_s": part(outcome["first"], 95),
        "whole_p50_s": part(outcome["whole"], 50), "whole_p95_s": part(outcome["whole"], 95),
        "page_p50_s": part(outcome["page"], 50), "page_p95_s": part(outcome["page"], 95),
        "served_p50_s": part(outcome["served"], 50), "served_p95_s": part(outcome["served"], 95), "rss_mb": round(max(peak)),
        "server_cpu_ms": round((server.cpu() - before) * each, 1), "model_cpu_ms": round((model.cpu() - model_before) * each, 1),
        "client_cpu_ms": round(outcome["cpu"] * each, 1), "received_kb": round(outcome["received"] / len(people) / 1024, 1),
        "traces": written[0], "audit_rows": written[1], "answers": written[2], "load": round(os.getloadavg()[0], 1),
        "yardstick_ms": round(median(pace), 2),
    }  # fmt: skip
    bounds = BOUNDS if seconds else {"first_p95_s": TOGETHER_FIRST_P95, "rss_mb": BOUNDS["rss_mb"]}
    missed = [name for name, bound in bounds.items() if line[name] is None or line[name] > bound]
    missed += ["errors"] if line["errors"] else []
    missed += ["rows"] if written != [len(people)] * 3 else []
    print(json.dumps({**line, "kept": not missed, "missed": missed}), flush=True)
    return not missed


def visit(port: int, secret: str) -> tuple[bool, list[tuple[int, int | None, list[Any]]]]:
    """What a browser sends: the events of loading the page, then the question, each with those that follow it."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/app/config", headers={"cookie": f"aim_session={secret}"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        config = json.load(answer)
    parts = {part["id"]: part for part in config["components"]}
    named = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
    page = set(config["page"][""]["dependencies"])

    def step(event: dict[str, Any]) -> tuple[int, int | None, list[Any]]:
        data = [
            "QUESTION" if one == named["question"] else None if parts[one]["type"] == "state" else parts[one]["props"].get("value")
            for one in event["inputs"]
        ]  # fmt: skip
        return event["id"], event["targets"][0][0] if event["targets"] else None, data

    def followed(event: dict[str, Any]) -> list[dict[str, Any]]:
        after = [one for one in config["dependencies"] if one.get("trigger_after") == event["id"]]
        here = [event] if event["backend_fn"] else []
        return here + [more for one in after if not one.get("trigger_only_on_failure") for more in followed(one)]

    events = [one for one in config["dependencies"] if one["id"] in page]
    loads = [one for one in events if any(kind == "load" for _, kind in one["targets"])]
    send = next(one for one in events if [named["send"], "click"] in one["targets"])
    asking = followed(send)
    if len(asking) > 1:
        raise SystemExit("asking is several events now; ui_load must learn which one answers")
    return bool(config.get("connect_heartbeat")), [step(one) for load in loads for one in followed(load)] + [
        step(asking[0])
    ]


def kept_rows(settings: Settings) -> list[int]:
    """Traces, audit rows of answers, answers that were finished."""
    db = Database(settings.database_url)
    counted = (
        select(func.count()).select_from(Trace),
        select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "chat.read"),
        select(func.count()).select_from(Message).where(Message.state == "answered", col(Message.text).contains(MARK)),
    )
    with db.reading() as session:
        counts = [session.exec(query).one() for query in counted]
    db.close()
    return counts


def yardstick() -> float:
    """CPU milliseconds of a fixed piece of work at this moment: where others use the machine, everything takes more of them."""
    start = time.thread_time()
    sum(hash(str(number)) & 1 for number in range(10_000))
    return (time.thread_time() - start) * 1000


def part(values: list[float], share: int) -> float | None:
    return round(quantiles(values, n=100)[share - 1], 2) if len(values) > 1 else None


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


if __name__ == "__main__":
    main()
