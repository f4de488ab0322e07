"""The console script `ai-manager`: parses, calls one function in `app.commands`, prints, and turns errors into one sentence."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from app import __version__
from app.errors import AppError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 when it did what was asked, 1 with one sentence on standard error when not."""
    options = build_parser().parse_args(arguments)
    os.umask(0o077)  # what this program writes is its owner's alone
    module, name = options.run.split(":")
    try:
        # Heavy parts load only after the command line was understood.
        return int(getattr(importlib.import_module(f"app.commands.{module}"), name)(options))
    except AppError as error:
        sys.stderr.write(error.sentence + "\n")
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
    except BrokenPipeError:
        sys.stderr.close()
    return 1


def build_parser() -> argparse.ArgumentParser:
    """The whole command line (design 6)."""
    parser = argparse.ArgumentParser(prog="ai-manager", description="Cited answers for people who make music.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--config", type=Path, help="another configuration file than config.yaml")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = _add(commands, "serve", "start the web application", run="serving:serve")
    serve.add_argument("--host", help="address to listen on (server.host)")
    serve.add_argument("--port", type=int, help="port to listen on (server.port)")
    serve.add_argument("--share", action="store_true", help="also open a public demo link through Gradio's tunnel")

    ingest = _add(commands, "ingest", "take files or folders in", run="ingesting:ingest")
    ingest.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    ingest.add_argument("--kb", choices=("personal", "global"), default="personal")
    _user(ingest)
    ingest.add_argument("--artist", help="whom of the roster the files are about")
    _json(ingest)

    search = _add(commands, "search", "find passages", run="asking:search")
    search.add_argument("query", metavar="QUERY")
    _user(search)
    search.add_argument("--artist", help="limit to one artist of the roster")
    search.add_argument("--document", action="append", metavar="ID", help="limit to this document; may be repeated")
    search.add_argument("--top-k", type=int, default=8)
    search.add_argument("--intent", choices=("personal", "global", "hybrid"), help="instead of finding out")
    search.add_argument("--scores", action="store_true", help="show similarity scores")
    _json(search)

    ask = _add(commands, "ask", "ask a question", run="asking:ask")
    ask.add_argument("question", metavar="QUESTION")
    _user(ask)
    ask.add_argument("--artist", help="limit to one artist of the roster")
    _json(ask)

    reindex = _add(commands, "reindex", "make vectors anew from the stored text", run="upkeep:reindex")
    reindex.add_argument("--model", help="only this embedding model")
    reindex.add_argument("--rechunk", action="store_true", help="cut the documents anew first")

    users = _add(commands, "users", "manage accounts", run="")
    verbs = users.add_subparsers(required=True, metavar="ACTION")
    add = _add(verbs, "add", "add a user; the password is asked for, or read from standard input", run="accounts:add")
    add.add_argument("email", metavar="EMAIL")
    add.add_argument("--admin", action="store_true")
    _json(_add(verbs, "list", "list users", run="accounts:list_"))
    for name, text in (
        ("promote", "make a user an admin"),
        ("disable", "lock a user out; --enable lets them in again"),
        ("reset-password", "set a new password and sign the user out everywhere"),
    ):
        verb = _add(verbs, name, text, run=f"accounts:{name.replace('-', '_')}")
        verb.add_argument("email", metavar="EMAIL")
        if name == "disable":
            verb.add_argument("--enable", action="store_true")

    _json(_add(commands, "doctor", "check the installation", run="upkeep:doctor"))

    evaluate = _add(
        commands, "eval", "measure retrieval on a labelled file, against the stock parts", run="upkeep:evaluate"
    )
    evaluate.add_argument("file", type=Path, metavar="FILE")
    evaluate.add_argument("--limit", type=int, help="only the first so many questions")
    _json(evaluate)

    _add(commands, "backup", "write everything into one archive", run="upkeep:backup").add_argument(
        "file", type=Path, metavar="FILE"
    )
    _add(commands, "restore", "bring an archive back into an empty data folder", run="upkeep:restore").add_argument(
        "file", type=Path, metavar="FILE"
    )
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, *, run: str = ""
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", metavar="EMAIL", help="whose documents")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
