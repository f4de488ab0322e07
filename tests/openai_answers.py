"""The test server's answers: how each may be told to misbehave, and how it is sent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.openai_replies import Body, default_reply, tokens

Reply = str | Callable[[Body], str]


@dataclass
class Script:
    """How the server behaves until told otherwise; `OpenAIServer.script` explains the fields."""

    reply: Reply | None = None
    thinking: str = ""
    token_seconds: float = 0.0
    first_token_seconds: float = 0.0
    status: int | None = None
    times: int = 1
    retry_after: str | float | None = None
    error_code: str | None = None
    die_after: int | None = None
    stall_after: int | None = None
    hang: bool = False
    garbage: bool = False
    html: bool = False
    stream_error: bool = False
    empty: bool = False
    models: Sequence[str] = ("tiny-chat", "tiny-embed")
    key: str | None = None
    redirect: str | None = None
    old: bool = False
    tells_usage: bool = True

    def text(self, body: Body) -> str:
        if self.empty:
            return ""
        reply = default_reply if self.reply is None else self.reply
        return reply if isinstance(reply, str) else reply(body)


class _ClientLeft(Exception):
    pass


class _Died(Exception):
    pass


class ScriptedAnswer(Response):
    """One answer, streamed or whole, that notices at once when its client leaves."""

    def __init__(self, script: Script, asked: Body, on_left: Callable[[], None], on_death: Callable[[], None]) -> None:
        super().__init__()
        self.script, self.asked, self.on_left, self.on_death = script, asked, on_left, on_death
        self.base = {"id": "chatcmpl-1", "created": int(time.time()), "model": asked.get("model")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.send = send
        self.left = asyncio.create_task(_until_left(receive))
        try:
            if self.script.hang:
                await self._silence()
            if self.asked.get("stream"):
                await self._stream()
            else:
                await (await self._whole())(scope, receive, send)
        except _ClientLeft:
            self.on_left()
        except _Died:
            self.on_death()
        finally:
            self.left.cancel()

    async def _stream(self) -> None:
        script = self.script
        kind = b"text/html" if script.html else b"text/event-stream"
        await self.send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        if script.html or script.garbage or script.stream_error:
            return await self._spoiled()
        await self._event(self._delta({"role": "assistant", "content": ""}))
        for token in tokens(script.thinking):
            await self._pause(script.token_seconds)
            await self._event(self._delta({"reasoning_content": token}))
        await self._pause(script.first_token_seconds)
        sent = 0
        for token in tokens(script.text(self.asked)):
            await self._interrupt(sent)
            await self._pause(script.token_seconds)
            await self._event(self._delta({"content": token}))
            sent += 1
        await self._interrupt(sent)
        await self._event(self._delta({}, "stop"))
        if script.tells_usage:
            await self._event({**self.base, "object": "chat.completion.chunk", "choices": [], "usage": _usage(sent)})
        return await self._write("data: [DONE]\n\n", last=True)

    async def _whole(self) -> Response:
        script = self.script
        text = script.text(self.asked)
        await self._pause(script.first_token_seconds + script.token_seconds * len(tokens(text)))
        if script.die_after is not None:
            raise _Died
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        usage = _usage(len(tokens(text)))
        if script.garbage:
            return Response('{"choices": [', media_type="application/json")
        if script.html:
            return Response("<html>not here</html>", media_type="text/html")
        return JSONResponse({**self.base, "object": "chat.completion", "choices": choices, "usage": usage})

    async def _spoiled(self) -> None:
        event = {"error": {"message": "scripted", "code": 500}} if self.script.stream_error else None
        text = f"data: {json.dumps(event)}\n\n" if event else 'data: {"choices": [\n\n'
        await self._write("<html>not here</html>" if self.script.html else text, last=True)

    async def _interrupt(self, sent: int) -> None:
        if sent == self.script.stall_after:
            await self._silence()
        if sent == self.script.die_after:
            await self._pause(0.02)  # seconds; lets the client read what was sent before the reset
            raise _Died

    def _delta(self, delta: Body, finish: str | None = None) -> Body:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return {**self.base, "object": "chat.completion.chunk", "choices": choices}

    async def _event(self, event: Body) -> None:
        await self._write(f"data: {json.dumps(event)}\n\n")

    async def _write(self, text: str, *, last: bool = False) -> None:
        await self.send({"type": "http.response.body", "body": text.encode(), "more_body": not last})

    async def _pause(self, seconds: float) -> None:
        done, _ = await asyncio.wait({self.left}, timeout=seconds)
        if done:
            raise _ClientLeft

    async def _silence(self) -> None:
        await self.left
        raise _ClientLeft


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _usage(completion: int) -> Body:
    return {"prompt_tokens": 1, "completion_tokens": completion, "total_tokens": completion + 1}
