"""Manage accounts."""

from __future__ import annotations

import sys
from argparse import Namespace

from app.commands.console import new_password, print_json, say, users_of


def add(options: Namespace) -> int:
    user = users_of(options).add(options.email, new_password(), "admin" if options.admin else "user")
    say(f"Added {user.email} as {user.role}.")
    return 0


def list_(options: Namespace) -> int:
    rows = users_of(options).list()
    if options.json:
        print_json([row.model_dump(mode="json") for row in rows])
    else:
        for row in rows:
            say(f"{row.email}  {row.role}{'  disabled' if row.disabled else ''}", sys.stdout)
    return 0


def promote(options: Namespace) -> int:
    users_of(options).promote(options.email)
    say(f"{options.email} is an admin now.")
    return 0


def disable(options: Namespace) -> int:
    users_of(options).disable(options.email, not options.enable)
    say(f"{options.email} {'may sign in again' if options.enable else 'is locked out'}.")
    return 0


def reset_password(options: Namespace) -> int:
    users = users_of(options)
    users.by_email(options.email)
    users.set_password(options.email, new_password())
    say(f"The password of {options.email} is changed; they are signed out everywhere.")
    return 0
