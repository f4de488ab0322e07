"""What every subcommand shares: settings, the open data folder, and two ways of printing."""

from __future__ import annotations

import getpass
import json
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from app import log
from app.config import Settings, load_settings, quiet_libraries
from app.errors import AppError

if TYPE_CHECKING:
    from app.notebook import Manager
    from app.services.users import UserService


def settings_of(options: Namespace, *, quiet: bool = True) -> Settings:
    settings = load_settings(options.config)
    quiet_libraries(settings.data.dir)
    if not quiet:
        log.configure(settings.log, settings.data.dir)
    return settings


def open_data(options: Namespace) -> Manager:
    """The data folder with its log going to the file only: standard output belongs to the answer."""
    settings = settings_of(options)
    settings.data.dir.mkdir(parents=True, exist_ok=True)
    log.configure(settings.log, settings.data.dir, terminal=False)
    from app.notebook import open_manager

    return open_manager(options.config)


def users_of(options: Namespace) -> UserService:
    from app.main import open_accounts, open_database, prepare_data

    settings = settings_of(options)
    log.tame()
    prepare_data(settings)
    return open_accounts(settings, open_database(settings))[1]


def new_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password (12 characters at least): ")
    if getpass.getpass("Once more: ") != password:
        raise AppError("The two passwords differ; start again.")
    return password


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def say(text: str, stream: Any = None) -> None:
    out = stream or sys.stderr
    out.write(text + "\n")
    out.flush()
