"""How much a request under /api may send: refused by its Content-Length before reading, else while counting."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import BodyRefused, render
from app.config import IngestionSettings
from app.errors import TooLarge

SMALL_BYTES = 1_000_000  # JSON: the longest question has 20 000 characters, a note may be long
FORM_BYTES = 1_000_000  # what a multipart form may add to its file
UPLOAD = re.compile(r"POST /api/documents/?|PUT /api/documents/[^/]+/file/?")


class BodyLimits:
    """Pure ASGI. An upload may hold `settings.max_bytes` and its form; every other body is small."""

    def __init__(self, app: ASGIApp, settings: IngestionSettings) -> None:
        self._app = app
        self._upload_bytes = settings.max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        upload = UPLOAD.fullmatch(f"{scope['method']} {scope['path']}") is not None
        limit = self._upload_bytes + FORM_BYTES if upload else SMALL_BYTES
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            await render(self._refusal(upload))(scope, receive, send)
            return
        await self._app(scope, _counting(receive, limit, self._refusal(upload)), send)

    def _refusal(self, upload: bool) -> TooLarge:
        if upload:
            megabytes = max(1, self._upload_bytes // 1_000_000)
            return TooLarge(f"This file is larger than {megabytes} MB; split it or upload a smaller version.")
        return TooLarge("This request is larger than 1 MB; upload long texts as documents.")


def _counting(receive: Receive, limit: int, refusal: TooLarge) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise BodyRefused(refusal)
        return message

    return counted
