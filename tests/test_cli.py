from __future__ import annotations

import argparse
import hashlib
import importlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from sqlalchemy import update
from sqlmodel import select

from app import __version__, cli
from app.commands.ingesting import bar
from app.config import ROOT, SEED_DIR, AuthSettings, child_environment
from app.db import Database
from app.models import READY, Document, Stamp, User, now
from app.services.audit import AuditLog
from app.services.seed import SEEDED
from app.services.shapes import DocumentPublic
from app.services.users import UserService
from tests.documents import make_contract_pdf, make_docx

PASSWORD = "three chords and the truth"
QUICK = """
embeddings: [{name: bm25, provider: bm25, model: english, enabled: true}]
llm: {provider: none}
"""


@dataclass
class Terminal:
    """Runs `ai-manager` over one data folder, as a process of its own."""

    data: Path
    config: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        own = {"AIM_DATA__DIR": str(self.data), "AIM_LLM__PROVIDER": "none"}
        # Whatever a developer's .env says is set back.
        names = ("AIM_LLM__API_KEY", "AIM_LLM__BASE_URL", "AIM_VECTORS__URL", "AIM_DATABASE__URL")
        return child_environment() | dict.fromkeys(names, "") | own

    def command(self, *arguments: str | Path) -> list[str]:
        config = ["--config", str(self.config)] if self.config else []
        return [sys.executable, "-m", "app", *config, *map(str, arguments)]

    def run(self, *arguments: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=ROOT, env=self.environment, input=given, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    def json(self, *arguments: str | Path) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refusal(self, *arguments: str | Path, given: str = "") -> str:
        """The one sentence on standard error of a command that fails."""
        done = self.run(*arguments, given=given)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1, done.stderr
        return done.stderr.strip()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with BM25 alone: opens at once."""
    file = tmp_path_factory.mktemp("config") / "quick.yaml"
    file.write_text(QUICK)
    return file


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory, config: Path) -> Terminal:
    """A data folder with a user."""
    made = Terminal(tmp_path_factory.mktemp("cli") / "data", config)
    prepare(made.data)
    return made


def prepare(folder: Path) -> None:
    """A user, and the starter knowledge taken for loaded: these tests are not about it."""
    folder.mkdir(exist_ok=True)
    db = Database(f"sqlite:///{folder / 'ai_manager.db'}")
    db.migrate()
    UserService(db, AuditLog(b"k" * 32), AuthSettings()).add("anna@example.com", PASSWORD)
    with db.session() as session:
        for file in SEED_DIR.glob("*.md"):
            session.add(Stamp(key=SEEDED + file.name, value=hashlib.sha256(file.read_bytes()).hexdigest()))
    db.close()


# The command line itself


def parsers(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield (*path, name)
                yield from parsers(child, (*path, name))


COMMANDS = sorted(parsers(cli.build_parser()))


def test_the_commands_are_the_ones_of_the_design() -> None:
    named = "serve ingest search ask reindex users doctor eval backup restore"
    verbs = "add list promote disable reset-password"
    assert set(COMMANDS) == {(name,) for name in named.split()} | {("users", verb) for verb in verbs.split()}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([*command, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: ai-manager {' '.join(command)} ")
    assert len(out.splitlines()) > 4


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_its_function(command: tuple[str, ...]) -> None:
    if command == ("users",):
        return
    needed = {"ingest": ["x"], "search": ["x"], "ask": ["x"], "eval": ["x"], "backup": ["x"], "restore": ["x"]}
    emails = ["x"] if command[-1] in ("add", "promote", "disable", "reset-password") else []
    options = cli.build_parser().parse_args([*command, *needed.get(command[-1], emails)])
    module, name = options.run.split(":")
    assert callable(getattr(importlib.import_module(f"app.commands.{module}"), name))


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["users"], ["search"], ["ingest"], ["search", "x", "--intent", "y"]]
)
def test_what_is_no_command_is_told_with_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: ai-manager" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.strip() == __version__


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from app.cli import build_parser; build_parser()\n"
        "print([name for name in ('llama_index', 'gradio', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


# In this process


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[Terminal], Call]]:
    """Runs commands of a terminal here: exit code, standard output, standard error."""

    def at(terminal: Terminal) -> Call:
        for name, value in terminal.environment.items():
            monkeypatch.setenv(name, value)

        def run(*arguments: str | Path, given: str = "") -> tuple[int, str, str]:
            monkeypatch.setattr(sys, "stdin", io.StringIO(given))
            code = cli.main(["--config", str(terminal.config), *map(str, arguments)])
            return code, *capsys.readouterr()

        return run

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logger.remove()  # its first sink writes to standard error
    yield at
    logger.remove()
    logger.configure(patcher=lambda _: None)
    logger.add(sys.stderr)
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def call(tmp_path: Path, config: Path, here: Callable[[Terminal], Call]) -> Call:
    """Over an empty data folder."""
    return here(Terminal(tmp_path / "data", config))


# Accounts


def users(call: Call) -> dict[str, tuple[str, bool]]:
    code, out, _ = call("users", "list", "--json")
    assert code == 0
    return {user["email"]: (user["role"], user["disabled"]) for user in json.loads(out)}


def stored_hash(folder: Path, email: str) -> str:
    db = Database(f"sqlite:///{folder / 'data' / 'ai_manager.db'}")
    with db.reading() as session:
        [user] = session.exec(select(User).where(User.email == email)).all()
    db.close()
    return user.password_hash


def test_accounts_are_managed_from_the_command_line(call: Call, tmp_path: Path) -> None:
    assert users(call) == {}
    assert call("users", "add", "Anna@example.com", given=PASSWORD + "\n") == (
        0,
        "",
        "Added anna@example.com as user.\n",
    )
    assert call("users", "add", "root@example.com", "--admin", given=PASSWORD + "\n")[0] == 0
    assert users(call) == {"anna@example.com": ("user", False), "root@example.com": ("admin", False)}
    assert call("users", "promote", "anna@example.com") == (0, "", "anna@example.com is an admin now.\n")
    assert call("users", "disable", "root@example.com") == (0, "", "root@example.com is locked out.\n")
    assert users(call) == {"anna@example.com": ("admin", False), "root@example.com": ("admin", True)}
    assert call("users", "list")[1] == "anna@example.com  admin\nroot@example.com  admin  disabled\n"
    assert call("users", "disable", "--enable", "root@example.com")[0] == 0
    assert users(call)["root@example.com"] == ("admin", False)
    before = stored_hash(tmp_path, "anna@example.com")
    code, _, err = call("users", "reset-password", "anna@example.com", given="another good password\n")
    assert (code, err) == (0, "The password of anna@example.com is changed; they are signed out everywhere.\n")
    assert stored_hash(tmp_path, "anna@example.com") != before


def test_what_goes_wrong_with_accounts_is_one_sentence(call: Call, tmp_path: Path) -> None:
    call("users", "add", "anna@example.com", given=PASSWORD + "\n")
    before = stored_hash(tmp_path, "anna@example.com")
    unknown = "No user has this e-mail address; add one with 'ai-manager users add'.\n"
    for arguments, given, sentence in [
        (["add", "anna@example.com"], PASSWORD, "An account with this e-mail address exists already"),
        (["add", "ben@example.com"], "short", "12 to 128 characters"),
        (["add", "ben@example.com"], "", "12 to 128 characters"),
        (["add", "ben"], PASSWORD, "This is not an e-mail address"),
        (["promote", "ben@example.com"], "", unknown),
        (["disable", "ben@example.com"], "", unknown),
        (["reset-password", "ben@example.com"], PASSWORD, unknown),
        (["reset-password", "anna@example.com"], "short", "12 to 128 characters"),
    ]:
        code, out, err = call("users", *arguments, given=given + "\n")
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert sentence in err
    assert users(call) == {"anna@example.com": ("user", False)}
    assert stored_hash(tmp_path, "anna@example.com") == before


def test_wrong_settings_are_one_sentence(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIM_SERVER__PORT", "many")
    code, out, err = call("users", "list")
    assert (code, out) == (1, "")
    assert err.startswith("The setting 'server.port' in quick.yaml or the environment is wrong")
    monkeypatch.setenv("AIM_SERVER__PORT", "7860")
    monkeypatch.setenv("AIM_DATABASE__URL", "mysql://h/n")
    assert call("users", "list")[2].startswith("The setting 'database.url' is no address")
    monkeypatch.setenv("AIM_DATABASE__URL", "")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIM_DATA__DIR", str(tmp_path / "file"))
    assert "cannot be written (File exists); check data.dir and its rights." in call("users", "list")[2]


# Documents


def test_ingest_and_search_with_the_models_that_ship(tmp_path: Path, models_dir: Path) -> None:
    """The default configuration, MiniLM and BM25, in processes of their own."""
    terminal = Terminal(tmp_path / "data")
    prepare(terminal.data)
    (terminal.data / "models").symlink_to(models_dir, target_is_directory=True)
    folder = tmp_path / "mine"
    folder.mkdir()
    make_contract_pdf(folder / "Management deal.pdf")
    make_docx(folder / "bio.docx", ["She sings and produces as Night Ferry."])
    taken = terminal.json("ingest", folder, "--user", "anna@example.com")
    assert [(one["title"], one["status"], one["pages"]) for one in taken] == [
        ("Management deal", READY, 3),
        ("bio", READY, 1),
    ]
    found = terminal.json(
        "search",
        "What commission do I pay my manager?",
        "--user",
        "Anna@example.com",
        "--intent",
        "personal",
        "--scores",
    )
    first = found["hits"][0]
    assert (first["title"], first["kb"], first["document_id"]) == ("Management deal", "personal", taken[0]["id"])
    assert "seventeen and a half percent" in " ".join(first["text"].split())
    assert set(first["ranks"]) == {"minilm", "bm25"}
    assert first["score"] > found["hits"][1]["score"]
    log = (terminal.data / "logs" / "ai_manager.log").read_text()
    assert "document ready" in log
    for words in ("commission", "Night Ferry", "anna@example.com", "Management deal", "bio.docx"):
        assert words not in log


def test_what_was_ingested_twice_is_one_document_and_failures_are_told(
    terminal: Terminal, here: Callable[[Terminal], Call], tmp_path: Path
) -> None:
    (tmp_path / "note.md").write_text("# Rider\n\nTwo vegetarian meals.")
    (tmp_path / "blank.txt").write_text(" \n")
    call, mine = here(terminal), ("--user", "anna@example.com")
    assert call("ingest", tmp_path / "note.md", *mine) == (0, "ready   note  (1 pages, 1 passages)\n", "")
    code, out, err = call("ingest", tmp_path / "note.md", tmp_path / "blank.txt", *mine, "--json")
    assert (code, err) == (1, ""), "one failed"
    note, blank = json.loads(out)
    assert (note["status"], blank["status"]) == (READY, "failed")
    assert blank["reason"]
    code, out, _ = call("ingest", tmp_path / "note.md", "--kb", "global", "--json")
    [shared] = json.loads(out)
    assert (code, shared["kb"], shared["status"]) == (0, "global", READY)
    assert shared["id"] != note["id"]
    question = ("search", "vegetarian meals", *mine)
    code, out, _ = call(*question, "--document", note["id"], "--json")
    assert [hit["document_id"] for hit in json.loads(out)["hits"]] == [note["id"]]
    assert '"score"' not in out
    code, out, _ = call(*question, "--intent", "global", "--top-k", "1")
    assert code == 0
    assert "1. note, page 1 (global; bm25 1)\n" in out
    assert call("search", "passport")[1].endswith("Nothing found.\n")


def test_a_folder_is_taken_in_and_one_bad_file_sinks_none_of_the_others(
    terminal: Terminal, here: Callable[[Terminal], Call], tmp_path: Path
) -> None:
    folder = tmp_path / "papers"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("The first clause is about the tour.")
    (folder / "b.mp3").write_bytes(b"ID3")
    (folder / "c.txt").write_bytes(b"")
    (folder / "d.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (folder / "deep" / "e.md").write_text("# Rider\n\nTwo vegetarian meals, deep in the folder.")
    call = here(terminal)
    code, out, err = call("ingest", folder, "--kb", "global")
    lines = out.splitlines()
    assert code == 1
    assert lines[0] == "ready   a  (1 pages, 1 passages)"
    assert lines[1].startswith("failed  b.mp3  (Files of type '.mp3' cannot be read; these can: ")
    assert lines[2] == "failed  c.txt  (This file is empty; choose the one that holds the text.)"
    assert lines[3].startswith("failed  d  (")
    assert lines[4] == "ready   e  (1 pages, 1 passages)"
    assert err == "3 failed, 2 ready\n"
    code, out, _ = call("ingest", folder / "a.txt", folder / "deep", "--kb", "global", "--json")
    assert (code, [one["status"] for one in json.loads(out)]) == (0, [READY, READY])


def test_the_progress_bar_tells_how_much_is_done_and_what_is_read() -> None:
    def document(status: str, progress: float = 0.0, detail: dict[str, Any] | None = None) -> DocumentPublic:
        return DocumentPublic(
            id="d", title="Publishing deal", kb="personal", artist_id=None, standing="none", status=status,
            reason=None, progress=progress, pages=1, chunks=1, bytes=1, sha256="", created=now(), detail=detail,
        )  # fmt: skip

    assert bar([]) == f"[{'.' * 24}] 0 of 0"
    reading = document("embedding", 0.5, {"seconds_left": 12})
    assert bar([document(READY), document("failed"), reading, document("stored")]) == (
        f"[{'#' * 15}{'.' * 9}] 2 of 4  Publishing deal  12 s left"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["search", "x", "--user", "ben@example.com"],
            "No user has this e-mail address; add one with 'ai-manager users add'.",
        ),
        (
            ["ask", "x", "--user", "ben@example.com"],
            "No user has this e-mail address; add one with 'ai-manager users add'.",
        ),
        (["ingest", "config.yaml", "--user", "ben@example.com"], "No user has this e-mail address; add one with"),
        (["ingest", "config.yaml"], "Personal documents need an owner; add --user EMAIL"),
        (["ingest", "no/such/file.txt", "--kb", "global"], "There is no file at no/such/file.txt; check the path."),
        (["ingest", str(ROOT / "config.yaml"), "--kb", "global"], "Files of type '.yaml' cannot be read; these can: "),
        (["search", "x", "--document", "unknown"], "There is no such document."),
        (["search", "x", "--user", "anna@example.com", "--artist", "Nobody"], "There is no artist named 'Nobody'"),
        (["reindex", "--model", "unknown"], "There is no embedding model 'unknown' in config.yaml"),
        (["search", "x", "--top-k", "0"], "--top-k is out of bounds: Input should be greater than or equal to 1."),
        (["search", ""], "The question is empty or too long; type what you want to know."),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    terminal: Terminal, here: Callable[[Terminal], Call], arguments: list[str], sentence: str
) -> None:
    code, out, err = here(terminal)(*arguments)
    assert (code, out, err.count("\n")) == (1, "", 1), err
    assert err.startswith(sentence)


def test_while_another_process_holds_the_folder_search_says_so_and_ingest_is_handed_over(
    terminal: Terminal, here: Callable[[Terminal], Call], tmp_path: Path
) -> None:
    (tmp_path / "handed.txt").write_text("The merchandise table opens at seven.")
    code = (
        "import sys; from app.config import load_settings; from app.main import build_services; from app.worker import Worker\n"
        "services = build_services(load_settings(sys.argv[1])); worker = Worker(services); worker.start()\n"
        "print('holding', flush=True); sys.stdin.readline(); worker.stop(); services.close()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(terminal.config)], cwd=ROOT, env=terminal.environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        sentence = f"The data folder {terminal.data} is in use by another AI Manager; ask there (browser or REST), or stop it first."
        assert terminal.refusal("search", "x") == sentence
        done = terminal.run("ingest", tmp_path / "handed.txt", "--user", "anna@example.com", "--json")
        assert done.returncode == 0, done.stderr
        assert done.stderr == "Handed 1 files to the running server; waiting for it.\n"
        assert [one["status"] for one in json.loads(done.stdout)] == [READY]
        call = here(terminal)
        assert call("users", "list") == (0, "anna@example.com  user\n", ""), "accounts need no vectors"
        holder.communicate("end\n", timeout=30)
    exit_code, out, _ = call(
        "search", "merchandise table", "--user", "anna@example.com", "--intent", "personal", "--json"
    )
    assert exit_code == 0
    assert json.loads(out)["hits"][0]["title"] == "handed"


def test_a_killed_ingest_is_finished_by_the_next_command(
    terminal: Terminal, here: Callable[[Terminal], Call], tmp_path: Path
) -> None:
    """SIGKILL in the middle of the work; the lease it leaves is made to run out."""
    text = "\n\n".join(f"Clause {number}: the gannet pays {number} euros." * 20 for number in range(3000))
    (tmp_path / "long.txt").write_text(text)
    db = Database(f"sqlite:///{terminal.data / 'ai_manager.db'}")

    def states() -> set[str]:
        with db.reading() as session:
            return set(session.exec(select(Document.status).where(Document.filename == "long.txt")).all())

    work = subprocess.Popen(
        terminal.command("ingest", tmp_path / "long.txt", "--user", "anna@example.com"), cwd=ROOT,
        env=terminal.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not states() & {"parsing", "embedding", "indexing"} and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(work.pid, signal.SIGKILL)
    work.wait()
    assert states() <= {"parsing", "embedding", "indexing"}, "killed in the middle"
    with db.session() as session:
        session.execute(update(Document).values(lease_until=datetime(2000, 1, 1, tzinfo=UTC)))
    db.close()
    code, out, _ = here(terminal)("search", "gannet", "--user", "anna@example.com", "--intent", "personal", "--json")
    assert code == 0
    assert json.loads(out)["hits"][0]["title"] == "long"
