"""Real services on a fresh SQLite file, and one way to send a request through an ASGI application."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from app.auth.authenticate import Authenticator
from app.auth.tokens import Tokens
from app.config import AuthSettings
from app.db import Database
from app.models import User
from app.services.audit import AuditLog
from app.services.identities import IdentityService
from app.services.sessions import SessionService
from app.services.users import UserService

SECRET = b"0123456789abcdef0123456789abcdef"
PASSWORD = "three chords and the truth"
HERE = "http://127.0.0.1:7860"


class Clock:
    """A time that moves only when told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()

    def pass_by(self, **spans: float) -> None:
        self.at += timedelta(**spans)


@dataclass
class Accounts:
    """What stands in for `Services` in these tests: the same attribute names."""

    db: Database
    users: UserService
    sessions: SessionService
    identities: IdentityService
    tokens: Tokens
    authenticator: Authenticator
    clock: Clock

    def user(self, name: str, role: Any = "user") -> User:
        return self.users.add(f"{name}@example.com", PASSWORD, role)

    def cookie(self, user: User) -> dict[str, str]:
        return {"cookie": f"aim_session={self.sessions.open_browser(user.id, False)[0]}"}

    def bearer(self, user: User) -> dict[str, str]:
        session, _ = self.sessions.open_api(user.id)
        return {"authorization": f"Bearer {self.tokens.issue(user.id, session.id)[0]}"}


def open_accounts(folder: Path, **auth: Any) -> Accounts:
    db = Database(f"sqlite:///{folder / 'test.db'}")
    db.migrate()
    settings, clock = AuthSettings(**auth), Clock()
    audit = AuditLog(SECRET)
    users = UserService(db, audit, settings)
    identities = IdentityService(db, audit, settings, clock)
    sessions = SessionService(db, settings, clock)
    tokens = Tokens(SECRET, settings.access_minutes, clock.seconds)
    return Accounts(db, users, sessions, identities, tokens, Authenticator(sessions, tokens), clock)


def ask(
    app: Any, method: str, path: str, *, client: str = "127.0.0.1", base: str = HERE, **options: Any
) -> httpx.Response:
    """One request, its answer whole; redirects are not followed."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=(client, 5000))
        async with httpx.AsyncClient(transport=transport, base_url=base) as browser:
            return await browser.request(method, path, **options)

    return asyncio.run(send())
