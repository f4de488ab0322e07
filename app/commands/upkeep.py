"""Look after an installation."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace

from app import log
from app.commands.console import open_data, print_json, say, settings_of
from app.errors import AppError


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
    if options.json:
        print_json(report)
    else:
        for name, part in report["components"].items():
            say(f"{part['status']:<9} {name}  {part['milliseconds']} ms  {part.get('detail', '')}".rstrip(), sys.stdout)
    return 0 if report["status"] == "ok" else 1


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
