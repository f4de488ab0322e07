"""The serving process: uvicorn round the application, with the address told once it answers."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from app.errors import ConfigError

KEEP_ALIVE_SECONDS = 120  # Gradio's clients were disconnected with uvicorn's 5 (gradio.md 4)
SHUTDOWN_SECONDS = 8
# New objects, then rounds. With Python's 700, 10, 10 a question among 300 spent 8-12 ms of the processor on it, with these 1.
COLLECTED_AFTER = (20_000, 20, 20)
SETTLED_SECONDS = 3  # by then the language model's client is loaded


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None], address: str) -> None:
        super().__init__(config)
        self._announce, self._address = announce, address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce(self._address)
            asyncio.get_running_loop().call_later(SETTLED_SECONDS, _keep_aside)


def collect_seldom() -> None:
    """From here on: also the modules that are loaded at the start are many objects, of which none is garbage."""
    gc.set_threshold(*COLLECTED_AFTER)


def _keep_aside() -> None:
    """What is loaded by now stays to the end: kept aside, the garbage collector does not go through it again and again. With
    many people at once a question took 72 ms of the processor instead of 86 (benchmarks/ui_load.py).
    """
    gc.collect()
    gc.freeze()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, taken before anything slow is opened; raises `ConfigError` when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio leaves Nagle's algorithm on, and an answer of two writes waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"The address {host}:{port} cannot be used ({error.strerror}); stop the other program or choose another --port."
        ) from None
    return listener


def run(app: FastAPI, listener: socket.socket, announce: Callable[[str], None]) -> None:
    """Serve `app` on `listener` until interrupted.

    uvicorn reads requests by httptools. With uvloop beside it a question through the page took 60 ms of the processor, without
    both 68 (benchmarks/ui_load.py, twice); uvloop stays out, because with it every third page that was left was noticed seconds
    late.
    """
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        app,
        lifespan="on",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        proxy_headers=False,  # the guard reads them, once and only from a proxy that is configured
    )
    _Server(config, announce, f"http://{shown}:{port}").run(sockets=[listener])
