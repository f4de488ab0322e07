"""E2, E3 and what holds for every line of code that logs: a failure says its kind and place, never a value."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlmodel
from loguru import logger

from app import log
from app.api.errors import UNEXPECTED
from app.config import ROOT, LogSettings
from app.indexes.store import KnowledgeStore
from app.llms import ChatModel
from app.principal import Principal
from app.services import ingestion
from app.services.conversations import ConversationService
from app.services.profiles import ProfileService
from app.services.services import Services
from app.services.shapes import AskRequest, SearchRequest
from app.ui.shared import WENT_WRONG
from tests.api.conftest import make_app, serve
from tests.log_canaries import CANARIES, kinds_in
from tests.openai_server import OpenAIServer
from tests.ui.support import new_user

SECRET = CANARIES["local variable"]


@pytest.fixture
def logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Logging as in the running program, at DEBUG, to a file and the terminal; all that was written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.configure(LogSettings(level="DEBUG"), tmp_path)
    root.setLevel(logging.DEBUG)
    yield lambda: (tmp_path / "logs" / "ai_manager.log").read_text(encoding="utf-8") + "".join(capsys.readouterr())
    logger.remove()
    logger.configure(patcher=lambda _: None)
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level


def broken(*_: Any, **__: Any) -> Any:
    held = {"api_key": SECRET, "text": [SECRET]}
    raise RuntimeError(f"cannot {SECRET} {held}")


async def broken_later(*_: Any, **__: Any) -> Any:
    broken()


@pytest.fixture(scope="module")
def asker(services_with_model: tuple[Services, OpenAIServer]) -> tuple[Services, Principal]:
    services, _ = services_with_model
    who = new_user(services)
    text = io.BytesIO(b"The term of the agreement is six years.")
    services.documents.receive(who, kb="personal", filename="deal.txt", source=text)
    services.ingestion.run_all()
    return services, who


PARTS: dict[str, tuple[Any, str, Any]] = {
    "language model": (ChatModel, "_first", broken_later),
    "intent": (ChatModel, "complete", broken_later),
    "database": (sqlmodel.Session, "commit", broken),
    "vectors": (KnowledgeStore, "search", broken),
    "parser": (ingestion, "read_in_child", broken),
}


@pytest.mark.parametrize("part", PARTS)
def test_e2_a_failing_part_tells_its_kind_and_place_only(
    asker: tuple[Services, Principal], logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    services, who = asker
    source = io.BytesIO(f"Something about {part}.".encode())
    if part == "parser":
        services.documents.receive(who, kb="personal", filename="other.txt", source=source)
    monkeypatch.setattr(*PARTS[part])
    told = []
    for act in (
        lambda: asyncio.run(services.chat.answer(who, AskRequest(text="What is the term of my agreement?"))),
        lambda: asyncio.run(services.search.search(who, SearchRequest(query="the term of my agreement"))),
        lambda: services.ingestion.run_once(),
    ):
        try:
            act()
        except Exception as error:  # what reaches the doors is theirs to tell; here the log is looked at
            told.append(error)
            logger.opt(exception=error).error("request failed")  # as both doors do
    text = logged()
    assert '"error": "RuntimeError"' in text
    assert "test_e_failures.py:" in text, "the place is told"
    assert kinds_in(text.encode()) == []


def test_e2_what_nobody_catches_is_a_record(logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(module, name, getattr(module, name))
    log.catch_strays()

    class Odd:
        def __del__(self) -> None:
            broken()

    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()
    del_me = Odd()
    del del_me
    text = logged()
    assert text.count('"event": "nobody caught this"') == 2
    assert kinds_in(text.encode()) == []


def test_e2_e4_libraries_are_heard_without_a_value(logged: Callable[[], str]) -> None:
    for name in (
        "httpx",
        "openai",
        "llama_index.core",
        "qdrant_client",
        "gradio",
        "uvicorn.access",
        "sqlalchemy.engine",
    ):
        library = logging.getLogger(name)
        library.debug("POST %s", SECRET, extra={"body": SECRET})
        try:
            broken()
        except RuntimeError:
            library.exception("failed with %s", SECRET)
    text = logged()
    assert text.count('"code": "qdrant_client"') >= 1
    assert kinds_in(text.encode()) == []


def test_e2_no_sink_shows_values(logged: Callable[[], str]) -> None:
    sinks = list(logger._core.handlers.values())  # type: ignore[attr-defined]
    assert len(sinks) == 2
    for sink in sinks:
        assert sink._exception_formatter._diagnose is False
        assert sink._exception_formatter._backtrace is False


def test_e2_where_nobody_set_logging_up_no_sink_shows_values_either() -> None:
    """Notebooks and the accounts' commands: in a process of its own, where loguru's first sink still stands."""
    import subprocess

    code = (
        "from loguru import logger; from app import log; log.tame(); log.tame()\n"
        f"def fail(held='{SECRET}'): raise ValueError(held)\n"
        "try: fail()\nexcept ValueError: logger.exception('failed')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=True)
    assert done.stderr.count(b"failed") == 1
    assert b"ValueError" in done.stderr
    # The program's text stands in a traceback's source lines, so that the value alone is looked for.
    assert SECRET.encode() not in done.stderr


CALLS = {"trace", "debug", "info", "success", "warning", "error", "critical", "exception"}


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    for file in sorted((ROOT / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def test_e1_every_record_is_a_fixed_event_with_listed_fields() -> None:
    """Nobody can write a value into the words of a record, and no sink is added that shows values."""
    wrong, seen = [], 0
    for place, call in log_calls():
        assert isinstance(call.func, ast.Attribute)
        source = ast.unparse(call.func.value)
        ours = re.match(r"(logger|log|bound)\b", source) and not source.startswith("logging")
        if not ours:
            continue
        if call.func.attr in CALLS:
            seen += 1
            fixed = len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and not call.keywords
            wrong += [] if fixed else [f"{place}: the event is no fixed text"]
        if call.func.attr == "bind":
            unknown = {str(keyword.arg) for keyword in call.keywords} - log.FIELDS
            wrong += [f"{place}: {name}" for name in unknown]
        if call.func.attr == "add" and source == "logger":
            shut = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            if (shut.get("diagnose"), shut.get("backtrace")) != ("False", "False"):
                wrong.append(f"{place}: a sink that may show values")
    assert wrong == []
    assert seen > 25


@pytest.fixture(scope="module")
def door(services: Services) -> Iterator[httpx.Client]:
    """The whole application over HTTP, and a browser that is signed in."""
    who = services.users.add("dana.of.e3@example.com", "three chords and the truth")
    app = asyncio.run(make_app(services.settings, services))
    with serve(app) as url, httpx.Client(base_url=url, headers={"Origin": url}, trust_env=False, timeout=30) as client:
        client.post("/login", data={"email": who.email, "password": "three chords and the truth"})
        assert client.get("/api/profile").status_code == 200
        yield client


def test_e3_a_bug_is_one_sentence_and_an_id_by_rest(
    door: httpx.Client, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProfileService, "get", broken)
    answer = door.get("/api/profile")
    assert answer.status_code == 500
    body = answer.json()
    assert (body["error"], body["detail"]) == ("internal", UNEXPECTED)
    assert body["request_id"] == answer.headers["x-request-id"]
    text = logged()
    assert body["request_id"] in text, "whoever runs the server finds it"
    assert kinds_in(answer.content + text.encode()) == []


def event_of(door: httpx.Client, data: list[Any], choose: Callable[[Any], bool]) -> Any:
    """Run the first event of the pages that `choose` accepts; its last message, and the id of its request."""
    event = next(one for one in door.get("/app/config").json()["dependencies"] if choose(one))
    body = {"session_hash": "tabofe3", "fn_index": event["id"], "data": data}
    joined = door.post("/app/gradio_api/queue/join", json=body)
    assert joined.status_code == 200, joined.text
    with door.stream("GET", "/app/gradio_api/queue/data", params={"session_hash": "tabofe3"}) as heard:
        for line in heard.iter_lines():
            if "process_completed" in line:
                return json.loads(line.removeprefix("data: ")), joined.headers["x-request-id"]
    raise AssertionError("the event did not end")


def test_e3_and_by_gradio(door: httpx.Client, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ConversationService, "conversations", broken)

    def loads(event: dict[str, Any]) -> bool:
        return any(target[1] == "load" for target in event["targets"]) and len(event["inputs"]) == 1

    message, request_id = event_of(door, [None], loads)
    assert message["success"] is False
    assert WENT_WRONG in message["output"]["error"]
    assert request_id in message["output"]["error"]
    text = logged()
    assert request_id in text
    assert kinds_in((json.dumps(message) + text).encode()) == []


def test_e1_a_value_gradio_itself_refuses_is_not_printed(door: httpx.Client, logged: Callable[[], str]) -> None:
    event = {"session_hash": "tabofe1", "data": [SECRET]}  # one value too few
    for dependency in door.get("/app/config").json()["dependencies"]:
        if len(dependency["inputs"]) != 2:
            continue
        door.post("/app/gradio_api/queue/join", json={**event, "fn_index": dependency["id"]})
        with door.stream("GET", "/app/gradio_api/queue/data", params={"session_hash": "tabofe1"}) as heard:
            next((line for line in heard.iter_lines() if "process_completed" in line), None)
    text = logged()
    assert "page event failed" in text, "Gradio refused what it was given"
    assert kinds_in(text.encode()) == []
