"""Processes that tests start: a server that tells its address, a child that makes files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.config import ROOT


def told_address(process: subprocess.Popen[bytes], log: Path, seconds: float) -> str:
    """The address the server tells in its log once it answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := re.search(r"ready: (http://127\.0\.0\.1:\d+)", log.read_text()):
            return found.group(1)
        assert process.poll() is None, f"the server ended: {log.read_text()[-2000:]}"
        time.sleep(0.1)
    pytest.fail(f"the server told no address: {log.read_text()[-2000:]}")


def make_in_child(module: str, folder: Path) -> None:
    """`python -m MODULE FOLDER`, off-line: for what imports torch, which the tests never do themselves."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-m", module, str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
