"""Who is asking: the one place that turns a cookie or a bearer token into a Principal."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import cast

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from app.auth.tokens import Tokens
from app.errors import Unauthorized, Unavailable
from app.principal import Principal, Role, authenticated
from app.services.sessions import SessionService
from app.services.watch import SessionWatch

KEEP_SECONDS = 2.5  # of the 5 s within which a sign-in ended by another process must be out (ASVS 5.0, 7.4.1)
KEPT = 10_000
THREADS = 8  # of its own: routes that wait for the database or for a password hash never hold up authentication


def session_cookie(https: bool) -> str:
    """The cookie's name. `__Host-` binds it to this very host and to HTTPS; browsers refuse it on plain HTTP."""
    return "__Host-aim_session" if https else "aim_session"


class Authenticator:
    """Reads session, role and state from SQL, so that signing out or disabling works at once.

    What was read is kept for `KEEP_SECONDS`, because a page asks for eighty files in one of them, and is void as soon as this
    process ends any sign-in or changes any user. Only what another process did (the command line, a second server) is seen
    that much later.
    """

    def __init__(self, sessions: SessionService, tokens: Tokens, clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions = sessions
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[float, int, Principal]] = OrderedDict()
        self._tokens = tokens
        self._threads = CapacityLimiter(THREADS)
        self.watch = SessionWatch(sessions.alive_among)

    async def authenticate(self, scope: Scope) -> Principal | None:
        """The principal of an HTTP request, or None.

        A bearer token speaks first and alone: a bad one is nobody, whatever cookie came with it.
        Raises `Unavailable` when the database does not answer.
        """
        headers = Headers(scope=scope)
        credentials = headers.getlist("authorization")
        bearers = [value[7:].strip() for value in credentials if value[:7].lower() == "bearer "]
        cookie = cookie_parser(headers.get("cookie", "")).get(session_cookie(scope["scheme"] == "https"))
        try:
            if bearers:
                return await self._by_token(bearers[0]) if len(credentials) == 1 else None
            return await self._by_cookie(cookie) if cookie else None
        except SQLAlchemyError:
            raise Unavailable("The database does not answer at this moment; try again in a few seconds.") from None

    async def _by_token(self, token: str) -> Principal | None:
        try:
            user_id, session_id = self._tokens.verify(token)
        except Unauthorized:
            return None
        key = ("token", f"{session_id} {user_id}")
        if (kept := self._known(key)) is not None:
            return kept
        changes = self._sessions.changes
        user = await to_thread.run_sync(self._sessions.alive, session_id, limiter=self._threads)
        if user is None or user.id != user_id:
            return None
        return self._keep(key, changes, authenticated(user.id, cast(Role, user.role), "token", session_id))

    async def _by_cookie(self, secret: str) -> Principal | None:
        key = ("session", hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest())
        if (kept := self._known(key)) is not None:
            return kept
        changes = self._sessions.changes
        found = await to_thread.run_sync(self._sessions.by_secret, secret, limiter=self._threads)
        if found is None:
            return None
        session, user = found
        return self._keep(key, changes, authenticated(user.id, cast(Role, user.role), "session", session.id))

    def _known(self, key: tuple[str, str]) -> Principal | None:
        until, changes, principal = self._kept.get(key, (0.0, 0, None))
        return principal if until > self._clock() and changes == self._sessions.changes else None

    def _keep(self, key: tuple[str, str], changes: int, principal: Principal) -> Principal:
        """`changes` is from before the look, so that what ended meanwhile is not kept."""
        self._kept[key] = (self._clock() + KEEP_SECONDS, changes, principal)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT or next(iter(self._kept.values()))[0] < self._clock():
            self._kept.popitem(last=False)
        return principal
