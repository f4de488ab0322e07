"""A small real HTTP server that speaks the OpenAI protocol, for tests and for trying the program by hand.

    python -m tests.openai_server --port 8099        then start the program with OPENAI_BASE_URL=http://127.0.0.1:8099/v1

It answers by the rules of `openai_replies`, and can be told to be slow, wrong or dead.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.openai_answers import Reply, Script, ScriptedAnswer
from tests.openai_replies import Body, embed

DIMENSIONS = 1536  # of text-embedding-3-small
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on with 0 s: closing sends RST (socket(7))


@dataclass(frozen=True)
class Recorded:
    """One request as it came; `body` is {} for GET, header names are in lower case."""

    path: str
    body: Body
    headers: dict[str, str]
    client: int = 0  # the port it came from: another connection is another port


class OpenAIServer:
    """Runs in a thread on a loopback port; use it as a context manager. Its counts may be read while it runs."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Recorded] = []
        self.closed = 0  # answers whose client left before their end
        self._script = Script()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        routes = [
            Route("/v1/models", self._models),
            Route("/v1/embeddings", self._embeddings, methods=["POST"]),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_level="critical", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True, name="openai-server")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def chats(self) -> list[Recorded]:
        """The requests for an answer, without embeddings and model lists."""
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    def script(self, reply: Reply | None = None, **behaviour: Any) -> None:
        """Replaces the whole behaviour; without arguments restores the default.

        reply: the answer, or a function of the request body.     thinking: reasoning sent before it.
        token_seconds: pause before every token.                  first_token_seconds: pause after the role delta.
        status, times, retry_after, error_code: the next `times` requests, on any route, fail with this HTTP status.
        die_after: reset the connection after this many tokens.   stall_after: go silent after this many tokens.
        hang: send nothing, not even headers.                     empty: an answer without text.
        garbage: broken JSON.  html: a web page.                  stream_error: an error event in place of the answer.
        models: the ids of GET /models.                           key: refuse every other bearer token with 401, and quote it.
        redirect: send every request on to this address.          old: refuse the option `stream_options`, and tell no usage.
        tells_usage: whether an answer ends with its tokens.
        """
        self._script = Script(reply, **behaviour)

    def start(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.002)
        return self

    def stop(self) -> None:
        """Dies at once, also in the middle of an answer: connections are reset and the port refuses."""
        if self._stopping:
            return
        self._stopping = True
        with suppress(RuntimeError):  # the loop has ended by itself
            if self._loop:
                self._loop.call_soon_threadsafe(self._die)
        self._thread.join(timeout=5)
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _reset_client(self, request: Request) -> None:
        if request.client:
            self._reset((request.client.host, request.client.port))

    def _count_closed(self) -> None:
        if not self._stopping:
            self.closed += 1

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._serving = self._loop.create_task(self._server.serve(sockets=[self._socket]))
            runner.run(asyncio.wait({self._serving}))

    def _die(self) -> None:
        """Cancelled, because asking uvicorn to stop takes it a tenth of a second."""
        self._reset()
        for listener in self._server.servers:
            listener.close()
        self._serving.cancel()

    def _reset(self, client: tuple[str, int] | None = None) -> None:
        """Resets the connection of `client`, or every connection."""
        for connection in list(self._server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport and client in (None, getattr(connection, "client", None)):
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                transport.abort()

    async def _models(self, request: Request) -> Response:
        _, refusal = await self._receive(request)
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self._script.models]
        return refusal or JSONResponse({"object": "list", "data": models})

    async def _embeddings(self, request: Request) -> Response:
        body, refusal = await self._receive(request)
        if refusal:
            return refusal
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = []
        for index, text in enumerate(texts):
            vector = embed(str(text), body.get("dimensions") or DIMENSIONS)
            base64_asked = body.get("encoding_format") == "base64"
            value = base64.b64encode(vector.tobytes()).decode() if base64_asked else vector.tolist()
            data.append({"object": "embedding", "index": index, "embedding": value})
        words = sum(len(str(text).split()) for text in texts)
        usage = {"prompt_tokens": words, "total_tokens": words}
        return JSONResponse({"object": "list", "model": body.get("model"), "data": data, "usage": usage})

    async def _chat(self, request: Request) -> Response:
        body, refusal = await self._receive(request)
        return refusal or ScriptedAnswer(self._script, body, self._count_closed, lambda: self._reset_client(request))

    async def _receive(self, request: Request) -> tuple[Body, Response | None]:
        """The recorded body, and the refusal the script or the key asks for."""
        raw = await request.body()
        body = json.loads(raw) if raw else {}
        port = request.client.port if request.client else 0
        self.requests.append(Recorded(request.url.path, body, dict(request.headers), port))
        script = self._script
        if script.key is not None and request.headers.get("authorization") != f"Bearer {script.key}":
            return body, _error(401, "invalid_api_key", f"Incorrect key: {request.headers.get('authorization')}")
        if script.redirect is not None:
            return body, RedirectResponse(script.redirect)
        if script.old and "stream_options" in body:
            return body, _error(400, None, "Unrecognized request argument supplied: stream_options")
        if script.status is None or script.times <= 0:
            return body, None
        script.times -= 1
        refusal = _error(script.status, script.error_code)
        if script.retry_after is not None:
            refusal.headers["retry-after"] = str(script.retry_after)
        return body, refusal


def _error(status: int, code: str | None, message: str = "scripted") -> Response:
    return JSONResponse({"error": {"message": message, "type": "error", "code": code}}, status_code=status)


@pytest.fixture
def openai_server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


def main() -> None:
    parser = argparse.ArgumentParser(description="An OpenAI-speaking test server on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--token-seconds", type=float, default=0.03, help="pause before every token")
    arguments = parser.parse_args()
    with OpenAIServer(arguments.port) as server, suppress(KeyboardInterrupt):
        server.script(token_seconds=arguments.token_seconds)
        sys.stdout.write(f"Speaking OpenAI on {server.base_url} (Ctrl-C ends it)\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
