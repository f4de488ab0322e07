"""What the tests of the pages share: a request as Gradio hands it over, users, pages laid out without a server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr
from fastapi import Request

from app.principal import Principal, local_operator
from app.services.services import Services

T = TypeVar("T")


def asked_by(principal: object) -> gr.Request:
    """A queued event's request, with `principal` where the guard puts it."""
    scope: dict[str, Any] = {"type": "http", "headers": [], "state": {"principal": principal, "request_id": "r1"}}
    return gr.Request(Request(scope), username="whatever Gradio says", session_hash="guessed")


def new_user(services: Services) -> Principal:
    user = services.users.add(f"{uuid.uuid4().hex}@example.com", "three chords and the truth")
    return local_operator(user.id)


def laid_out(build: Callable[[], T]) -> T:
    """Run `build` in a page. Inside a running loop: without one, Gradio makes event loops that nobody closes."""

    async def run() -> T:
        with gr.Blocks(analytics_enabled=False):
            return build()

    return asyncio.run(run())
