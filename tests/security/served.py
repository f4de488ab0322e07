"""An application served for these tests, and its users at their doors: REST by bearer, Gradio by cookie."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import select

from app.main import build_services
from app.models import DELETING, Document
from app.services.services import Services
from tests.api.conftest import Api, make_app, serve
from tests.conftest import settings_in
from tests.openai_server import OpenAIServer

DELETED_SECONDS = 60
SIGN_IN_MINUTES = 60  # the long tests outlive the usual ten
# uvicorn closes a connection after 5 s without a request; httpx would send one at that very moment.
SHORT = httpx.Limits(keepalive_expiry=2)


@contextmanager
def served(folder: Path, models: Path, **sections: Any) -> Iterator[Api]:
    """uvicorn on a free port over an empty data folder, with the test language model; `sections` are settings."""
    with OpenAIServer() as llm:
        settings = settings_in(
            folder,
            models,
            **{
                "llm": {
                    "provider": "openai_like",
                    "base_url": llm.base_url,
                    "model": "tiny-chat",
                    "retries": 0,
                    "intent_seconds": 5.0,  # a loaded machine must not fall back to the rules
                },
                "ingestion": {"poll_seconds": 0.2},
                "auth": {"access_minutes": SIGN_IN_MINUTES},
                **sections,
            },
        )
        services = build_services(settings, seed=False)
        try:
            with serve(asyncio.run(make_app(settings, services))) as url:
                while services.indexes.building():  # the worker lets the empty indexes go live
                    time.sleep(0.05)
                yield Api(url, services, llm)
        finally:
            services.close()


def deletions_done(services: Services) -> None:
    """Wait until the worker has removed what was deleted: its answer came before, the files and rows go afterwards."""
    deadline = time.monotonic() + DELETED_SECONDS
    while time.monotonic() < deadline:
        with services.db.reading() as session:
            if session.exec(select(Document.id).where(Document.status == DELETING)).first() is None:
                return
        time.sleep(0.05)
    raise AssertionError(f"not deleted within {DELETED_SECONDS} s")


@dataclass(frozen=True)
class Tab:
    """A signed-in browser: events go in by `queue/join`, what the page is told comes by `queue/data`."""

    client: httpx.Client
    fn_index: int

    @classmethod
    def open(cls, api: Api, user_id: str) -> Tab:
        """A tab of the user's chat page; its listener is the one that the Send button calls."""
        secret, _ = api.services.sessions.open_browser(user_id, False)
        client = httpx.Client(
            base_url=api.url,
            headers={"cookie": f"aim_session={secret}", "origin": api.url},
            timeout=60,
            limits=SHORT,
        )
        config = client.get("/app/config").json()
        send = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "send")
        return cls(client, next(one["id"] for one in config["dependencies"] if [send, "click"] in one["targets"]))

    def ask(self, text: str) -> str:
        """Everything the page was told while the question was answered, as it came over the wire."""
        tab = uuid.uuid4().hex[:11]
        body = {"session_hash": tab, "fn_index": self.fn_index, "data": [text, ""]}
        joined = self.client.post("/app/gradio_api/queue/join", json=body)
        assert joined.status_code == 200, joined.text
        heard: list[str] = []
        with self.client.stream("GET", "/app/gradio_api/queue/data", params={"session_hash": tab}) as stream:
            for line in stream.iter_lines():
                heard.append(line)
                if line.startswith("data: ") and json.loads(line.removeprefix("data: "))["msg"] == "close_stream":
                    break
        told = "\n".join(heard)
        assert '"success": true' in told or '"success":true' in told, told[-2000:]
        return told
