"""Request bodies read at the door, up to a limit, and handed on to the application behind it."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from app.errors import TooLarge


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body; raises `TooLarge` above `limit` bytes, `ClientDisconnect` when the client leaves early."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body.extend(message.get("body", b""))
        if len(body) > limit:
            raise TooLarge("This is too much text for one request; upload long texts as documents.")
        more = message.get("more_body", False)
    return bytes(body)


def replay(receive: Receive, body: bytes) -> Receive:
    """A `receive` that hands out `body` first, and then whatever the connection brings."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaying() -> Message:
        return pending.pop() if pending else await receive()

    return replaying


def replay_json(scope: Scope, receive: Receive, document: Any) -> tuple[Scope, Receive]:
    """Hand on `document` as the body. Compression is not offered on, so that the answer can be read on its way."""
    body = json.dumps(document).encode()
    dropped = (b"content-length", b"content-type", b"transfer-encoding", b"content-encoding", b"accept-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in dropped]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return {**scope, "headers": headers}, replay(receive, body)
