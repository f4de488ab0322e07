"""The listening socket of the serving process."""

from __future__ import annotations

import asyncio
import socket

import pytest

from app.errors import ConfigError
from app.serve import bind


def test_answers_are_sent_at_once() -> None:
    """Each of our answers is two writes; with Nagle's algorithm the second waits 40 ms for the first one's ACK."""

    async def accept() -> int:
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def met(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            told.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with bind("127.0.0.1", 0) as listener:
            server = await asyncio.start_server(met, sock=listener)
            async with server:
                _, writer = await asyncio.open_connection(*listener.getsockname())
                nodelay = await told
                writer.close()
                await writer.wait_closed()
        return nodelay

    assert asyncio.run(accept()) != 0


def test_a_taken_port_is_told() -> None:
    with bind("127.0.0.1", 0) as listener:
        listener.listen()
        with pytest.raises(ConfigError, match="cannot be used .*choose another --port"):
            bind("127.0.0.1", listener.getsockname()[1])
