"""The whole application on a free port, for attacks over real connections: SQLite, BM25, the worker, a language model."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from app.main import build_services, create_app
from tests.api.conftest import PASSWORD, Api, serve
from tests.conftest import settings_in
from tests.openai_server import OpenAIServer

BM25 = [{"name": "bm25", "provider": "bm25", "model": "english", "enabled": True}]  # opens at once


@dataclass(frozen=True)
class Site(Api):
    """`Api` with the application inside it, and more ways to be signed in."""

    app: FastAPI

    def sign_in(self, email: str, password: str = PASSWORD) -> dict[str, Any]:
        """A new token pair."""
        with self.client() as anyone:
            answer = anyone.post("/api/auth/token", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def bearer(self, pair: dict[str, Any]) -> httpx.Client:
        return self.client(Authorization=f"Bearer {pair['access_token']}")

    def browser(self, email: str) -> httpx.Client:
        """Signed in by cookie, as a page of ours sends its requests."""
        user = self.services.users.by_email(email)
        secret, _ = self.services.sessions.open_browser(user.id, False)
        return self.client(Cookie=f"aim_session={secret}", Origin=self.url)

    def raw(self, request: bytes, seconds: float = 10) -> bytes:
        """The first bytes of the answer to exactly these bytes, which no client library tidies."""
        address = urlsplit(self.url)
        with socket.create_connection((address.hostname, address.port), timeout=seconds) as connection:
            connection.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer and (piece := connection.recv(65_536)):
                answer += piece
        return answer


@contextmanager
def running(folder: Path, **sections: Any) -> Iterator[Site]:
    with OpenAIServer() as llm:
        model = {"provider": "openai_like", "base_url": llm.base_url, "model": "tiny-chat", "retries": 0}
        defaults: dict[str, Any] = {"embeddings": BM25, "llm": model, "ingestion": {"poll_seconds": 0.2}}
        settings = settings_in(folder, **{**defaults, **sections})
        services = build_services(settings, seed=False)
        try:
            app = asyncio.run(_made(settings, services))
            with serve(app) as url:
                yield Site(url, services, llm, app)
        finally:
            services.close()


async def _made(settings: Any, services: Any) -> FastAPI:
    """In a running loop: without one Gradio opens some of its own and leaves them open."""
    return create_app(settings, services)
