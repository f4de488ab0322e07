"""A slash at the end of an address under /api makes no difference: no redirect, which would lose bodies and tokens."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


def strip_trailing_slash(app: ASGIApp) -> ASGIApp:
    """Wrap `app` so that `/api/documents/` is `/api/documents`; one slash only, other paths stay as they are."""

    async def stripped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/") and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"][:-1]}
            if scope.get("raw_path"):
                scope["raw_path"] = scope["raw_path"].removesuffix(b"/")
        await app(scope, receive, send)

    return stripped
