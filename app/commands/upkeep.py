"""Look after an installation."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import Namespace
from typing import Any

from app import log
from app.commands.console import open_data, print_json, say, settings_of
from app.config import Settings, child_environment
from app.errors import AppError
from app.indexes.ocr import languages_of
from app.indexes.sandbox import find_tesseract


def reindex(options: Namespace) -> int:
    from app.reindex import reindex as run

    settings = settings_of(options)
    log.configure(settings.log, settings.data.dir, terminal=False)
    for line in run(settings, model=options.model, rechunk=options.rechunk):
        say(line)
    return 0


def doctor(options: Namespace) -> int:
    from app.indexes.edge_engine import FolderHeld

    settings = settings_of(options)
    try:
        with open_data(options) as manager:
            report = asyncio.run(manager.services.health.report())
    except FolderHeld:
        import httpx

        address = f"http://{settings.server.host}:{settings.server.port}/api/health"
        try:
            report = httpx.get(address, timeout=10).json()
        except (httpx.HTTPError, ValueError):
            raise AppError(
                f"A server holds the data folder but does not answer at {address}; is it on another port?"
            ) from None
    report["components"]["text_recognition"] = _text_recognition(settings)
    if options.json:
        print_json(report)
    else:
        for name, part in report["components"].items():
            say(f"{part['status']:<9} {name}  {part['milliseconds']} ms  {part.get('detail', '')}".rstrip(), sys.stdout)
    return 0 if report["status"] == "ok" else 1


def _text_recognition(settings: Settings) -> dict[str, Any]:
    """Whether scans and photographs can be read on this machine, in the languages that are set."""
    began = time.perf_counter()
    tesseract = find_tesseract(child_environment())
    known = languages_of(tesseract) if tesseract else []
    missing = [one for one in settings.ingestion.ocr_languages.split("+") if one not in known]
    if tesseract is None:
        status, detail = "off", "Scans and photographs are not read; install Tesseract (package tesseract-ocr)."
    elif missing:
        status = "degraded"
        detail = f"Tesseract has no data for {', '.join(missing)}; install it or change ingestion.ocr_languages."
    else:
        status, detail = "ok", f"Tesseract reads {settings.ingestion.ocr_languages}."
    return {"status": status, "milliseconds": round((time.perf_counter() - began) * 1000, 2), "detail": detail}


def evaluate(options: Namespace) -> int:
    from app.evaluation import evaluate as run

    settings = settings_of(options)
    log.configure(settings.log, settings.data.dir, terminal=False)
    report = run(settings, options.file, limit=options.limit, say=say)
    if options.json:
        print_json(report)
    else:
        for row in report["results"]:
            say("  ".join(f"{key} {value}" for key, value in row.items()), sys.stdout)
    return 0


def backup(options: Namespace) -> int:
    from app.archive import backup as run

    say(run(settings_of(options), options.file))
    return 0


def restore(options: Namespace) -> int:
    from app.archive import restore as run

    say(run(settings_of(options), options.file))
    return 0
