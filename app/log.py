"""Logging: JSON lines to `logs/ai_manager.log` in the data folder, readable lines to the terminal, one request id through all layers.

Records hold ids, sizes, durations and codes (design rule 8): whatever else is bound to a record is dropped by `FIELDS`.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loguru import logger

from app.config import LogSettings

if TYPE_CHECKING:
    from loguru import Message, Record

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# What a record may carry beside its event name. Free text is not among them.
FIELDS = frozenset(
    """
    request_id user_id document_id conversation_id message_id trace_id kb model collection generation intent
    direct state status code method route milliseconds seconds count chunks pages points bytes attempt
    retry_after error version suffix port dropped outcome provider orphan missing tried deltas faults
    orphan_points missing_points stale_chunks stray_files missing_files
    """.split()
)


def configure(settings: LogSettings, data_dir: Path, *, terminal: bool = True) -> None:
    """Replace every sink: the file in `data_dir`, the terminal if asked, and the standard library's loggers routed here."""
    logger.remove()
    logger.configure(patcher=_patch)
    (data_dir / "logs").mkdir(parents=True, exist_ok=True)
    logger.add(
        data_dir / "logs" / "ai_manager.log",
        level=settings.level,
        format=lambda _: "{extra[json]}\n",  # a text instead of a function would have the traceback appended
        rotation=settings.rotation,
        retention=settings.keep,
        encoding="utf-8",
        diagnose=False,
        backtrace=False,
        catch=True,
    )
    if terminal:
        logger.add(_to_terminal, level=settings.level, format="{message}", diagnose=False, backtrace=False)
    logging.basicConfig(handlers=[_Intercept()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)


def tame() -> None:
    """Where nobody configured logging (notebooks, accounts on the command line), replace loguru's own first sink, which
    shows the values of local variables, by the readable lines of the terminal. Sinks of others are left alone.
    """
    with suppress(ValueError):  # it is gone already
        logger.remove(0)
        logger.add(_to_terminal, level="WARNING", format="{message}", diagnose=False, backtrace=False)


def catch_strays() -> None:
    """Make records of what nobody catches in threads and finalisers: Python prints its text, maybe a user's words."""
    threading.excepthook = lambda stray: _stray(stray.exc_type, stray.exc_value, "thread")
    sys.unraisablehook = lambda stray: _stray(stray.exc_type, stray.exc_value, "finaliser")


def _stray(kind: type[BaseException] | None, error: BaseException | None, place: str) -> None:
    logger.bind(code=place, error=kind.__name__ if kind else None).opt(exception=error).error("nobody caught this")


def _patch(record: Record) -> None:
    record["extra"]["request_id"] = request_id.get()
    record["extra"]["json"] = json.dumps(_line(record), default=str)


def _line(record: Record) -> dict[str, Any]:
    line: dict[str, Any] = {
        "at": record["time"].isoformat(),
        "level": record["level"].name,
        "event": record["message"],
        "module": record["name"],
    }
    line |= {key: value for key, value in record["extra"].items() if key in FIELDS}
    if record["exception"] is not None and record["exception"].type is not None:
        line["error"] = record["exception"].type.__name__
        line["where"] = _where(record["exception"].traceback)
    return line


def _where(traceback: Any) -> str:
    """File and line of the innermost frame: an exception's own text may hold a user's words."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return ""
    return f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"


def _to_terminal(message: Message) -> None:
    line = _line(message.record)
    known = {key: line.pop(key) for key in ("at", "level", "event", "module")}
    rest = " ".join(f"{key}={value}" for key, value in line.items() if value != "-")
    text = f"{known['at'][11:19]} {known['level']:<7} {known['event']} {rest}".rstrip()
    # No line end or colour of a value can forge a line or steer a terminal.
    sys.stderr.write("".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text) + "\n")


class _Intercept(logging.Handler):
    """Hands standard-library records to loguru without their arguments' values: the logger's name and level stay."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname if record.levelname in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL") else "INFO"
        bound = logger.bind(
            code=record.name, error=record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        )
        bound.log(level, "library message")
