"""A PostgreSQL server of our own for the tests that need one, on a socket in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

BIN = Path("/usr/lib/postgresql")


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty database: DATABASE_URL_TEST, else one on a server started here.

    Without either the test is skipped, or fails where CI=true.
    """
    if given := os.environ.get("DATABASE_URL_TEST"):
        with FileLock(
            Path(tempfile.gettempdir()) / "aim-database-test.lock"
        ):  # one database, and tests in several processes
            yield given
        return
    programs = max(BIN.glob("*/bin/initdb"), default=None, key=lambda path: int(path.parts[-3]))
    if programs is None:
        missing = f"PostgreSQL is not installed under {BIN}, and DATABASE_URL_TEST names none"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="aim-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        yield from _serve(programs.parent, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(programs: Path, folder: Path) -> Iterator[str]:
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres")
    _run(programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", "aim", "-E", "UTF8", "--no-sync")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=60"
    _run(programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w", "-o", options, "start")
    try:
        _run(programs / "createdb", "-h", folder, "-U", "aim", "aim")
        yield f"postgresql://aim@/aim?host={folder}"
    finally:
        _run(programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")


def _run(*command: str | Path) -> None:
    owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*owner, *map(str, command)], cwd="/tmp", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
