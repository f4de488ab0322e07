"""What each subcommand of `ai-manager` does. Each takes the parsed options and returns an exit code."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app import log
from app.config import Settings, load_settings, quiet_libraries
from app.errors import AppError
from app.models import DELETING, FAILED, READY

if TYPE_CHECKING:
    from app.notebook import Manager
    from app.services.shapes import DocumentPublic

POLL_SECONDS = 0.5


def serve(options: Namespace) -> int:
    settings = _settings(options, quiet=False)
    changes = {name: value for name in ("host", "port") if (value := getattr(options, name)) is not None}
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=changes)})
    from app import serve as web
    from app.main import create_app, prepare_data

    prepare_data(settings)
    with web.bind(settings.server.host, settings.server.port) as listener:
        first = not (settings.data.dir / "models").exists() or not any((settings.data.dir / "models").iterdir())
        if first:
            _say("Preparing the embedding model and the industry knowledge; this happens once.")
        app = create_app(settings)
        web.run(settings, app, listener, lambda address: _announce(settings, address, options.share))
    return 0


def ingest(options: Namespace) -> int:
    from app.indexes.edge_engine import FolderHeld

    settings = _settings(options)
    try:
        manager = _open(options)
    except FolderHeld:
        documents = _queue(settings, options)
    else:
        with manager:
            documents = _with_progress(
                manager,
                lambda: manager.ingest(options.paths, kb=options.kb, user=_owner(options), artist=options.artist),
            )
    if options.json:
        _print_json([document.model_dump(mode="json") for document in documents])
    else:
        for document in documents:
            detail = (
                f"{document.pages} pages, {document.chunks} passages" if document.status == READY else document.reason
            )
            _say(f"{document.status:<7} {document.title}  ({detail})", sys.stdout)
    return 0 if all(document.status == READY for document in documents) else 1


def search(options: Namespace) -> int:
    from app.services.shapes import SearchRequest

    with _open(options) as manager:
        principal = manager.principal(options.user)
        request = SearchRequest(
            query=options.query,
            top_k=options.top_k,
            intent=options.intent,
            documents=options.document,
            artist_id=manager.artist_id(principal, options.artist),
        )
        answer = asyncio.run(manager.services.search.search(principal, request, scores=options.scores))
    if options.json:
        _print_json(answer.model_dump(mode="json", exclude_none=not options.scores))
        return 0
    _say(f"intent {answer.intent}{' (direct)' if answer.direct else ''}, {answer.milliseconds:.0f} ms", sys.stdout)
    for place, hit in enumerate(answer.hits, start=1):
        ranks = ", ".join(f"{name} {rank}" for name, rank in hit.ranks.items())
        score = f", score {hit.score}" if options.scores else ""
        _say(
            f"\n{place}. {hit.title}, page {hit.page} ({hit.kb}; {ranks}{score})\n   {' '.join(hit.text.split())[:400]}",
            sys.stdout,
        )
    if not answer.hits:
        _say("Nothing found.", sys.stdout)
    return 0


def ask(options: Namespace) -> int:
    with _open(options) as manager:
        if options.user is None:
            response = manager.query_engine().query(options.question)
            _say(str(response), sys.stdout) if not options.json else _print_json({"text": str(response)})
            return 0
        from app.services.shapes import AskRequest

        principal = manager.principal(options.user)
        assert principal is not None
        request = AskRequest(text=options.question, artist_id=manager.artist_id(principal, options.artist))
        message = asyncio.run(manager.services.chat.answer(principal, request))
    if options.json:
        _print_json(message.model_dump(mode="json"))
        return 0
    _say(message.text, sys.stdout)
    for citation in message.citations:
        _say(
            f"\n[{citation.label}] {citation.title}, page {citation.page}: “{' '.join(citation.quote.split())}”",
            sys.stdout,
        )
    return 0


def reindex(options: Namespace) -> int:
    from app.reindex import reindex as run

    settings = _settings(options)
    log.configure(settings.log, settings.data.dir, terminal=False)
    for line in run(settings, model=options.model, rechunk=options.rechunk):
        _say(line)
    return 0


def users_add(options: Namespace) -> int:
    from app.main import open_accounts, open_database, prepare_data

    settings = _settings(options)
    prepare_data(settings)
    _, users, _ = open_accounts(settings, open_database(settings))
    user = users.add(options.email, _new_password(), "admin" if options.admin else "user")
    _say(f"Added {user.email} as {user.role}.")
    return 0


def users_list(options: Namespace) -> int:
    rows = _users(options).list()
    if options.json:
        _print_json([row.model_dump(mode="json") for row in rows])
    else:
        for row in rows:
            _say(f"{row.email}  {row.role}{'  disabled' if row.disabled else ''}", sys.stdout)
    return 0


def users_promote(options: Namespace) -> int:
    _users(options).promote(options.email)
    _say(f"{options.email} is an admin now.")
    return 0


def users_disable(options: Namespace) -> int:
    _users(options).disable(options.email, not options.enable)
    _say(f"{options.email} {'may sign in again' if options.enable else 'is locked out'}.")
    return 0


def users_reset_password(options: Namespace) -> int:
    users = _users(options)
    users.by_email(options.email)
    users.set_password(options.email, _new_password())
    _say(f"The password of {options.email} is changed; they are signed out everywhere.")
    return 0


def doctor(options: Namespace) -> int:
    from app.indexes.edge_engine import FolderHeld

    settings = _settings(options)
    try:
        with _open(options) as manager:
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
        _print_json(report)
    else:
        for name, part in report["components"].items():
            _say(
                f"{part['status']:<9} {name}  {part['milliseconds']} ms  {part.get('detail', '')}".rstrip(), sys.stdout
            )
    return 0 if report["status"] == "ok" else 1


def evaluate(options: Namespace) -> int:
    from app.evaluation import evaluate as run

    settings = _settings(options)
    log.configure(settings.log, settings.data.dir, terminal=False)
    report = run(settings, options.file, limit=options.limit, say=_say)
    if options.json:
        _print_json(report)
    else:
        for row in report["results"]:
            _say("  ".join(f"{key} {value}" for key, value in row.items()), sys.stdout)
    return 0


def backup(options: Namespace) -> int:
    from app.archive import backup as run

    _say(run(_settings(options), options.file))
    return 0


def restore(options: Namespace) -> int:
    from app.archive import restore as run

    _say(run(_settings(options), options.file))
    return 0


def _settings(options: Namespace, *, quiet: bool = True) -> Settings:
    settings = load_settings(options.config)
    quiet_libraries(settings.data.dir)
    if not quiet:
        log.configure(settings.log, settings.data.dir)
    return settings


def _open(options: Namespace) -> Manager:
    """The data folder with its log going to the file only: standard output belongs to the answer."""
    settings = _settings(options)
    settings.data.dir.mkdir(parents=True, exist_ok=True)
    log.configure(settings.log, settings.data.dir, terminal=False)
    from app.notebook import open_manager

    return open_manager(options.config)


def _users(options: Namespace) -> Any:
    from app.main import open_accounts, open_database, prepare_data

    settings = _settings(options)
    prepare_data(settings)
    return open_accounts(settings, open_database(settings))[1]


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
    _say(f"Handed {len(taken)} files to the running server; waiting for it.")
    while True:
        now = [documents.get(principal, one.id) for one in taken]
        if all(one.status in (READY, FAILED, DELETING) for one in now):
            return now
        time.sleep(POLL_SECONDS)


def _with_progress(manager: Manager, work: Callable[[], list[DocumentPublic]]) -> list[DocumentPublic]:
    """Run `work`, telling on standard error how many documents still wait, where someone may be watching."""
    if not sys.stderr.isatty():
        return work()
    import threading

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


def _new_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password (12 characters at least): ")
    if getpass.getpass("Once more: ") != password:
        raise AppError("The two passwords differ; start again.")
    return password


def _announce(settings: Settings, address: str, share: bool) -> None:
    _say(f"AI Manager is ready: {address}", sys.stdout)
    if share:
        import threading

        from app.share import open_tunnel

        threading.Thread(target=open_tunnel, args=(settings, address, _say), daemon=True).start()


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def _say(text: str, stream: Any = None) -> None:
    out = stream or sys.stderr
    out.write(text + "\n")
    out.flush()
