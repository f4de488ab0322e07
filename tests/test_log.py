from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from app import log
from app.config import LogSettings

CANARY = "canary words of a user"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Lines]:
    """Configures logging into a folder and reads it back; everything is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.configure(LogSettings(level="DEBUG"), tmp_path, terminal=False)

    def read() -> list[dict[str, Any]]:
        text = (tmp_path / "logs" / "ai_manager.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    yield read
    logger.remove()
    logger.configure(patcher=lambda _: None)
    logger.add(sys.stderr)
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level


def test_each_record_is_one_line_of_json(lines: Lines) -> None:
    logger.bind(document_id="d1", chunks=3, milliseconds=1.5, missing=["bge"]).info("document ready")
    logger.warning("worker waits")
    first, second = lines()
    assert first.pop("at").endswith("+00:00")
    assert first == {
        "level": "INFO", "event": "document ready", "module": "tests.test_log", "request_id": "-",
        "document_id": "d1", "chunks": 3, "milliseconds": 1.5, "missing": ["bge"],
    }  # fmt: skip
    assert (second["level"], second["event"]) == ("WARNING", "worker waits")


def test_only_allowed_fields_are_written(lines: Lines) -> None:
    logger.bind(text=CANARY, question=CANARY, email=CANARY, title=CANARY, user_id="u1").info("event")
    [line] = lines()
    assert "canary" not in json.dumps(line)
    assert line["user_id"] == "u1"
    assert not log.FIELDS & {
        "text",
        "question",
        "answer",
        "email",
        "title",
        "name",
        "filename",
        "token",
        "path",
        "query",
    }


def test_an_exception_is_its_kind_and_place_without_its_words(lines: Lines, tmp_path: Path) -> None:
    def fail() -> None:
        secret = CANARY
        raise ValueError(f"cannot read {secret!r}")

    try:
        fail()
    except ValueError:
        logger.bind(document_id="d1").opt(exception=True).error("ingestion failed")
        logger.exception("again")
    for line in lines():
        assert line["error"] == "ValueError"
        assert line["where"].startswith("test_log.py:")
    assert "canary" not in (tmp_path / "logs" / "ai_manager.log").read_text(encoding="utf-8")


def test_an_exception_caused_by_another_and_one_without_traceback(lines: Lines) -> None:
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise RuntimeError(CANARY) from error
    except RuntimeError:
        logger.opt(exception=True).error("both")
    logger.opt(exception=RuntimeError(CANARY)).error("bare")
    both, bare = lines()
    assert (both["error"], bare["error"], bare["where"]) == ("RuntimeError", "RuntimeError", "")
    assert "canary" not in json.dumps([both, bare])


def test_braces_quotes_and_line_ends_cannot_forge_a_record(lines: Lines) -> None:
    logger.bind(code='"}\n{"level": "INFO"', route="{extra} <red>").info("event")
    [line] = lines()
    assert line["code"] == '"}\n{"level": "INFO"'
    assert line["route"] == "{extra} <red>"


def test_the_request_id_goes_through_all_layers(lines: Lines) -> None:
    def layer() -> None:
        logger.info("below")

    token = log.request_id.set("r1")
    layer()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, layer).result()
    log.request_id.reset(token)
    layer()
    assert [line["request_id"] for line in lines()] == ["r1", "r1", "-"]


def test_a_bound_request_id_does_not_pass_for_the_real_one(lines: Lines) -> None:
    logger.bind(request_id="forged").info("event")
    assert lines()[0]["request_id"] == "-"


def test_libraries_are_heard_without_their_words(lines: Lines, tmp_path: Path) -> None:
    logging.getLogger("httpx").warning("POST %s", CANARY)
    logging.getLogger("httpx").info("quiet")
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("sqlalchemy").exception(CANARY)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(CANARY, stacklevel=1)
    told = [(line["level"], line["event"], line["code"], line["error"]) for line in lines()]
    assert told == [
        ("WARNING", "library message", "httpx", None),
        ("ERROR", "library message", "sqlalchemy", "ValueError"),
        ("WARNING", "library message", "py.warnings", None),
    ]
    assert "canary" not in (tmp_path / "logs" / "ai_manager.log").read_text(encoding="utf-8")


def test_a_level_of_a_library_that_nobody_knows_is_info(lines: Lines) -> None:
    logging.addLevelName(35, "NOTICE")
    logging.getLogger("odd").log(35, "x")
    assert lines()[0]["level"] == "INFO"


def test_the_terminal_gets_readable_lines_with_the_same_rules(
    tmp_path: Path, lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure(LogSettings(level="INFO"), tmp_path)
    logger.debug("unseen")
    try:
        raise ValueError(CANARY)
    except ValueError:
        logger.bind(document_id="d1", text=CANARY).opt(exception=True).error("ingestion failed")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert " ERROR   ingestion failed document_id=d1 error=ValueError where=test_log.py:" in err
    assert "canary" not in err


def test_the_level_of_the_settings_holds_for_the_file(tmp_path: Path, lines: Lines) -> None:
    log.configure(LogSettings(level="WARNING"), tmp_path, terminal=False)
    logger.info("unseen")
    logger.warning("seen")
    assert [line["event"] for line in lines()] == ["seen"]


def test_configuring_again_replaces_the_sinks(tmp_path: Path, lines: Lines) -> None:
    log.configure(LogSettings(), tmp_path, terminal=False)
    logger.info("once")
    assert len(lines()) == 1


def test_the_file_is_rotated_and_old_ones_are_removed(tmp_path: Path, lines: Lines) -> None:
    log.configure(LogSettings(rotation="2 KB", keep=2), tmp_path, terminal=False)
    for number in range(100):
        logger.bind(count=number).info("event")
    assert 2 <= len(list((tmp_path / "logs").iterdir())) <= 3
    assert lines()[-1]["count"] == 99
