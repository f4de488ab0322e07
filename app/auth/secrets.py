"""Keys of this installation: made once, kept beside the data, readable by the owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from app.errors import ConfigError

BYTES = 32
FEWEST_VALUES = 10  # 32 random bytes have 30 different values, a file of zeros (a power cut) one, "changeme..." seven


def load_secret(file: Path) -> bytes:
    """The key in `file`, made on first use: 32 random bytes, mode 0600; concurrent starts agree on one.

    Raises `ConfigError` when the file cannot be used.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            _make(file)
        secret = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The key file {file} cannot be read or made ({error.strerror}); check the rights on its folder."
        ) from None
    if len(secret) < BYTES or len(set(secret)) < FEWEST_VALUES:
        raise ConfigError(f"The key file {file} is damaged; delete it and start again (everyone signs in anew).")
    return secret


def _make(file: Path) -> None:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(secrets.token_bytes(BYTES))
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, file)  # unlike a rename, this never replaces the key another process just made
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
