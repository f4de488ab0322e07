"""`ai-manager backup` and `restore`: the SQL database, the uploads and the keys in one archive. Vectors are made from SQL."""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from app.config import Settings
from app.errors import AppError, Conflict

FOLDERS = ("uploads", "secrets")
DATABASE = "ai_manager.db"


def backup(settings: Settings, target: Path) -> str:
    """Write a consistent archive, also while a server runs; 0600, because it holds everything. Returns what was done.

    Only SQLite is copied: a PostgreSQL server has its own pg_dump.
    """
    database = _database(settings)
    if target.exists():
        raise Conflict(f"{target} is there already; name a new file.")
    draft = target.with_name(target.name + ".part")
    try:
        with tempfile.TemporaryDirectory(dir=settings.data.dir / "tmp") as folder:
            copy = Path(folder) / DATABASE
            _copy(database, copy)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
                archive.add(copy, arcname=DATABASE)
                for name in FOLDERS:
                    if (settings.data.dir / name).is_dir():
                        archive.add(settings.data.dir / name, arcname=name)
                file.flush()
        os.replace(draft, target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise AppError(
            f"The archive could not be written ({error.strerror}); check the place and its free space."
        ) from None
    return f"Wrote {target} ({target.stat().st_size / 1e6:.1f} MB). Keep it as safe as the data itself."


def restore(settings: Settings, source: Path) -> str:
    """Unpack an archive into a data folder that has no database yet. The next start makes the vectors."""
    database = _database(settings, must_exist=False)
    if database.exists():
        raise Conflict(f"{settings.data.dir} holds a database already; name an empty data folder with AIM_DATA__DIR.")
    settings.data.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with FileLock(settings.data.dir / ".restore.lock", timeout=0), tarfile.open(source, "r:gz") as archive:
            names = archive.getnames()
            if DATABASE not in names:
                raise AppError(
                    f"{source.name} is no archive of this program; choose one written by 'ai-manager backup'."
                )
            archive.extractall(settings.data.dir, filter="data")
    except (tarfile.TarError, EOFError):
        raise AppError(f"{source.name} is damaged or no archive of this program; choose another copy.") from None
    except Timeout:
        raise Conflict("Another restore into this data folder is running; wait for it.") from None
    except OSError as error:
        raise AppError(f"{source} cannot be restored ({error.strerror}); check the path and the free space.") from None
    for name in FOLDERS:
        for path in (settings.data.dir / name).glob("*"):
            path.chmod(0o600)
    _forget_vectors(database)
    return f"Restored into {settings.data.dir}. Start the program; it makes the vectors anew in the background."


def _database(settings: Settings, *, must_exist: bool = True) -> Path:
    if not settings.database_url.startswith("sqlite:///"):
        raise AppError(
            "Only SQLite is archived here; use pg_dump for PostgreSQL and copy data/uploads and data/secrets."
        )
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    if must_exist and not path.is_file():
        raise AppError(f"There is nothing to back up: {path} does not exist.")
    return path


def _copy(source: Path, target: Path) -> None:
    """SQLite's online copy: a consistent state even while others write."""
    from_, to = sqlite3.connect(source), sqlite3.connect(target)
    try:
        from_.backup(to)
    finally:
        to.close()
        from_.close()


def _forget_vectors(database: Path) -> None:
    """The archive holds none: every index starts a new generation, back-filled from SQL."""
    connection = sqlite3.connect(database)
    try:
        with connection:
            connection.execute("UPDATE index_generations SET state = 'retired'")
    finally:
        connection.close()
