"""The OpenAI protocol over aiohttp: one request for an answer, whole or streamed, as plain JSON.

The openai package and httpx took 5.3 ms of the processor for an answer of 40 tokens and 1.6 ms for a short one, this takes 2.9 and
0.7 (20 at once, twice, the same test server). What goes wrong is raised as the openai package would.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

import aiohttp
import httpx

if TYPE_CHECKING:
    from openai import AsyncOpenAI

LONGEST_LINE = 1 << 20  # bytes of one event; aiohttp stops at 64 kB otherwise
END_SECONDS = 0.05  # how long the end of a finished answer is waited for
DONE = b"[DONE]"


class Wire:
    """The connections of one event loop. `client` says where to, with which key, and how errors are told."""

    def __init__(self, client: AsyncOpenAI, *, connect_seconds: float, read_seconds: float) -> None:
        self._client = client
        self.url = str(client.base_url).rstrip("/") + "/chat/completions"
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds, sock_read=read_seconds)
        given = {**client.default_headers, **client.auth_headers, "Accept": "application/json, text/event-stream"}
        self._headers = {name: value for name, value in given.items() if isinstance(value, str)}
        self._session: aiohttp.ClientSession | None = None

    async def complete(self, body: Mapping[str, Any]) -> Any:
        """The reply as JSON. Raises what `failures()` names."""
        try:
            async with await self._post(body) as response:
                raw = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise self.lost(error) from None
        return json.loads(raw)

    async def stream(self, body: Mapping[str, Any]) -> Stream:
        """A reply on its way: its head has come."""
        try:
            return Stream(await self._post(body), self)
        except (aiohttp.ClientError, OSError) as error:
            raise self.lost(error) from None

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
            await asyncio.sleep(0)  # sockets are closed in the loop's next turn, which may be its last

    async def _post(self, body: Mapping[str, Any]) -> aiohttp.ClientResponse:
        """The response of a request that was not refused. A redirect is refused: it would take the question and the key to an
        address that nobody chose."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=httpx.create_ssl_context())
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, read_bufsize=LONGEST_LINE, cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=bool(getproxies()),  # aiohttp would look for a proxy with every question, in a thread
            )  # fmt: skip
        response = await self._session.post(
            self.url, data=json.dumps(body).encode(), headers=self._headers, allow_redirects=False
        )
        if response.status == 200:
            return response
        async with response:
            raw = await response.read()
        raise self._client._make_status_error_from_response(
            httpx.Response(
                response.status,
                headers=[(name, value) for name, value in response.headers.items() if name.lower() not in _ENCODED],
                content=raw,
                request=httpx.Request("POST", self.url),
            )
        )

    def lost(self, error: Exception) -> Exception:
        import openai

        lost = openai.APIConnectionError(request=httpx.Request("POST", self.url))
        lost.__cause__ = error
        return lost


class Stream:
    """The events of one reply. Leaving it before its end closes the connection, by which the provider stops writing."""

    def __init__(self, response: aiohttp.ClientResponse, wire: Wire) -> None:
        self._response, self._wire = response, wire
        self._events = self._read()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._events

    async def aclose(self) -> None:
        await self._hang_up()
        await self._events.aclose()

    async def _hang_up(self) -> None:
        """What was not read to its end is cut off at once; the loop takes one turn to do it."""
        if self._response.content.at_eof():
            self._response.release()
        elif not self._response.closed:
            self._response.close()
            await asyncio.sleep(0)

    async def _ended(self) -> None:
        """The rest of the response, so that its connection serves the next question too."""
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._response.content.read()

    async def _read(self) -> AsyncGenerator[Any, None]:
        """The data of each event as JSON (WHATWG HTML 9.2.6); what is no event is passed over."""
        import openai

        data: list[bytes] = []
        try:
            async for raw in self._response.content:
                line = raw.rstrip(b"\r\n")
                if line.startswith(b"data:"):
                    data.append(line[5:].removeprefix(b" "))
                    continue
                if line or not data:
                    continue
                event, data = b"\n".join(data), []
                if event.startswith(DONE):
                    await self._ended()
                    return
                chunk = json.loads(event)
                if isinstance(chunk, dict) and chunk.get("error"):
                    raise openai.APIError(
                        "the stream told of an error", httpx.Request("POST", self._wire.url), body=None
                    )
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            raise self._wire.lost(error) from None
        finally:
            await self._hang_up()


_ENCODED = {"content-encoding", "content-length", "transfer-encoding"}
