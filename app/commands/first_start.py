"""The first start: an installation without any user offers to make its admin, and never waits for somebody who is not there."""

from __future__ import annotations

import os
import select
import sys

from app.commands.console import new_password, say
from app.config import Settings
from app.errors import AppError
from app.main import open_accounts, open_database
from app.services.users import checked_email

LATER = "To make an admin: ai-manager users add --admin EMAIL"
WAIT_SECONDS = 60  # a terminal that nobody looks at (`docker run -t`, an unattended boot) must not hold up the service
TRIES = 5


def offer_admin(settings: Settings) -> None:
    """Where there is no user yet: ask for the first admin on a terminal, or say in one line how to make one."""
    db = open_database(settings)
    try:
        users = open_accounts(settings, db)[1]
        if users.list():
            return
        if not _is_attended():
            say(f"There is no account here yet. {LATER}")
            return
        say("There is no account here yet. The first one, an admin, can be made now.")
        for _ in range(TRIES):
            email = _line(f"E-mail of the admin (Enter: later; goes on by itself after {WAIT_SECONDS} s): ")
            if not email:
                break
            try:
                user = users.add(checked_email(email), new_password(), "admin")
            except EOFError:
                break
            except AppError as error:
                say(error.sentence)
            else:
                say(f"Added {user.email} as {user.role}.")
                return
        say(LATER)
    finally:
        db.close()


def _is_attended() -> bool:
    """Whether somebody may be typing: both ends are a terminal, and this process is the one in front of it."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()  # reading from behind would stop the process
    except OSError:  # a terminal that is not ours to read
        return False


def _line(prompt: str) -> str:
    """What was typed; nothing after `WAIT_SECONDS` or at the end of the input."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    if sys.platform != "win32" and not select.select([sys.stdin], [], [], WAIT_SECONDS)[0]:
        say("")
        return ""
    return sys.stdin.readline().strip()
