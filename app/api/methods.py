"""Which methods an address under /api takes: HEAD wherever GET is, OPTIONS says, and 405 names them all in `Allow`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import render
from app.errors import AppError


class Address(NamedTuple):
    pattern: re.Pattern[str]
    methods: frozenset[str]
    exact: bool  # it names no id


class Methods:
    """Pure ASGI, before the routes. It knows the addresses from the OpenAPI document, so that both say the same.

    Starlette alone names in `Allow` the methods of the first route of an address only, and has no HEAD and no OPTIONS.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._addresses: tuple[Address, ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        allowed = self._allowed(scope)
        if not allowed or method in allowed - {"HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
        elif method == "HEAD" and method in allowed:
            await self._app({**scope, "method": "GET"}, receive, _bodiless(send))
        else:
            headers = {"Allow": ", ".join(sorted(allowed))}
            refused = AppError("This address does not take this method.", status=405, code="method_not_allowed")
            answer = Response(status_code=204, headers=headers) if method == "OPTIONS" else render(refused, headers)
            await answer(scope, receive, send)

    def _allowed(self, scope: Scope) -> frozenset[str]:
        """Nothing where no such address is. A word such as `notes` is no id: the address that names it decides alone."""
        if not self._addresses:
            described = {path: methods.keys() for path, methods in scope["app"].openapi()["paths"].items()}
            self._addresses = tuple(_addresses({**described, scope["app"].openapi_url: ["get"]}))
        found = [one for one in self._addresses if one.pattern.match(scope["path"])]
        exact = [one for one in found if one.exact]
        return frozenset().union(*(one.methods for one in exact or found))


def _addresses(described: dict[str, Iterable[str]]) -> Iterable[Address]:
    for path, methods in described.items():
        taken = {method.upper() for method in methods} | {"OPTIONS"}
        implied = {"HEAD"} if "GET" in taken else set()
        yield Address(compile_path(path)[0], frozenset(taken | implied), "{" not in path)


def _bodiless(send: Send) -> Send:
    """The answer to GET with its headers and none of its body."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        if message["type"] in ("http.response.start", "http.response.body"):
            await send(message)

    return sending
