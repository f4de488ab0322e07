"""The application as it is mounted: no public event, no door too many, nothing from elsewhere, room for a thousand."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI

from app.services.services import Services
from app.ui.application import PAGE_PATHS, RUNNING_EVENTS, build_application, mount_options


async def mounted(services: Services) -> Any:
    app = FastAPI()
    demo: Any = build_application(services)
    gr.mount_gradio_app(app, demo, path="/app", **mount_options())
    async with app.router.lifespan_context(app):
        demo.jobs_at_once = len(demo._queue.active_jobs)
    return demo


@pytest.fixture(scope="module")
def demo(services: Services) -> Any:
    return asyncio.run(mounted(services))


def test_no_event_can_be_called_by_name(demo: Any) -> None:
    with_code = [event for event in demo.fns.values() if event.fn is not None]
    assert len(with_code) > 10
    assert {event.api_visibility for event in demo.fns.values()} == {"private"}
    assert {event.concurrency_limit for event in with_code} == {None}


def test_no_component_takes_files_through_gradio(demo: Any) -> None:
    names = {block.get_block_name() for block in demo.blocks.values()}
    assert not names & {"file", "uploadbutton", "multimodaltextbox", "image", "audio", "video", "gallery"}


def test_a_thousand_events_may_run_at_once(demo: Any) -> None:
    assert demo.jobs_at_once == RUNNING_EVENTS >= 1000


def test_what_the_mount_shuts() -> None:
    options = mount_options()
    shut = ("ssr_mode", "run_history", "enable_monitoring", "show_error", "mcp_server", "pwa")
    assert [options[name] for name in shut] == [False] * len(shut)
    assert options["footer_links"] == []


def test_nothing_is_fetched_from_elsewhere() -> None:
    options = mount_options()
    assert not re.search(r"(?i)(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", re.sub(r"/\*.*?\*/", "", options["css"]))
    assert not re.search(r"(?i)(src|href)=[\"']?(https?:)?//", options["head"])
    assert "@import" not in options["css"]
    assert options["theme"]._stylesheets == []


def test_the_guard_is_told_of_every_page(demo: Any) -> None:
    expected = ("knowledge", "plans", "writing", "dashboard", "profile", "account", "admin", "welcome")
    assert tuple(path for path, *_ in demo.pages if path) == PAGE_PATHS == expected


def test_the_configuration_sent_to_browsers_holds_nobodys_data(demo: Any, services: Services) -> None:
    config = str(demo.get_config_file())
    assert str(services.settings.data.dir) not in config


def test_both_modes_of_gradio_look_the_same() -> None:
    theme = mount_options()["theme"]
    assert theme.body_background_fill == theme.body_background_fill_dark == "#0a0a0c"
    assert theme.button_primary_background_fill == theme.button_primary_background_fill_dark
