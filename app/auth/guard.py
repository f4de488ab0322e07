"""The one door: every HTTP request passes here, is authenticated once, and is let in, led to sign-in or refused.

Pure ASGI, so that streams pass through message by message.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import quote

from loguru import logger
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.answer import Answer
from app.auth.authenticate import Authenticator
from app.auth.bindings import TabGuard
from app.auth.bodies import read_body, replay
from app.auth.connections import LASTING, Connections
from app.auth.paths import Doors
from app.auth.transport import SAFE_METHODS, arrive, check_origin, is_listed
from app.config import QuotaSettings, ServerSettings
from app.errors import AppError, NotFound, Unauthorized
from app.log import request_id
from app.principal import Principal

METHODS = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}
LONGEST_FORM = 65_536  # bytes: an address, a password and a path, percent-encoded


class Guard:
    """Wraps the parent application. `pages` are the names of Gradio's pages beside the first one (`documents`, ...).

    Whatever is inside finds `scope["state"]["principal"]` (a Principal or None) and `scope["state"]["request_id"]`.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        server: ServerSettings,
        pages: Collection[str] = (),
        open_pages: int = QuotaSettings().open_pages,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._server = server
        self._doors = Doors(pages)
        self._tabs = TabGuard()
        self._connections = Connections(open_pages, authenticator.watch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._request(scope, receive, send)
        else:  # nothing here speaks WebSocket; closing before accepting is a 403
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        identifier = uuid.uuid4().hex
        previous = request_id.set(identifier)
        started = time.perf_counter()
        answer = Answer(send, identifier)
        try:
            await self._admit(scope, receive, answer, identifier)
        except AppError as error:
            await self._fail(answer, error)
        except ClientDisconnect:
            logger.debug("client left")
        except Exception as error:  # the outermost door: whatever escapes becomes one sentence, its text stays inside
            logger.opt(exception=error).error("request failed")
            await self._fail(answer, AppError("Something went wrong here; try again.", status=500, code="internal"))
        finally:
            self._log(scope["method"], answer, time.perf_counter() - started)
            request_id.reset(previous)

    async def _admit(self, scope: Scope, receive: Receive, answer: Answer, identifier: str) -> None:
        server = self._server_for(scope)
        scope = arrive(scope, server)
        answer.https = scope["scheme"] == "https"
        origin = Headers(scope=scope).get("origin")
        if is_listed(origin, server):
            answer.readable_by = origin
        door = answer.door = self._doors.find(scope["method"], scope["path"], scope["query_string"].decode("latin-1"))
        if door is None:
            raise NotFound("There is nothing at this address.")
        if _is_preflight(scope, answer):
            await answer.permit()
            return
        principal = await self._authenticator.authenticate(scope)
        if not isinstance(principal, Principal | None):  # whatever else came of it is nobody's word
            raise TypeError("authenticate returned no Principal")
        answer.user_id = principal.user_id if principal is not None else None
        scope["state"] = {**scope.get("state", {}), "principal": principal, "request_id": identifier}
        check_origin(scope, principal, server)
        inner_send: Send = answer
        if principal is None and not door.anonymous:
            if door.page and "authorization" not in Headers(scope=scope):
                await answer.lead_to(f"/login?next={quote(_local_address(scope))}")
                return
            raise Unauthorized("Sign in first.")
        if scope["path"] == "/app":  # the page names its files relative to /app/
            await answer.lead_to(f"/app/{_query(scope)}")
            return
        if door.small and scope["method"] == "POST":
            receive = replay(receive, await read_body(receive, LONGEST_FORM))
        if principal is not None and door.binding is not None:
            scope, receive, inner_send = await self._tabs.bind(door.binding, principal, scope, receive, answer)
        if principal is not None and door.binding in LASTING:
            await self._hold(principal, answer, lambda: self._app(scope, receive, inner_send))
        else:
            await self._app(scope, receive, inner_send)

    async def _hold(self, principal: Principal, answer: Answer, serve: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._connections.hold(principal, serve)
        except Unauthorized:
            if answer.status == 0:
                raise
            await answer.end()

    def _server_for(self, scope: Scope) -> ServerSettings:
        """The settings, with the public address that a share link got after the start (`app.state.public_url`)."""
        public_url = getattr(getattr(scope.get("app"), "state", None), "public_url", None)
        return self._server.model_copy(update={"public_url": public_url}) if public_url else self._server

    async def _fail(self, answer: Answer, error: AppError) -> None:
        """Refuse, unless the answer is under way: then the server closes the connection, and its missing end tells."""
        if answer.status == 0:
            await answer.refuse(error)

    def _log(self, method: str, answer: Answer, seconds: float) -> None:
        name = answer.door.name if answer.door is not None else "none"
        level = "INFO" if answer.status >= 400 or (method not in SAFE_METHODS) else "DEBUG"
        bound = logger.bind(
            method=method if method in METHODS else "other",  # any word may stand there
            route=name,
            status=answer.status,
            milliseconds=round(seconds * 1000, 1),
            user_id=answer.user_id,
        )
        bound.log(level, "request")


def gradio_user(connection: HTTPConnection) -> str | None:
    """For `gr.mount_gradio_app(auth_dependency=...)`: the id of the user the guard let in, or None."""
    principal = connection.scope.get("state", {}).get("principal")
    return principal.user_id if isinstance(principal, Principal) else None


def _is_preflight(scope: Scope, answer: Answer) -> bool:
    """A browser asking, without credentials, whether a page of a listed origin may send a request."""
    headers = Headers(scope=scope)
    return (
        answer.readable_by is not None and scope["method"] == "OPTIONS" and "access-control-request-method" in headers
    )


def _local_address(scope: Scope) -> str:
    return f"{scope['path']}{_query(scope)}"


def _query(scope: Scope) -> str:
    query = quote(scope["query_string"], safe="=&%+:;,@/?~")
    return f"?{query}" if query else ""
