"""What was left out of Gradio's way of answering an event changes nothing of what a page is told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
from gradio import state_holder, utils
from gradio.state_holder import SessionState

from app.services.services import Services
from app.ui.application import build_application
from app.ui.lean import EVENTS, LeanBlocks, LeanSession, events_first

ROWS = [{"role": "user", "content": "Who pays?"}, {"role": "assistant", "content": "<b>The label</b> [G1]"}]


class Page:
    """A handler's outputs, one of each kind the pages have, in Gradio's Blocks or in ours."""

    def __init__(self, kind: type[gr.Blocks]) -> None:
        with kind(analytics_enabled=False) as self.demo:
            self.outputs: list[Any] = [
                gr.State(None), gr.Chatbot(), gr.Textbox(), gr.HTML("<p></p>"), gr.Radio(["old"]), gr.Button("Send"),
                gr.Accordion("More"), gr.Markdown(), gr.Timer(active=False),
            ]  # fmt: skip
            self.outputs[5].click(lambda: None, None, self.outputs)
        self.fn = next(iter(self.demo.fns.values()))

    def values(self) -> list[dict[Any, Any]]:
        state, chat, text, html, radio, button, more, marked, timer = self.outputs
        return [
            {chat: ROWS},
            {state: "7", text: "", html: "<p>3 &amp; 4</p>", marked: "**one**", button: gr.update(visible=False)},
            {radio: gr.update(choices=[("First", "1")], value="1"), more: gr.update(visible=True, open=False)},
            {
                text: gr.update(value="new", label="Title"),
                html: gr.update(visible=False),
                timer: gr.update(active=True),
            },
            {radio: "1", chat: [], button: gr.update(value="Stop", interactive=False)},
            {chat: gr.skip()},
        ]

    async def told(self, state_kind: type[SessionState]) -> list[list[Any]]:
        state = state_kind(self.demo)
        told = [await self.demo.postprocess_data(self.fn, one, state) for one in self.values()]
        assert state[self.outputs[0]._id] == "7"
        assert state[self.outputs[4]._id].choices == [("First", "1")]  # what the next event's value is checked against
        return told


def test_a_page_is_told_what_gradio_would_tell_it() -> None:
    async def both() -> tuple[list[list[Any]], list[list[Any]]]:
        return await Page(LeanBlocks).told(LeanSession), await Page(gr.Blocks).told(SessionState)

    ours, theirs = asyncio.run(both())
    for values in theirs:  # gr.HTML takes the mark of an update for a property of its template
        if isinstance(values[3], dict):
            assert values[3].pop("props") == {"__type__": "update"}
    assert ours == theirs


def test_only_what_a_handler_named_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    async def run() -> None:
        page = Page(LeanBlocks)
        state = LeanSession(page.demo)
        for kind in (gr.Textbox, gr.Radio, gr.Button, gr.Chatbot, gr.Accordion):
            monkeypatch.setattr(kind, "__init__", lambda self, **_: made.append(self))
        await page.demo.postprocess_data(page.fn, {page.outputs[1]: ROWS}, state)

    asyncio.run(run())
    assert made == []


def test_the_application_is_built_so(services: Services) -> None:
    demo = in_loop(lambda: build_application(services))
    assert isinstance(demo, LeanBlocks)
    assert state_holder.SessionState is LeanSession
    queue = demo._queue
    kept = (queue.ANALYTICS_MAX_EVENTS, queue.ANAYLTICS_CACHE_FREQUENCY)
    assert kept == (1, sys.maxsize)
    with utils.MatplotlibBackendMananger():
        assert "matplotlib" not in sys.modules


def test_gradio_still_has_what_is_replaced() -> None:
    """Names of Gradio's own; should one change, the application would only be slower, and nobody would see why."""
    theirs = in_loop(lambda: gr.Blocks(analytics_enabled=False).queue())
    names = ("sleep_when_free", "progress_update_sleep_when_free", "ANALYTICS_MAX_EVENTS", "ANAYLTICS_CACHE_FREQUENCY")
    assert [name for name in names if not hasattr(theirs._queue, name)] == []
    assert set(vars(LeanSession(theirs))) == set(vars(SessionState(theirs)))


def test_events_are_looked_for_first() -> None:
    page = in_loop(lambda: gr.Blocks(analytics_enabled=False).queue())
    mounted = in_loop(lambda: gr.routes.App.create_app(page))
    before = len(mounted.routes)
    events_first(mounted.routes)
    first: Any = mounted.routes[0]
    assert {route.path for route in first.original_router.routes[: len(EVENTS)]} == EVENTS
    assert len(mounted.routes) == before


def in_loop(make: Callable[[], Any]) -> Any:
    """Outside of a running loop Gradio makes loops that nobody closes."""

    async def run() -> Any:
        return make()

    return asyncio.run(run())
