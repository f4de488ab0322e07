"""The header Idempotency-Key: a request sent twice is done once, and answered twice with the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, TypeVar

from fastapi import Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from app.api.sse import EventStream
from app.principal import Principal
from app.services.idempotency import Claim, Idempotency
from app.services.services import Services
from app.services.shapes import AskRequest, Event, MessagePublic

Shape = TypeVar("Shape", bound=BaseModel)
REPLAYED = {"Idempotent-Replayed": "true"}

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Sent again within 24 h by the same user with the same request, it brings the first answer.",
    ),
]


def once(
    idempotency: Idempotency,
    principal: Principal,
    route: str,
    key: str,
    request_sha256: str,
    act: Callable[[], Shape],
    *,
    status: int,
    about: Callable[[Shape], str],
) -> Shape | JSONResponse:
    """Do `act`, unless it was done under this key: then its answer. `about` names what the answer tells of."""
    claim = idempotency.claim(principal, route, key, request_sha256)
    if claim.status is not None:
        return _again(claim)
    try:
        done = act()
    except BaseException:  # also when cancelled: nothing was done that could be given again
        idempotency.release(claim)
        raise
    idempotency.keep(claim, status, done.model_dump(mode="json"), about(done))
    return done


async def ask_once(
    services: Services, principal: Principal, key: str, request: AskRequest, request_sha256: str
) -> MessagePublic | JSONResponse | EventStream:
    """The same for a question. An event stream that ended in `done` comes again as its events, tokens together."""
    idempotency = services.idempotency
    claim = await asyncio.to_thread(idempotency.claim, principal, "POST /messages", key, request_sha256)
    if claim.status is not None:
        return await EventStream.open(_replayed(claim), REPLAYED) if request.stream else _again(claim)
    if request.stream:
        return await EventStream.open(_kept(services.chat.ask(principal, request), idempotency, claim))
    try:
        message = await services.chat.answer(principal, request)
    except BaseException:  # also when cancelled: nothing was done that could be given again
        idempotency.release(claim)
        raise
    body = message.model_dump(mode="json")
    await asyncio.to_thread(idempotency.keep, claim, 200, body, message.conversation)
    return message


async def _kept(
    events: AsyncGenerator[Event, None], idempotency: Idempotency, claim: Claim
) -> AsyncGenerator[Event, None]:
    """Pass the events on and keep them before `done` leaves; a stream that ends otherwise may be asked for again."""
    seen: list[Event] = []
    kept = False
    try:
        async with aclosing(events):
            async for event in events:
                if event.name == "token" and seen and seen[-1].name == "token":
                    seen[-1] = Event(name="token", data={"text": seen[-1].data["text"] + event.data["text"]})
                else:
                    seen.append(event)
                if event.name == "done":
                    body = [one.model_dump(mode="json") for one in seen]
                    await asyncio.to_thread(idempotency.keep, claim, 200, body, event.data["conversation"])
                    kept = True
                yield event
    finally:
        if not kept:
            idempotency.release(claim)


async def _replayed(claim: Claim) -> AsyncGenerator[Event, None]:
    for event in claim.body:
        yield Event.model_validate(event)


def _again(claim: Claim) -> JSONResponse:
    return JSONResponse(claim.body, claim.status or 200, REPLAYED)
