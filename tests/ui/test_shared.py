"""Who is asking comes from the request alone; what goes wrong becomes one sentence."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator
from typing import Any

import gradio as gr
import pytest
from fastapi import Request
from loguru import logger

from app.errors import NotFound
from app.principal import local_operator
from app.services.shapes import Listing
from app.ui.shared import SIGN_IN, WENT_WRONG, first, principal_of, told
from tests.ui.support import asked_by


def test_the_principal_is_the_one_the_guard_put_there() -> None:
    principal = local_operator("u1")
    assert principal_of(asked_by(principal)) is principal


@pytest.mark.parametrize(
    "request_",
    [asked_by(None), asked_by("u1"), asked_by({"user_id": "u1"}), gr.Request(Request({"type": "http"})), gr.Request()],
)
def test_without_a_principal_there_is_no_page(request_: gr.Request) -> None:
    with pytest.raises(gr.Error) as raised:
        principal_of(request_)
    assert raised.value.message == SIGN_IN


def failing(error: Exception) -> Any:
    async def handler(request: gr.Request) -> None:
        raise error

    return told(handler)


def streaming(error: Exception) -> Any:
    async def handler(request: gr.Request) -> AsyncGenerator[int, None]:
        yield 1
        raise error

    return told(handler)


async def outcome(handler: Any) -> gr.Error:
    async def drained(answer: Any) -> None:
        async for _ in answer:
            pass

    answer = handler(asked_by(local_operator("u1")))
    with pytest.raises(gr.Error) as raised:
        await (drained(answer) if inspect.isasyncgen(answer) else answer)
    return raised.value


@pytest.mark.parametrize("kind", [failing, streaming])
def test_an_app_error_is_told_escaped_and_not_printed(kind: Any) -> None:
    error = asyncio.run(outcome(kind(NotFound("There is no <b>such</b> thing."))))
    assert error.message == "There is no &lt;b&gt;such&lt;/b&gt; thing."
    assert error.print_exception is False
    assert error.__cause__ is None


@pytest.mark.parametrize("kind", [failing, streaming])
def test_a_bug_is_told_and_logged_without_its_own_words(kind: Any) -> None:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line.record["message"])), level="ERROR")
    try:
        error = asyncio.run(outcome(kind(ValueError("my secret question"))))
    finally:
        logger.remove(sink)
    assert error.message.startswith(WENT_WRONG)
    assert lines == ["page event failed"]


def test_a_wrapped_handler_is_still_given_the_request_by_gradio() -> None:
    async def handler(text: str, request: gr.Request) -> str:
        return text

    arguments, *_ = gr.helpers.special_args(told(handler), ["typed"], asked_by(local_operator("u1")))
    assert arguments[0] == "typed"
    assert isinstance(arguments[1], gr.Request)


def test_the_first_items_of_a_listing_are_gathered_over_its_pages() -> None:
    asked: list[tuple[int, str | None]] = []

    def fetch(*, limit: int, after: str | None) -> Listing[int]:
        asked.append((limit, after))
        start = int(after or 0)
        end = min(start + limit, 450)
        return Listing(items=list(range(start, end)), next=str(end) if end < 450 else None)

    assert first(fetch, 250) == (list(range(250)), True)
    assert asked == [(200, None), (50, "200")]
    assert first(fetch, 1000) == (list(range(450)), False)
