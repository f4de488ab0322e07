"""Which requests go in at all, by method and path: what is not listed here is answered 404."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

Binding = Literal["join", "data", "heartbeat", "cancel"]

_READ = ("GET", "HEAD")
_UNCLEAN = re.compile(r"[\\\x00-\x1f\x7f]|//|/\.{1,2}(/|$)")
_SESSION_HASH = r"[A-Za-z0-9_-]{1,64}"
_API_AREA = re.compile(r"/api/[a-z]{1,20}(?=/|$)")

_OWN = {
    ("/", _READ), ("/login", (*_READ, "POST")), ("/register", (*_READ, "POST")), ("/logout", ("POST",)),
    ("/favicon.ico", _READ),
}  # fmt: skip
_OWN_METHODS = dict(_OWN)
_SHARED = re.compile(r"/s/[A-Za-z0-9_-]{1,128}")  # a link that was cut off leads to a page that says so
_PROVIDER = re.compile(r"/login/oidc/[a-z0-9][a-z0-9-]{0,30}(?:/callback)?")

_OPEN_API = {
    ("GET", "/api/health"), ("HEAD", "/api/health"), ("POST", "/api/auth/register"), ("POST", "/api/auth/token"),
    ("POST", "/api/auth/refresh"), ("POST", "/api/auth/logout"),
}  # fmt: skip

# What Chromium was seen to ask of Gradio 6.31 on page load, events, stop and timers; /config is what other clients
# read first. Left out on purpose: `reset` does nothing on the server, `startup-events` would start the queue twice.
_GRADIO: dict[tuple[str, str], Binding | None] = {
    ("GET", "/app/theme.css"): None,
    ("GET", "/app/config"): None,
    ("POST", "/app/gradio_api/queue/join"): "join",
    ("GET", "/app/gradio_api/queue/data"): "data",
    ("POST", "/app/gradio_api/cancel"): "cancel",
}
_GRADIO_FILE = re.compile(r"/app/(?:assets|static)/[A-Za-z0-9_./+-]+")
_GRADIO_HASHED = re.compile(r"/app/assets/[^/]+-[A-Za-z0-9_-]{8,}\.[a-z0-9]+")
_HEARTBEAT = re.compile(rf"/app/gradio_api/heartbeat/({_SESSION_HASH})")


@dataclass(frozen=True)
class Door:
    """How one request is let in. `name` is for the log: it never holds what a caller typed."""

    name: str
    area: Literal["own", "api", "app"]
    anonymous: bool = False
    page: bool = False  # a browser without a session is led to the sign-in page
    binding: Binding | None = None
    small: bool = False  # takes a short body, whoever asks
    cache: str = "no-store"


class Doors:
    """The allow-list. `pages` are the names of Gradio's pages beside the first one, such as `documents`."""

    def __init__(self, pages: Collection[str] = ()) -> None:
        self._pages = {"/app", "/app/"} | {f"/app/{name}" for name in pages if name}

    def find(self, method: str, path: str, query: str = "") -> Door | None:
        """The door for this request; None means 404 for everyone."""
        if _UNCLEAN.search(path):
            return None
        if path == "/app" or path.startswith("/app/"):
            # A deep link would load what another user's components held.
            return None if "deep_link" in parse_qs(query, keep_blank_values=True) else self._gradio(method, path)
        if path.startswith("/api/"):
            area = _API_AREA.match(path)
            open_to_all = (method, path.rstrip("/")) in _OPEN_API
            small = path.startswith("/api/auth/")
            return Door(area.group() if area else "/api", "api", anonymous=open_to_all, small=small)
        if path.startswith("/static/") and method in _READ:
            return Door("/static", "own", anonymous=True, cache="public, max-age=3600")
        if method in _OWN_METHODS.get(path, ()):
            cache = "public, max-age=86400" if path == "/favicon.ico" else "no-store"
            return Door(path, "own", anonymous=True, small=True, cache=cache)
        if method == "GET" and _SHARED.fullmatch(path):
            return Door("/s", "own", anonymous=True)
        if method == "GET" and _PROVIDER.fullmatch(path):
            return Door("/login/oidc", "own", anonymous=True)
        return None

    def _gradio(self, method: str, path: str) -> Door | None:
        if method in _READ and path in self._pages:
            return Door("/app page", "app", page=True)
        if method in _READ and (_GRADIO_FILE.fullmatch(path) or path == "/app/theme.css"):
            # The file name holds the digest of its content, the theme's query string does.
            lasting = _GRADIO_HASHED.fullmatch(path) or path == "/app/theme.css"
            cache = "private, max-age=31536000, immutable" if lasting else "private, max-age=3600"
            return Door("/app file", "app", cache=cache)
        if method == "GET" and _HEARTBEAT.fullmatch(path):
            return Door("/app heartbeat", "app", binding="heartbeat")
        if (method, path) in _GRADIO:
            binding = _GRADIO[method, path]
            return Door(f"/app {binding or 'config'}", "app", binding=binding)
        return None
