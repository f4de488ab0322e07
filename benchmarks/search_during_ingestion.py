"""Milliseconds of `POST /api/search` while a hundred documents are read and embedded, and before, over HTTP."""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx

from app.config import ROOT, child_environment

PROGRAM = """
import sys, uvicorn
from app.config import load_settings, quiet_libraries
from app.main import build_services, create_app
settings = load_settings(env={}, data={"dir": sys.argv[1]}, llm={"provider": "none"}, log={"level": "ERROR"})
quiet_libraries(settings.data.dir)
services = build_services(settings)
uvicorn.run(create_app(settings, services), host="127.0.0.1", port=int(sys.argv[2]), log_level="critical")
"""
QUESTION = "How much commission does a manager take, number {}?"
PAUSE_SECONDS = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-search-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(port)], cwd=ROOT, stdout=subprocess.DEVNULL,
        env=child_environment() | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            sign_in(client)
            while queued(client):  # the starter knowledge base
                time.sleep(0.5)
            show("quiet", [ask(client, number) for number in range(100)])
            start = time.perf_counter()
            for number in range(options.documents):
                text = "\n\n".join(f"{number}.{clause} {paragraph(clause)}" for clause in range(6))
                files = {"file": (f"deal {number}.txt", f"{text} {uuid.uuid4()}".encode())}
                client.post("/api/documents", files=files).raise_for_status()
            times: list[float] = []
            while queued(client):
                times += [ask(client, 1000 + len(times) + number) for number in range(10)]
            show("during ingestion", times, documents=options.documents, seconds=round(time.perf_counter() - start, 1))
    finally:
        process.terminate()
        process.wait(30)


def sign_in(client: httpx.Client) -> None:
    deadline = time.monotonic() + 120
    body = {"email": "bench@example.com", "password": "three chords and the truth"}
    while time.monotonic() < deadline:
        try:
            pair = client.post("/api/auth/register", json=body)
        except httpx.HTTPError:
            time.sleep(0.2)
            continue
        client.headers["Authorization"] = f"Bearer {pair.json()['access_token']}"
        return
    raise SystemExit("the server does not start")


def queued(client: httpx.Client) -> int:
    parts = client.get("/api/health").json()["components"]
    building = any(part["status"] == "building" for part in parts.values())
    return int(parts["worker"]["queued"]) + building


def ask(client: httpx.Client, number: int) -> float:
    time.sleep(PAUSE_SECONDS)
    start = time.perf_counter()
    client.post("/api/search", json={"query": QUESTION.format(number)}).raise_for_status()
    return (time.perf_counter() - start) * 1000


def paragraph(number: int) -> str:
    return f"The manager takes a commission of {number + 10} percent of what the artist earns in clause {number}. " * 9


def show(name: str, times: list[float], **more: float) -> None:
    figures = {"p50_ms": round(statistics.median(times), 1), "p95_ms": round(statistics.quantiles(times, n=20)[-1], 1)}
    line = {"benchmark": "search_during_ingestion", "name": name, "searches": len(times), **figures, **more}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
