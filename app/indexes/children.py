"""Child processes that take on files nobody has reason to trust: how one is bound, waited for and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # where `-m app...` finds the package
LOOK_SECONDS = 0.2  # how soon work ends after it was stopped
_GRACE = 5  # seconds after which an orphan of a dead parent ends itself


class TookTooLong(Exception):
    """The child was ended: its time was over, or it was not wanted any more."""


def run(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    seconds: float,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """The exit status of `python -m module arguments`, whose every process has ended. Raises `TookTooLong`."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**environment, "OMP_THREAD_LIMIT": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # libraries print pieces of the document there
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    try:
        status = _wait(process, seconds, stopped)
    finally:
        _end(process)
    if sys.platform != "win32" and status in (-signal.SIGXCPU, -signal.SIGALRM):
        raise TookTooLong
    return status


def bind(seconds: int, memory_mb: int, output_bytes: int) -> None:
    """In the child: bind this process where the system can; Windows has the parent's wall clock alone."""
    if sys.platform == "win32":
        return
    import resource

    os.nice(10)  # questions come before uploads
    signal.alarm(seconds + _GRACE)
    for kind, soft, hard in (
        (resource.RLIMIT_AS, memory_mb << 20, memory_mb << 20),
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_FSIZE, output_bytes, output_bytes),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        with suppress(ValueError, OSError):  # macOS refuses RLIMIT_AS; a lower hard limit may stand already
            resource.setrlimit(kind, (soft, hard))


def _wait(process: subprocess.Popen[bytes], seconds: float, stopped: Callable[[], bool]) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stopped():
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=min(LOOK_SECONDS, max(0.0, deadline - time.monotonic())))
    raise TookTooLong


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the child's process group, the child itself where there are no groups; nothing if it has ended."""
    if process.poll() is not None:
        return
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
