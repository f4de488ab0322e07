"""The first start on a terminal, in a container and behind a pipe: real processes, a real pseudo-terminal."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.commands import first_start
from app.config import ROOT
from app.db import Database
from app.models import User
from app.services.audit import AuditLog
from app.services.users import UserService
from tests.conftest import settings_in
from tests.test_cli import Terminal, config

__all__ = ["config"]

PASSWORD = "three chords and the truth"
PATIENCE = 90.0  # for a loaded machine


# The leader of a session takes the first terminal that it opens.
IN_FRONT = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"


class Screen:
    """A command as the foreground process of a terminal of its own."""

    def __init__(self, *command: str, env: dict[str, str] | None = None) -> None:
        self.end, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_FRONT, *command], cwd=ROOT, env=env, start_new_session=True, stdin=theirs,
            stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        self.text = ""

    def wait_for(self, words: str) -> None:
        """Read on until these words come; what was read is forgotten then."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.text:
            ready = select.select([self.end], [], [], max(0, deadline - time.monotonic()))[0]
            assert ready, f"{words!r} did not come: {self.text!r}"
            self.text += os.read(self.end, 65_536).decode(errors="replace")
        self.text = self.text.partition(words)[2]

    def type(self, line: str) -> None:
        os.write(self.end, line.encode() + b"\n")

    def close(self) -> None:
        """The terminal goes, and with it whatever runs there."""
        os.close(self.end)
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()


OFFER = """
import sys
from pathlib import Path
from app.commands import first_start
from app.config import load_settings
first_start.WAIT_SECONDS = float(sys.argv[2])
first_start.offer_admin(load_settings(env={}, data={"dir": sys.argv[1]}))
print("served")
import time; time.sleep(60)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def screen(data: Path, request: pytest.FixtureRequest) -> Iterator[Screen]:
    opened = Screen(sys.executable, "-c", OFFER, str(data), str(getattr(request, "param", 60)))
    yield opened
    opened.close()


def people(data: Path) -> list[tuple[str, str]]:
    db = Database(f"sqlite:///{data / 'ai_manager.db'}")
    users = UserService(db, AuditLog(b"k" * 32), settings_in(data / "x").auth).list()
    db.close()
    return [(user.email, user.role) for user in users]


def test_the_first_admin_is_made_on_the_terminal(data: Path, screen: Screen) -> None:
    screen.wait_for("Enter: later")
    screen.type("no address")
    screen.wait_for("This is not an e-mail address")
    for password, told in (
        ("short", "Choose a password of 12 to 128"),
        (PASSWORD, "Added chief@example.com as admin."),
    ):
        screen.wait_for("): ")
        screen.type("chief@example.com")
        for asked in ("Password", "Once more: "):
            screen.wait_for(asked)
            screen.type(password)
        screen.wait_for(told)
    screen.wait_for("served")
    assert people(data) == [("chief@example.com", "admin")]


@pytest.mark.parametrize("screen", [0.2], indirect=True)
def test_nobody_at_the_terminal_is_not_waited_for(data: Path, screen: Screen) -> None:
    screen.wait_for("ai-manager users add --admin EMAIL")
    screen.wait_for("served")


def test_without_a_terminal_one_line_is_said(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    first_start.offer_admin(settings_in(data))
    assert capsys.readouterr().err == f"There is no account here yet. {first_start.LATER}\n"


def test_where_somebody_is_registered_nothing_is_asked(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = Database(f"sqlite:///{data / 'ai_manager.db'}")
    db.migrate()
    with db.session() as session:
        session.add(User(email="a@example.com", password_hash="!", role="user"))
    db.close()
    first_start.offer_admin(settings_in(data))
    assert capsys.readouterr().err == ""


def test_a_process_in_the_background_does_not_read_the_terminal(data: Path) -> None:
    """It would be stopped by the system, and with it the service."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]], process_group=0)"
    screen = Screen(sys.executable, "-c", code, OFFER, str(data), "60")
    screen.wait_for("There is no account here yet. To make an admin")
    screen.wait_for("served")
    screen.close()


def test_serve_offers_it_before_it_listens(data: Path, config: Path) -> None:
    terminal = Terminal(data, config)
    screen = Screen(*terminal.command("serve", "--port", "0"), env=terminal.environment)
    screen.wait_for("Enter: later")
    screen.type("")
    screen.wait_for("ai-manager users add --admin EMAIL")
    screen.wait_for("AI Manager is ready")
    screen.close()
    assert people(data) == []


@pytest.mark.slow
def test_serve_behind_a_pipe_starts_by_itself(data: Path, config: Path) -> None:
    terminal = Terminal(data, config)
    with subprocess.Popen(
        terminal.command("serve", "--port", "0"), cwd=ROOT, env=terminal.environment, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "AI Manager is ready" in process.stdout.readline()
        process.terminate()
