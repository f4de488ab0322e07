"""The people of `ui_load`, in a process of their own: sockets and nothing else, because they share the server's processors.

It reads one JSON object on standard input, `Plan`, and writes one, the figures of every visit.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

PATIENCE = 90.0  # seconds for one visit
END = b'"msg":"close_stream"'
FAILED = b'"success":false'
TAIL = 64  # bytes kept, so that a mark cut by two packets is found


@dataclass(frozen=True)
class Plan:
    """`door` is ui or rest. `steps` are Gradio's events of a visit, the last of them the question: [fn_index, trigger, data]."""

    port: int
    door: str
    seconds: float
    mark: str
    secrets: list[str]
    steps: list[tuple[int, int | None, list[Any]]]
    questions: list[str]
    heartbeat: bool


@dataclass
class Outcome:
    """Times in seconds: until the page was there; from asking to the first word and to the end; from coming to the first word."""

    page: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    cpu: float = 0.0
    received: int = 0


class Failed(Exception):
    """A visit that did not end in an answer; its text is counted."""


class Visit:
    """One person with a browser: a kept connection for requests, one for each stream."""

    def __init__(self, plan: Plan, number: int, outcome: Outcome) -> None:
        self.plan, self.outcome, self.question = plan, outcome, plan.questions[number]
        self.tab = f"{random.getrandbits(52):011x}"
        self.head = (
            f"Host: 127.0.0.1:{plan.port}\r\nCookie: aim_session={plan.secrets[number]}\r\n"
            f"Origin: http://127.0.0.1:{plan.port}\r\nAccept-Encoding: gzip, deflate, br\r\n"
        )
        self.open: list[asyncio.StreamWriter] = []
        self.kept: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.came = time.perf_counter()

    async def run(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await (self.through_the_page() if self.plan.door == "ui" else self.by_rest())
        except TimeoutError:
            raise Failed("patience ended") from None
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            raise Failed(type(error).__name__) from None

    def leave(self) -> None:
        for writer in self.open:
            writer.close()

    async def through_the_page(self) -> None:
        await self.request("GET", "/app/")
        if self.plan.heartbeat:
            reader, _ = await self.connect()
            await self.start(reader, "GET", f"/app/gradio_api/heartbeat/{self.tab}")
        *before, asking = self.plan.steps
        for step in before:
            await self.event(step)
        self.outcome.page.append(time.perf_counter() - self.came)
        await self.event(asking, answer=True)

    async def event(self, step: tuple[int, int | None, list[Any]], *, answer: bool = False) -> None:
        index, trigger, data = step
        values = [self.question if value == "QUESTION" else value for value in data]
        body = {"data": values, "event_data": None, "fn_index": index, "trigger_id": trigger, "session_hash": self.tab}
        asked = time.perf_counter()
        await self.request("POST", "/app/gradio_api/queue/join?", json.dumps(body))
        reader, writer = await self.connect()
        await self.start(reader, "GET", f"/app/gradio_api/queue/data?session_hash={self.tab}")
        await self.listen(reader, asked, END, answer)
        writer.close()

    async def by_rest(self) -> None:
        reader, _ = await self.connect()
        asked = time.perf_counter()
        await self.start(reader, "POST", "/api/messages", json.dumps({"text": self.question, "stream": True}))
        await self.listen(reader, asked, b"event: done", True)

    async def listen(self, reader: asyncio.StreamReader, asked: float, end: bytes, answer: bool) -> None:
        """Read a stream to its end; the chunks' frames between the events do no harm to the marks."""
        mark, tail, first = self.plan.mark.encode(), b"", None
        while data := await reader.read(65536):
            self.outcome.received += len(data)
            seen = tail + data
            if answer and first is None and mark in seen:
                first = time.perf_counter() - asked
            if FAILED in seen or b"event: error" in seen:
                raise Failed("the answer failed")
            if end in seen:
                break
            tail = seen[-TAIL:]
        else:
            raise Failed("the stream broke off")
        if answer:
            if first is None:
                sys.stderr.write(f"{self.question}\n")
                raise Failed("no first word")
            self.outcome.first.append(first)
            self.outcome.served.append(asked + first - self.came)
            self.outcome.whole.append(time.perf_counter() - asked)

    async def request(self, method: str, path: str, body: str = "") -> None:
        """A whole answer on the kept connection."""
        if self.kept is None:
            self.kept = await self.connect()
        reader, _ = self.kept
        head = await self.start(reader, method, path, body, self.kept[1])
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        if length:
            self.outcome.received += len(await reader.readexactly(int(length)))
            return
        while (size := int((await reader.readuntil(b"\r\n")).strip(), 16)) > 0:
            self.outcome.received += len(await reader.readexactly(size + 2))
        await reader.readexactly(2)

    async def start(
        self, reader: asyncio.StreamReader, method: str, path: str, body: str = "",
        writer: asyncio.StreamWriter | None = None,
    ) -> bytes:  # fmt: skip
        """Send a request and read the head of its answer."""
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n" if body else ""
        (writer or self.open[-1]).write(f"{method} {path} HTTP/1.1\r\n{self.head}{kind}\r\n{body}".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise Failed(f"{method} {path.split('?')[0].replace(self.tab, 'TAB')}: {head[9:12].decode()}")
        return head

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.plan.port)
        self.open.append(writer)
        return reader, writer


async def everybody(plan: Plan) -> Outcome:
    outcome, errors = Outcome(), Counter[str]()

    async def come(number: int) -> Visit:
        await asyncio.sleep(plan.seconds * number / len(plan.secrets))
        visit = Visit(plan, number, outcome)
        try:
            await visit.run()
        except Failed as error:
            errors[str(error)] += 1
        except Exception:  # a mistake of this file is an error of the benchmark too, and is shown
            traceback.print_exc()
            errors["client"] += 1
        return visit

    # Pages stay open to the end, as those of people do.
    for visit in await asyncio.gather(*(come(number) for number in range(len(plan.secrets)))):
        visit.leave()
    outcome.errors = dict(errors)
    outcome.cpu = time.process_time()
    return outcome


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plan = Plan(**json.load(sys.stdin))
    json.dump(asdict(asyncio.run(everybody(plan))), sys.stdout)


if __name__ == "__main__":
    main()
