"""Take files in, here or through the server that holds the data folder."""

from __future__ import annotations

import sys
import threading
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from app.commands.console import open_data, print_json, say, settings_of
from app.config import Settings
from app.errors import AppError
from app.models import FAILED, READY

if TYPE_CHECKING:
    from app.principal import Principal
    from app.services.shapes import DocumentPublic

POLL_SECONDS = 0.5
BAR = 24  # characters of the progress bar


def ingest(options: Namespace) -> int:
    """0 when every file is ready; else 1, with a line for each that is not."""
    from app.indexes.edge_engine import FolderHeld

    settings = settings_of(options)
    try:
        manager = open_data(options)
    except FolderHeld:
        documents = _queue(settings, options)
    else:
        from app.notebook import at_present, files_of, take_in

        with manager:
            principal = manager.principal(_owner(options)) or _operator()
            artist = manager.artist_id(principal, options.artist) if options.kb == "personal" else None
            taken = take_in(manager.services.documents, principal, files_of(options.paths), options.kb, artist)
            with _Told(lambda: at_present(manager.services.documents, principal, taken)):
                manager.work()
            documents = at_present(manager.services.documents, principal, taken)
    if len(documents) == 1 and not documents[0].id:
        raise AppError(documents[0].reason or "")
    _report(documents, as_json=options.json)
    return 0 if all(document.status == READY for document in documents) else 1


def _report(documents: Sequence[DocumentPublic], *, as_json: bool) -> None:
    if as_json:
        print_json([document.model_dump(mode="json") for document in documents])
        return
    for document in documents:
        ready = document.status == READY
        detail = f"{document.pages} pages, {document.chunks} passages" if ready else document.reason
        say(f"{document.status:<7} {document.title}  ({detail})", sys.stdout)
    if len(documents) != 1:
        count = Counter(document.status for document in documents)
        say(", ".join(f"{number} {status}" for status, number in sorted(count.items())) or "No files here.")


def _owner(options: Namespace) -> str | None:
    if options.kb == "global":
        return None
    if options.user is None:
        raise AppError(
            "Personal documents need an owner; add --user EMAIL, or --kb global for the industry knowledge base."
        )
    return str(options.user)


def _queue(settings: Settings, options: Namespace) -> list[DocumentPublic]:
    """A server holds the vectors: hand the files over through SQL and wait until it is done with them."""
    from app.main import open_accounts, open_database
    from app.notebook import at_present, files_of, take_in
    from app.principal import local_operator

    with closing(open_database(settings)) as db:
        _, users, documents = open_accounts(settings, db)
        owner = _owner(options)
        principal = _operator() if owner is None else local_operator(users.by_email(owner).id)
        if options.artist is not None:
            raise AppError("Stop the server to ingest for one artist from the command line, or upload in the browser.")
        taken = take_in(documents, principal, files_of(options.paths), options.kb)
        say(f"Handed {sum(bool(one.id) for one in taken)} files to the running server; waiting for it.")
        with _Told(lambda: at_present(documents, principal, taken)):
            while not all(map(_ended, now := at_present(documents, principal, taken))):
                time.sleep(POLL_SECONDS)
        return now


def _operator() -> Principal:
    from app.principal import system

    return system("operator")


def _ended(document: DocumentPublic) -> bool:
    return document.status in (READY, FAILED)


class _Told:
    """While the block runs, a progress bar on standard error, where someone may be watching."""

    def __init__(self, look: Callable[[], list[DocumentPublic]]) -> None:
        self._look, self._done = look, threading.Event()
        self._teller = threading.Thread(target=self._tell, daemon=True)

    def __enter__(self) -> None:
        if sys.stderr.isatty():
            self._teller.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._teller.is_alive():
            self._teller.join()
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")

    def _tell(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            sys.stderr.write(f"\r\x1b[K{bar(self._look())}")
            sys.stderr.flush()


def bar(documents: Sequence[DocumentPublic]) -> str:
    """One line: how much is done, how many documents are at their end, which one is being read and how long it takes yet."""
    shares = [1.0 if _ended(one) else one.progress for one in documents]
    full = round(BAR * sum(shares) / max(1, len(shares)))
    line = f"[{'#' * full}{'.' * (BAR - full)}] {sum(map(_ended, documents))} of {len(documents)}"
    current = next((one for one in documents if not _ended(one) and one.detail), None)
    if current is None:
        return line
    left = (current.detail or {}).get("seconds_left")
    return f"{line}  {current.title[:40]}" + (f"  {left} s left" if left is not None else "")
