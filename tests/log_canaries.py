"""Nothing sensitive in any log: what the whole run logged, at DEBUG and with every library heard, is swept at its end.

A pytest plugin. It listens beside the program's own sinks with the program's own rules (`app.log`), then looks through what
it heard and through every log file of the tests' folders for `CANARIES`, for values that many tests use, and for whatever
looks like a secret. A hit fails the run and names the test or file and the kind, never the line.

Tests that make data of a user take it from `CANARIES`, so that the sweep knows it.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any
from urllib.parse import quote, quote_plus

import pytest
from loguru import logger

from app import log

# Rare words without a sign that any encoding but base64 and hexadecimal would change.
CANARIES = {
    "question": "zqxquestion4711",
    "answer": "zqxanswer4711",
    "document text": "zqxdocument4711",
    "file name": "zqxfilename4711",
    "title": "zqxtitle4711",
    "e-mail": "zqxmail4711@example.com",
    "password": "zqxpassword 4711 & more",
    "provider key": "sk-zqxproviderkey4711",
    "client secret": "zqxclientsecret4711",
    "artist": "zqxartist4711",
    "profile": "zqxprofile4711",
    "local variable": "zqxlocal4711",
}
# What fixtures all over the tests use.
COMMON = {
    "password": ["three chords and the truth", "a longer song than before", "hunter2"],
    "client secret": ["a secret of the tests / with signs"],
    "words of a user": ["canary words of a user", "the-words-of-a-user"],
}
SHAPES = {
    "JWT": re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}"),
    "bearer": re.compile(rb"(?i)bearer [A-Za-z0-9._~+/-]{16,}"),
    "session cookie": re.compile(rb"aim_session=[A-Za-z0-9_-]{16,}"),
    "refresh token": re.compile(rb"\b[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
    "provider key": re.compile(rb"\bsk-[A-Za-z0-9-]{4,}"),
    "password hash": re.compile(rb"\$argon2"),
    "e-mail": re.compile(rb"[A-Za-z0-9._+-]+(?:@|%40)example\.(?:com|org)"),
}
LIBRARIES = (
    "httpx", "httpcore", "httpx2", "openai", "llama_index", "qdrant_client", "gradio", "uvicorn", "uvicorn.access", "asyncio",
    "authlib", "python_multipart", "fastapi", "alembic", "sqlalchemy.engine",
)  # fmt: skip


def encoded(value: str) -> set[bytes]:
    """`value` as a log may hold it: as it is, escaped for JSON and addresses, in hexadecimal, inside any base64."""
    raw = value.encode()
    forms = {raw, json.dumps(value)[1:-1].encode(), quote(value, safe="").encode(), quote_plus(value).encode()}
    forms |= {raw.hex().encode(), raw.hex().upper().encode()}
    for before in range(
        3
    ):  # what stands before decides how the bits fall; the signs shared with neighbours are cut off
        text = base64.b64encode(b"\0" * before + raw)
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        forms |= {text[first:last], text[first:last].replace(b"+", b"-").replace(b"/", b"_")}
    return forms


NEEDLES = [
    (kind, needle)
    for kind, values in [*((kind, [value]) for kind, value in CANARIES.items()), *COMMON.items()]
    for value in values
    for needle in sorted(encoded(value))
]


def kinds_in(text: bytes) -> list[str]:
    """Which kinds of secrets `text` holds."""
    found = {kind for kind, needle in NEEDLES if needle in text}
    return sorted(found | {kind for kind, shape in SHAPES.items() if shape.search(text)})


def log_files(folder: Path) -> Iterator[Path]:
    """Everything that is a log in `folder` and below; links are not followed."""
    for path in folder.rglob("*"):
        logged = path.parent.name == "logs" or ".log" in path.suffixes
        if logged and path.is_file() and not path.is_symlink():
            yield path


def sweep_files(folder: Path) -> list[str]:
    """`file: kind` for every log in `folder` that holds a secret."""
    return [f"{path.relative_to(folder)}: {kind}" for path in log_files(folder) for kind in kinds_in(path.read_bytes())]


class Listener:
    """Hears what the program would log, per test. Tests that set logging up anew take it away; the next one has it again."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._handler, self._level = log._Intercept(), logging.getLogger().level
        self._sink: int | None = None
        self.starts: list[tuple[int, str]] = []

    def begin(self, test: str) -> None:
        self.starts.append((self._file.tell(), test))
        if self._sink is None or self._sink not in logger._core.handlers:  # type: ignore[attr-defined]
            self._sink = logger.add(self._hear, level=0, format="{message}", diagnose=False, backtrace=False)
        for number, sink in list(logger._core.handlers.items()):  # type: ignore[attr-defined]
            # A terminal is shown for failed tests, without what libraries say at DEBUG.
            if type(sink._sink).__name__ == "StreamSink":
                logger.remove(number)
                logger.add(_show, filter=_own, diagnose=False, backtrace=False)
        root = logging.getLogger()
        if self._handler not in root.handlers:
            root.addHandler(self._handler)
        # SQLAlchemy keeps its own WARNING, for at DEBUG it tells every row; the server of the security tests has it.
        root.setLevel(logging.DEBUG)

    def _hear(self, message: Any) -> None:
        self._file.write(json.dumps(log._line(message.record), default=str).encode() + b"\n")

    def end(self) -> None:
        if self._sink is not None and self._sink in logger._core.handlers:  # type: ignore[attr-defined]
            logger.remove(self._sink)
        logging.getLogger().removeHandler(self._handler)
        logging.getLogger().setLevel(self._level)

    def hits(self) -> list[str]:
        """`test: kind` for every test that logged a secret."""
        with self._file:
            self._file.seek(0)
            text = self._file.read()
        if not kinds_in(text):
            return []
        ends = [*(start for start, _ in self.starts[1:]), len(text)]
        parts = ((test, text[start:end]) for (start, test), end in zip(self.starts, ends, strict=True))
        return [f"{test}: {kind}" for test, part in parts for kind in kinds_in(part)]


def _own(record: Any) -> bool:
    return bool(record["message"] != "library message")


def _show(message: str) -> None:
    sys.stderr.write(message)  # found anew: pytest replaces it for every test


_RUN: SimpleNamespace = SimpleNamespace(listener=None, hits=[], told=[], workers=0)


def pytest_sessionstart(session: pytest.Session) -> None:
    import tempfile

    _RUN.listener = Listener(tempfile.TemporaryFile())  # noqa: SIM115  # closed at the end of the run
    for shown in ("caplog_handler", "report_handler"):  # the root logger is at DEBUG now; pytest keeps showing warnings
        getattr(session.config.pluginmanager.get_plugin("logging-plugin"), shown).setLevel(logging.WARNING)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    _RUN.listener.begin(item.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    listener: Listener = _RUN.listener
    listener.end()
    _RUN.hits = [f"logged by {hit}" for hit in listener.hits()]
    folder = getattr(session.config._tmp_path_factory, "_basetemp", None)  # type: ignore[attr-defined]
    if folder is not None and not _RUN.workers:  # each worker has swept its own
        _RUN.hits += [f"in the file {hit}" for hit in sweep_files(folder)]
    _RUN.hits += _RUN.told
    if _RUN.hits:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["secrets"] = _RUN.hits


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Of pytest-xdist: a worker has ended, and what it found counts for the whole run; one that broke off swept nothing."""
    _RUN.workers += 1
    _RUN.told += getattr(node, "workeroutput", {}).get("secrets", [f"unknown: {node.gateway.id} broke off"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    report(terminalreporter.write_line, _RUN.hits)


def report(write: Any, hits: Sequence[str]) -> None:
    for line in _lines(hits):
        write(line)


def _lines(hits: Iterable[str]) -> list[str]:
    return [f"SECRET {hit}" for hit in hits]
