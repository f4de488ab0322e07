"""What every answer carries: security headers and the request id; and refusals in the one error shape."""

from __future__ import annotations

import json
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

from app.auth.paths import Door
from app.errors import AppError

# Gradio 6.31 stays blank without inline scripts, eval and a base element (tried in Chromium, design 7).
GRADIO_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self' data:; base-uri 'self'; form-action 'self'; "
    "object-src 'none'; frame-ancestors 'none'"
)
STRICT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
COMMON = {
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: under that, browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key",
    "access-control-max-age": "600",
}
HSTS = "max-age=31536000"


class Answer:
    """An ASGI `send` that adds the headers to the first message and passes every message on at once."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.door: Door | None = None
        self.https = False
        self.readable_by: str | None = None  # the other origin that may read the answer
        self.status = 0
        self.user_id: str | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._complete(MutableHeaders(scope=message))
        await self._send(message)

    async def end(self) -> None:
        """End a body that is under way."""
        await self._send({"type": "http.response.body", "body": b""})

    async def refuse(self, error: AppError) -> None:
        """Answer with the error's status and sentence."""
        headers = []
        if error.pause is not None:
            headers.append((b"retry-after", str(error.pause).encode()))
        if error.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        body = {"error": error.code, "detail": error.sentence, "request_id": self._request_id}
        await self._whole(error.status, json.dumps(body).encode(), [(b"content-type", b"application/json"), *headers])

    async def lead_to(self, location: str) -> None:
        """Redirect a browser to a path of ours."""
        await self._whole(303, b"", [(b"location", location.encode("ascii"))])

    async def permit(self) -> None:
        """Answer a listed origin's preflight: what its pages may send."""
        await self._whole(204, b"", [(name.encode(), value.encode()) for name, value in PREFLIGHT.items()])

    async def _whole(self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
        length = (b"content-length", str(len(body)).encode())
        await self({"type": "http.response.start", "status": status, "headers": [length, *headers]})
        await self({"type": "http.response.body", "body": body})

    def _complete(self, headers: MutableHeaders) -> None:
        headers["X-Request-ID"] = self._request_id
        for name, value in COMMON.items():
            headers.setdefault(name, value)
        if self.door is not None and self.door.area == "app":
            headers["Content-Security-Policy"] = GRADIO_POLICY
        else:
            headers.setdefault("Content-Security-Policy", STRICT_POLICY)
        kept = self.door.cache if self.door is not None and self.status in (200, 304) else "no-store"
        headers.setdefault("Cache-Control", kept)
        if self.https:
            headers["Strict-Transport-Security"] = HSTS
        self._limit_readers(headers)

    def _limit_readers(self, headers: MutableHeaders) -> None:
        """Only listed origins may read, without cookies. Gradio alone lets every origin, and with them."""
        for name in [key for key in headers if key.startswith("access-control-allow-")]:
            if self.readable_by is None or name in ("access-control-allow-origin", "access-control-allow-credentials"):
                del headers[name]
        if self.readable_by is not None:
            headers["Access-Control-Allow-Origin"] = self.readable_by
            headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After"
            headers.add_vary_header("Origin")
