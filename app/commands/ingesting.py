"""Take files in, here or through the server that holds the data folder."""

from __future__ import annotations

import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.commands.console import open_data, print_json, say, settings_of
from app.config import Settings
from app.errors import AppError
from app.models import DELETING, FAILED, READY

if TYPE_CHECKING:
    from app.notebook import Manager
    from app.services.shapes import DocumentPublic

POLL_SECONDS = 0.5


def ingest(options: Namespace) -> int:
    from app.indexes.edge_engine import FolderHeld

    settings = settings_of(options)
    try:
        manager = open_data(options)
    except FolderHeld:
        documents = _queue(settings, options)
    else:
        with manager:
            documents = _with_progress(
                manager,
                lambda: manager.ingest(options.paths, kb=options.kb, user=_owner(options), artist=options.artist),
            )
    if options.json:
        print_json([document.model_dump(mode="json") for document in documents])
    else:
        for document in documents:
            detail = (
                f"{document.pages} pages, {document.chunks} passages" if document.status == READY else document.reason
            )
            say(f"{document.status:<7} {document.title}  ({detail})", sys.stdout)
    return 0 if all(document.status == READY for document in documents) else 1


def _owner(options: Namespace) -> str | None:
    if options.kb == "personal" and options.user is None:
        raise AppError(
            "Personal documents need an owner; add --user EMAIL, or --kb global for the industry knowledge base."
        )
    return str(options.user) if options.user else None


def _queue(settings: Settings, options: Namespace) -> list[DocumentPublic]:
    """A server holds the vectors: hand the files over through SQL and wait until it is done with them."""
    from app.main import open_accounts, open_database
    from app.notebook import files_of
    from app.principal import local_operator, system

    db = open_database(settings)
    _, users, documents = open_accounts(settings, db)
    owner = _owner(options)
    principal = (
        system("operator") if options.kb == "global" or owner is None else local_operator(users.by_email(owner).id)
    )
    if options.artist is not None:
        raise AppError("Stop the server to ingest for one artist from the command line, or upload in the browser.")
    taken = []
    for path in files_of(options.paths):
        with path.open("rb") as source:
            taken.append(documents.receive(principal, kb=options.kb, filename=path.name, source=source))
    say(f"Handed {len(taken)} files to the running server; waiting for it.")
    while True:
        now = [documents.get(principal, one.id) for one in taken]
        if all(one.status in (READY, FAILED, DELETING) for one in now):
            return now
        time.sleep(POLL_SECONDS)


def _with_progress(manager: Manager, work: Callable[[], list[DocumentPublic]]) -> list[DocumentPublic]:
    """Run `work`, telling on standard error how many documents still wait, where someone may be watching."""
    if not sys.stderr.isatty():
        return work()
    done = threading.Event()

    def tell() -> None:
        while not done.wait(1.0):
            sys.stderr.write(f"\r{manager.services.ingestion.waiting()} documents wait ... ")
            sys.stderr.flush()

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        return work()
    finally:
        done.set()
        teller.join()
        sys.stderr.write("\r" + " " * 40 + "\r")
