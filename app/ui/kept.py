"""Gradio's pages and hashed files, made and compressed once and kept: each visit would copy the whole layout, write it out and
compress every script anew (a page 8 ms, a first visit 150 ms of the processor)."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import brotli
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.principal import Principal

MOST = 400  # pages and files; Gradio has 300 files, of which a browser asks for 80
SMALLEST = 400  # bytes; less is not worth compressing
BROTLI, GZIP = 9, 6  # levels: 11 would take a second for the largest file, for 3 % less
_HASHED = re.compile(r"/app/assets/[A-Za-z0-9_.-]+-[A-Za-z0-9_-]{8,}\.(js|css|svg)")
_ENCODERS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("br", partial(brotli.compress, quality=BROTLI)),
    ("gzip", partial(gzip.compress, compresslevel=GZIP)),
)


@dataclass(frozen=True, slots=True)
class Kept:
    kind: bytes
    bodies: dict[str, bytes]  # by encoding; "" is as it is


class KeptAnswers:
    """Stands inside the guard: who comes here may see the page. A page is the same for everybody, except that Gradio writes
    the user's id into it, which is taken out. It does differ by the address it was asked under, which it repeats."""

    def __init__(self, app: ASGIApp, pages: Collection[str] = ()) -> None:
        self._app = app
        self._pages = {"/app/", *(f"/app/{name}" for name in pages if name)}
        self._kept: dict[tuple[str, str, str], Kept] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        kept = self._kept.get(key)
        if kept is None:
            answer = _Recorded()
            await self._app(_plainly(scope), receive, answer)
            kept = await self._keep(key, scope, answer)
            if kept is None:
                for message in answer.messages:
                    await send(message)
                return
        await _tell(kept, Headers(scope=scope).get("accept-encoding", ""), send)

    def _key(self, scope: Scope) -> tuple[str, str, str] | None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
            return None
        path: str = scope["path"]
        if path in self._pages:
            return path, scope["scheme"], Headers(scope=scope).get("host", "")
        return (path, "", "") if _HASHED.fullmatch(path) else None

    async def _keep(self, key: tuple[str, str, str], scope: Scope, answer: _Recorded) -> Kept | None:
        body = answer.body
        if answer.status != 200 or body is None:
            return None
        if key[0] in self._pages:
            principal = scope.get("state", {}).get("principal")
            if not isinstance(principal, Principal) or body.count(principal.user_id.encode()) != 1:
                return None
            body = body.replace(principal.user_id.encode(), b"")
        kept = Kept(answer.kind, await asyncio.to_thread(_encoded, body))
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[key] = kept
        return kept


class _Recorded:
    """An ASGI `send` that keeps the whole answer."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"]) if self.messages else 0

    @property
    def kind(self) -> bytes:
        headers: dict[bytes, bytes] = dict(self.messages[0]["headers"])
        return headers.get(b"content-type", b"application/octet-stream")

    @property
    def body(self) -> bytes | None:
        """None where it is a file that the server itself was to send."""
        if any(message["type"] != "http.response.body" for message in self.messages[1:]):
            return None
        whole: bytes = b"".join(message.get("body", b"") for message in self.messages[1:])
        return whole


def _plainly(scope: Scope) -> Scope:
    """Asked for without compression, without a part or a condition, so that the whole answer comes."""
    dropped = (b"accept-encoding", b"range", b"if-none-match", b"if-modified-since", b"if-range")
    return {**scope, "headers": [one for one in scope["headers"] if one[0] not in dropped], "extensions": {}}


def _encoded(body: bytes) -> dict[str, bytes]:
    smaller = {name: encode(body) for name, encode in _ENCODERS} if len(body) >= SMALLEST else {}
    return {"": body, **smaller}


async def _tell(kept: Kept, accepted: str, send: Send) -> None:
    offered = {part.partition(";")[0].strip() for part in accepted.split(",")}
    encoding = next((name for name, _ in _ENCODERS if name in offered and name in kept.bodies), "")
    body = kept.bodies[encoding]
    headers = [
        (b"content-type", kept.kind),
        (b"content-length", str(len(body)).encode()),
        (b"vary", b"Accept-Encoding"),
    ]
    if encoding:
        headers.append((b"content-encoding", encoding.encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
