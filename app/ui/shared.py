"""What every page uses: who is asking, errors told as sentences, reading off the event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from html import escape
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import gradio as gr
from loguru import logger
from pydantic import ValidationError

from app.errors import AppError
from app.log import request_id
from app.principal import Principal
from app.services.shapes import Listing
from app.ui.header import PAGES, header

__all__ = [
    "PAGES",
    "PRIVATE",
    "Fetch",
    "Updates",
    "first",
    "header",
    "in_thread",
    "principal_of",
    "told",
]

P = ParamSpec("P")
T = TypeVar("T")
Handler = TypeVar("Handler", bound=Callable[..., Any])

Updates = dict[Any, Any]  # component -> its new value

SIGN_IN = "Your session has ended; sign in again."
WENT_WRONG = "Something went wrong here; try again. If it stays, reload the page."
NOT_VALID = "That cannot be sent: a question has between 1 and 20 000 characters."

# Gradio: none of this can be called by name, and no value of a private event leaves by another door.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


def principal_of(request: gr.Request) -> Principal:
    """Who is asking, from the HTTP request that brought this event, never from what it carried.

    The guard authenticates every HTTP request and puts a Principal into its ASGI scope, which Gradio's own
    application inherits. For an event `request.request` is the `POST queue/join` that queued it, however long it then
    waits or streams; for the end of a session it is the heartbeat. Raises `gr.Error` where there is none.
    """
    inner = request.request  # not `request.scope`: Gradio would turn that dictionary into JSON and back
    principal = inner.scope.get("state", {}).get("principal") if inner is not None else None
    if not isinstance(principal, Principal):
        raise gr.Error(SIGN_IN, title="Signed out", print_exception=False)
    return principal


def told(handler: Handler) -> Handler:
    """Wrap a handler so that what it raises reaches the user as one sentence, and the log without anybody's words."""
    wrapped = _told_stream(handler) if inspect.isasyncgenfunction(handler) else _told_once(handler)
    return cast(Handler, wrapped)


def _told_once(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(handler)
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        _carry_request_id(args)
        try:
            return await handler(*args, **kwargs)
        except Exception as error:  # Gradio would print the exception's own text, which may hold a user's words
            raise _sentence(error) from None

    return wrapped


def _told_stream(handler: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., AsyncGenerator[Any, None]]:
    @wraps(handler)
    async def wrapped(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        _carry_request_id(args)
        try:
            async with aclosing(handler(*args, **kwargs)) as steps:
                async for step in steps:
                    yield step
        except Exception as error:  # as above; cancelling is no Exception and passes
            raise _sentence(error) from None

    return wrapped


def _carry_request_id(args: tuple[Any, ...]) -> None:
    """The event runs in a task of Gradio's queue: give its log lines the id of the request that queued it."""
    request = next((arg for arg in args if isinstance(arg, gr.Request)), None)
    if request is not None and request.request is not None:
        request_id.set(request.request.scope.get("state", {}).get("request_id", "-"))


def _sentence(error: Exception) -> gr.Error:
    """Toasts are HTML, and a sentence may name a file: it is escaped."""
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, AppError):
        return gr.Error(escape(error.sentence), title="That did not work", print_exception=False)
    if isinstance(error, ValidationError):
        return gr.Error(NOT_VALID, title="That did not work", print_exception=False)
    logger.bind(error=type(error).__name__).opt(exception=error).error("page event failed")
    sentence = f"{WENT_WRONG} The log has it under {request_id.get()}."
    return gr.Error(sentence, title="That did not work", print_exception=False)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a service's short SQL work off the event loop."""
    return await asyncio.to_thread(work, *args, **kwargs)


class Fetch(Protocol[T]):
    """A listing of a service with everything but the page bound."""

    def __call__(self, *, limit: int, after: str | None) -> Listing[T]: ...


def first(fetch: Fetch[T], wanted: int) -> tuple[list[T], bool]:
    """The first `wanted` items of a listing that comes in pages of at most 200, and whether there are more."""
    page = fetch(limit=min(wanted, 200), after=None)
    items = list(page.items)
    while page.next is not None and len(items) < wanted:
        page = fetch(limit=min(wanted - len(items), 200), after=page.next)
        items += page.items
    return items, page.next is not None
