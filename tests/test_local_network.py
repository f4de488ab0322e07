"""What `serve` tells those who let other machines in."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import httpx
import pytest
import segno

from app.commands.local_network import PLAIN, QUIET, REFUSED, invitation, own_address, qr
from app.config import ROOT, ServerSettings, child_environment

LET_IN = ServerSettings(host="0.0.0.0", allow_local_network=True)
HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


@contextmanager
def terminal(columns: int, encoding: str = "utf-8") -> Iterator[TextIO]:
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    try:
        with open(side, "w", encoding=encoding) as shown:
            yield shown
    finally:
        os.close(main)


def test_nothing_is_said_where_only_this_machine_can_come() -> None:
    assert [invitation(LET_IN, host, 7860, io.StringIO()) for host in ("127.0.0.1", "::1", "localhost")] == [""] * 3


def test_a_refusal_names_the_setting_and_shows_no_code() -> None:
    with terminal(100) as wide:
        told = invitation(ServerSettings(host="0.0.0.0"), "0.0.0.0", 7860, wide)
    assert told == REFUSED
    assert "server.allow_local_network" in told


def test_the_address_stands_in_words_and_as_a_code_where_a_terminal_can_show_it() -> None:
    with terminal(100) as wide, terminal(20) as narrow, terminal(100, "ascii") as plain:
        told = invitation(LET_IN, "192.168.1.20", 7860, wide)
        others = [invitation(LET_IN, "192.168.1.20", 7860, shown) for shown in (narrow, plain, io.StringIO())]
    assert told.splitlines()[:2] == [PLAIN, "Phones and other machines open http://192.168.1.20:7860"]
    assert told.splitlines()[2:] == qr("http://192.168.1.20:7860")
    assert [other.splitlines() for other in others] == [told.splitlines()[:2]] * 3


def test_the_code_is_the_address() -> None:
    lines = [re.sub(r"\033\[[0-9;]+m", "", line) for line in qr("http://[fd00::5]:7860")]
    rows = [bytes(HALVES[sign][half] for sign in line) for line in lines for half in (0, 1)]
    wanted = [bytes(row) for row in segno.make("http://[fd00::5]:7860", micro=False).matrix_iter(border=QUIET)]
    assert rows[: len(wanted)] == wanted
    assert not any(b"\1" in row for row in rows[len(wanted) :])


def test_a_public_address_is_what_people_open() -> None:
    behind = LET_IN.model_copy(update={"public_url": "https://manager.example.org", "allow_local_network": False})
    assert (
        invitation(behind, "0.0.0.0", 7860, io.StringIO())
        == "Phones and other machines open https://manager.example.org"
    )


def test_a_machine_without_a_network_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Alone(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "socket", Alone)
    assert invitation(LET_IN, "0.0.0.0", 7860, io.StringIO()).endswith("in no network at this moment.")


def test_the_address_is_this_machine_s_own() -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine is in no network")
    with socket.socket() as here:
        here.bind((address, 0))  # of another machine: "Cannot assign requested address"


def test_the_address_that_is_shown_answers(tmp_path: Path) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine is in no network")
    environment = {
        **child_environment(), "AIM_DATA__DIR": str(tmp_path), "AIM_SERVER__ALLOW_LOCAL_NETWORK": "true",
        "AIM_LLM__PROVIDER": "none", "AIM_EMBEDDINGS": "[{name: bm25, provider: bm25, model: english, enabled: true}]",
    }  # fmt: skip
    command = [sys.executable, "-m", "app", "serve", "--host", "0.0.0.0", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        ready, plain, shown = (process.stdout.readline().strip() for _ in range(3))
        assert (ready[:21], plain) == ("AI Manager is ready: ", PLAIN)
        url = shown.removeprefix("Phones and other machines open ")
        assert url.startswith(f"http://{address}:")
        assert httpx.get(f"{url}/login", timeout=30).status_code == 200
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()  # type: ignore[union-attr]
