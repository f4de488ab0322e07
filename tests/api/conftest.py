"""One real application for all of these tests: uvicorn on a free port, SQLite, embedded vectors, MiniLM, the worker and
a language model that is `OpenAIServer`. Starting it costs seconds; users are made per test."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app.config import Settings
from app.main import build_services, create_app
from app.serve import bind
from app.services.services import Services
from tests.conftest import settings_in
from tests.documents import make_contract_pdf
from tests.openai_server import OpenAIServer

PASSWORD = "three chords and the truth"
MAX_BYTES = 1_200_000
READY_SECONDS = 60


@dataclass(frozen=True)
class Api:
    """The running application, what is inside it, and its language model."""

    url: str
    services: Services
    llm: OpenAIServer

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def register(self) -> tuple[httpx.Client, dict[str, Any]]:
        """A new user's client, signed in by bearer, and the token pair."""
        email = f"{uuid.uuid4().hex}@example.com"
        with self.client() as anyone:
            answer = anyone.post("/api/auth/register", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        pair = answer.json()
        return self.client(Authorization=f"Bearer {pair['access_token']}"), {**pair, "email": email}


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Api]:
    with OpenAIServer() as llm:
        settings = settings_in(
            tmp_path_factory.mktemp("api"),
            models_dir,
            llm={
                "provider": "openai_like",
                "base_url": llm.base_url,
                "model": "tiny-chat",
                "retries": 0,
                "breaker_failures": 100,  # tests make it fail on purpose
                "intent_seconds": 5.0,  # a loaded machine must not fall back to the rules
            },
            ingestion={"max_bytes": MAX_BYTES, "poll_seconds": 0.2},
        )
        services = build_services(settings, seed=False)
        try:
            with serve(asyncio.run(make_app(settings, services))) as url:
                yield Api(url, services, llm)
        finally:
            services.close()


@pytest.fixture(autouse=True)
def _default_answers(api: Api) -> Iterator[None]:
    yield
    api.llm.script()


@pytest.fixture
def user(api: Api) -> Iterator[httpx.Client]:
    with api.register()[0] as client:
        yield client


@pytest.fixture
def stranger(api: Api) -> Iterator[httpx.Client]:
    """Another user, to whom nothing of `user` belongs."""
    with api.register()[0] as client:
        yield client


@pytest.fixture
def admin(api: Api) -> Iterator[httpx.Client]:
    client, account = api.register()
    api.services.users.promote(account["email"])
    with client:
        yield client


@pytest.fixture
def anyone(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    return make_contract_pdf(tmp_path / "management.pdf")


def upload(client: httpx.Client, file: Path, **form: str) -> httpx.Response:
    with file.open("rb") as source:
        return client.post("/api/documents", files={"file": (file.name, source)}, data=form)


def wait_ready(client: httpx.Client, document_id: str) -> dict[str, Any]:
    """The document once it is ready or failed."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        document: dict[str, Any] = client.get(f"/api/documents/{document_id}").json()
        if document["status"] in ("ready", "failed"):
            return document
        time.sleep(0.1)
    raise AssertionError(f"document not ready within {READY_SECONDS} s: {document}")


def assert_error(answer: httpx.Response, status: int, code: str) -> str:
    """Check the one error shape; returns the sentence."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "detail", "request_id"}
    assert body["error"] == code
    assert body["request_id"] == answer.headers["x-request-id"]
    detail: str = body["detail"]
    assert detail.endswith((".", "?"))
    return detail


async def make_app(settings: Settings, services: Services) -> FastAPI:
    """In a running loop: without one Gradio opens some of its own and leaves them open."""
    return create_app(settings, services)


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    listener = bind("127.0.0.1", 0)
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, timeout_graceful_shutdown=2, ws="none", lifespan="on",
        proxy_headers=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="api-under-test", daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the application did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()
