"""Whose tab is it: Gradio's session hashes and event ids, each bound to the user who used it first.

The hash alone opens a tab's state and its stream of answers; Gradio 6.31's browser client makes it by `Math.random`.
"""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Message, Receive, Scope, Send

from app.auth.bodies import read_body, replay_json
from app.auth.paths import Binding
from app.errors import AppError, Forbidden
from app.principal import Principal

KEEP_SECONDS = 7 * 86_400.0  # a tab may stay open over a weekend
KEYS_PER_USER = 500  # the oldest go first, so that one user's flood displaces only his own
LONGEST_BODY = 2_000_000  # bytes of JSON; the longest question has 20 000 characters
LONGEST_ANSWER = 4096  # bytes; the answer to queue/join is one event id
_HASH = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE = "gradio.FileData"


class Bindings:
    """Key -> user, each key kept for a week after its last use."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._owners: dict[str, str] = {}
        self._used: dict[str, OrderedDict[str, float]] = {}

    def claim(self, key: str, user_id: str) -> bool:
        """Bind `key` to the user unless it is another's; whether it is the user's now."""
        owner = self._owner(key)
        if owner not in (None, user_id):
            return False
        self._owners[key] = user_id
        keys = self._used.setdefault(user_id, OrderedDict())
        keys[key] = self._clock()
        keys.move_to_end(key)
        while len(keys) > KEYS_PER_USER or next(iter(keys.values())) < self._clock() - KEEP_SECONDS:
            oldest, _ = keys.popitem(last=False)
            del self._owners[oldest]
        return True

    def owns(self, key: str, user_id: str) -> bool:
        return self._owner(key) == user_id

    def _owner(self, key: str) -> str | None:
        owner = self._owners.get(key)
        if owner is not None and self._used[owner][key] < self._clock() - KEEP_SECONDS:
            del self._owners[key], self._used[owner][key]
            return None
        return owner


class TabGuard:
    """Applies the bindings to the four requests of Gradio that carry a session hash."""

    def __init__(self, bindings: Bindings | None = None) -> None:
        self._bindings = bindings or Bindings()

    async def bind(
        self, binding: Binding, principal: Principal, scope: Scope, receive: Receive, send: Send
    ) -> tuple[Scope, Receive, Send]:
        """What to pass on instead. Raises `Forbidden` for another user's hash or event, `AppError` for nonsense."""
        user_id = principal.user_id
        if binding == "heartbeat":
            self._claim_hash(scope["path"].rsplit("/", 1)[-1], user_id)
            return scope, receive, send
        if binding == "data":
            values = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [])
            session_hash = self._claim_hash(values[0] if len(values) == 1 else None, user_id)
            return {**scope, "query_string": f"session_hash={session_hash}".encode()}, receive, send
        body = _parse(await read_body(receive, LONGEST_BODY))
        self._claim_hash(body.get("session_hash"), user_id)
        event_id = body.get("event_id")
        if (binding == "cancel" or event_id is not None) and not self._owns_event(event_id, user_id):
            raise _foreign()
        if binding == "join":
            _refuse_files(body)
            send = self._note_event(send, user_id)
        # Passed on written anew, so that a body with a key twice reads the same to everyone after.
        scope, receive = replay_json(scope, receive, body)
        return scope, receive, send

    def _claim_hash(self, value: object, user_id: str) -> str:
        if not isinstance(value, str) or not _HASH.fullmatch(value):
            raise AppError("This request names no browser tab; reload the page.", code="bad_session_hash")
        if not self._bindings.claim(f"tab {value}", user_id):
            raise _foreign()
        return value

    def _owns_event(self, event_id: object, user_id: str) -> bool:
        return isinstance(event_id, str) and self._bindings.owns(f"event {event_id}", user_id)

    def _note_event(self, send: Send, user_id: str) -> Send:
        """Bind the event id in the answer before the browser learns it."""
        received = bytearray()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.body" and len(received) <= LONGEST_ANSWER:
                received.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    event_id = _event_id(bytes(received))
                    if event_id is not None:
                        self._bindings.claim(f"event {event_id}", user_id)
            await send(message)

        return noting


def _foreign() -> Forbidden:
    return Forbidden("This browser tab belongs to another sign-in; reload the page.", code="foreign_tab")


def _event_id(answer: bytes) -> str | None:
    try:
        value = json.loads(answer)["event_id"]
    except (ValueError, KeyError, TypeError):  # an error answer, which names no event
        return None
    return value if isinstance(value, str) else None


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise AppError("This request is not valid JSON.", code="bad_json")
    return document


def _refuse_files(document: Any) -> None:
    """Raise where the body names a file by path or address: uploads take their own route. Gradio would read
    a path that another user uploaded to, and fetch an address."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            meta = value.get("meta")
            if isinstance(meta, dict) and meta.get("_type") == _FILE:
                raise Forbidden("Files are added on the documents page, not here.", code="file_by_reference")
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
