"""Every route of both applications, read from their own route tables: what a sweep without a gap starts from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import gradio.routes
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


class Route(NamedTuple):
    """A path as a browser asks for it, parameters in braces, and the methods that the route itself takes."""

    path: str
    methods: tuple[str, ...]

    def at(self, values: Mapping[str, str] | None = None, default: str = "0") -> str:
        """The path with its parameters filled in."""
        return _PARAMETER.sub(lambda found: (values or {}).get(found[1], default), self.path)


def parent_routes(app: FastAPI) -> list[Route]:
    """The routes of the application that `create_app` made, mounted ones left out. One path may stand there twice."""
    return _table(app.routes, "")


def gradio_routes(app: FastAPI) -> list[Route]:
    """The routes of the Gradio application mounted in it, under the path where they are reached."""
    mount = next(one for one in app.routes if isinstance(one, Mount) and isinstance(one.app, gradio.routes.App))
    assert isinstance(mount.app, gradio.routes.App)
    return _table(mount.app.routes, mount.path)


def _table(routes: Iterable[BaseRoute], prefix: str) -> list[Route]:
    found = []
    for context in iter_route_contexts(list(routes)):
        if isinstance(context.original_route, Mount):
            if not isinstance(context.original_route.app, gradio.routes.App):  # files, or an application within
                found += _inner(context.original_route, prefix)
            continue
        assert context.path is not None, f"{context.original_route!r} has no path: look at it, then list it here"
        methods = getattr(context, "methods", None)
        found.append(Route(prefix + context.path, tuple(sorted(methods)) if methods else ("WEBSOCKET",)))
    return sorted(found)


def _inner(mount: Mount, prefix: str) -> list[Route]:
    return _table(mount.routes, prefix + mount.path) or [Route(f"{prefix}{mount.path}/{{path}}", ("GET",))]
