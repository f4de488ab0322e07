"""What Gradio does for every event and this application never uses, left out: a question through the page cost twice a plain
stream (benchmarks/ui_load.py). Each part names what Gradio 6.31 does instead; tests/ui/test_lean.py holds the two together.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from copy import copy
from datetime import datetime
from typing import Any

import gradio as gr
from gradio import state_holder, utils
from gradio.components.base import _Keywords
from gradio.data_classes import GradioModel, GradioRootModel
from gradio.state_holder import SessionState
from starlette.routing import BaseRoute

POLL_SECONDS = 0.005  # the queue looks for events; its own 1 ms cost 3 % of a processor while nobody asked
PROGRESS_SECONDS = 1.0  # and for progress bars, of which there are none: the pages have their own

# Properties that change how a component looks and never what it makes of a value. Others, such as a choice's choices, are
# needed when the next event brings a value, and go Gradio's own way.
LOOKS = frozenset({"visible", "open", "label", "placeholder", "info", "elem_classes", "variant", "active"})
EVENTS = {"/gradio_api/queue/join", "/gradio_api/queue/data"}
# Components that make text of a value, without files.
TEXTS = (gr.Textbox, gr.HTML, gr.Markdown, gr.Chatbot)


class LeanSession(SessionState):
    """A tab's state. Gradio keeps beside it a configuration of every component for deep links, which are shut here, and
    builds it anew with each value: 4 ms for each new tab and one for each event."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self.blocks_config = copy(blocks.default_config)
        self.config_values = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 3600

    def __setitem__(self, key: int, value: Any) -> None:
        if isinstance(block := self.blocks_config.blocks.get(key), gr.State):
            self._state_ttl[key] = (block.time_to_live, datetime.now())
            self.state_data[key] = value
        else:
            self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class LeanBlocks(gr.Blocks):
    """Answers an event by what changed. Gradio makes every output component anew, also those that a handler did not name
    (an update of one of twelve took 3 ms), and looks for files in every value, twice."""

    async def postprocess_data(
        self, block_fn: Any, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        values = _by_output(block_fn.outputs, predictions)
        if values is None or state is None or block_fn.batch or block_fn.is_validator_function:
            return await super().postprocess_data(block_fn, predictions, state)
        told: list[Any] = [None] * len(values)
        heavy = []
        for place, (block, value) in enumerate(zip(block_fn.outputs, values, strict=True)):
            if value is _Keywords.FINISHED_ITERATING:
                continue
            if _is_light(block, value):
                told[place] = _light(state.get(block._id, block), value)
            else:
                heavy.append(place)
        if heavy:
            narrowed = copy(block_fn)
            narrowed.outputs = [block_fn.outputs[place] for place in heavy]
            wanted = [values[place] for place in heavy]
            made = await super().postprocess_data(narrowed, wanted if len(wanted) > 1 else wanted[0], state)
            for place, value in zip(heavy, made, strict=True):
                told[place] = value
        return told


def trim(demo: gr.Blocks) -> None:
    """Turn off what Gradio has no parameter for; before the queue starts."""
    state_holder.SessionState = LeanSession  # type: ignore[misc]
    # Looks for matplotlib on the disk twice for every update of every answer, and finds none.
    utils.MatplotlibBackendMananger = nullcontext  # type: ignore[assignment,misc]
    queue = demo._queue
    queue.sleep_when_free, queue.progress_update_sleep_when_free = POLL_SECONDS, PROGRESS_SECONDS
    # Statistics over the last 10 000 events, made by pandas after each one, for a page that is off.
    queue.ANALYTICS_MAX_EVENTS, queue.ANAYLTICS_CACHE_FREQUENCY = 1, sys.maxsize


def events_first(routes: list[BaseRoute]) -> None:
    """Have the two addresses of every event looked for first: Gradio holds a request against 80 others before them."""
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            included.routes.sort(key=lambda one: getattr(one, "path", "") not in EVENTS)
    routes.sort(key=lambda route: not hasattr(route, "original_router"))


def _by_output(outputs: list[Any], predictions: list[Any] | dict[Any, Any]) -> list[Any] | None:
    """One value per output, as a handler returned them; None for what is better left to Gradio."""
    if isinstance(predictions, dict):
        if not predictions or not all(isinstance(key, gr.blocks.Block) for key in predictions):
            return None
        named = {block._id: value for block, value in predictions.items()}
        known = {block._id for block in outputs}
        return [named.get(block._id, gr.skip()) for block in outputs] if named.keys() <= known else None
    if isinstance(predictions, list | tuple) and len(outputs) > 1 and len(predictions) == len(outputs):
        return list(predictions)
    return None


def _is_light(block: Any, value: Any) -> bool:
    if block.stateful:
        return False
    if _is_update(value):
        return value.keys() - {"__type__", "value"} <= LOOKS and ("value" not in value or isinstance(block, TEXTS))
    return isinstance(block, TEXTS) and isinstance(value, str | list | None)


def _light(block: Any, value: Any) -> Any:
    if not _is_update(value):
        return _made(block, value)
    update = {name: one for name, one in value.items() if one is not None or name == "value"}
    if "value" in update:
        update["value"] = _made(block, update["value"])
    return update


def _is_update(value: Any) -> bool:
    return bool(utils.is_prop_update(value))  # type: ignore[no-untyped-call]


def _made(block: Any, value: Any) -> Any:
    made = block.postprocess(value)
    return made.model_dump() if isinstance(made, GradioModel | GradioRootModel) else made
