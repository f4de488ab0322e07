"""The OpenAPI document: FastAPI describes the routes, this completes what holds for all of them.

A route names the failures of its own (`responses=told(409)`); the ones that any route can meet follow from what it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api import examples
from app.api.errors import BUSY_SECONDS, UNEXPECTED, ErrorShape

Document = dict[str, Any]
REFERENCE = "#/components/{}/{}"

ABOUT = """A personal manager for people who make music: answers from one's own documents and from industry knowledge, cited.

**Signing in.** `POST /api/auth/token` gives an access token for `Authorization: Bearer`; browsers send their session cookie.

**Addresses.** A slash at the end makes no difference. Every address that takes GET takes HEAD; OPTIONS lists the methods of an
address, and any other one is answered 405, both with the header `Allow`.

**Ids** are strings; integers are accepted where they are sent. An id of nobody and one of somebody else are the same 404.

**Lists** are `{items, next}`: send `next` as `?after=` for the following page; it is null on the last. `?limit=` is 1 to 200.

**Errors** are `{error, detail, request_id}`: a code for programs, a sentence for people, and what the server's log is searched by
(also in the header `X-Request-ID`). 429 and 503 pass: `Retry-After` tells the seconds to wait.

**Trying again.** Creating documents and asking take an `Idempotency-Key`: sent twice, done once."""

TAGS = {
    "health": "What works.",
    "auth": "Opening an account, signing in and out.",
    "account": "Who is signed in and where, the first steps; everything out, everything gone.",
    "profile": "What answers should know about whoever asks.",
    "artists": "Whom one works for, and handing one over.",
    "documents": "One's own files and notes, and the industry's.",
    "dates": "Days that documents name or that follow from them, and one's own.",
    "search": "Retrieval alone.",
    "conversations": "What was asked and answered.",
    "messages": "Asking.",
    "plans": "Dated steps towards a goal, and what is due.",
    "desk": "Texts from one's own facts, checked against them.",
    "analytics": "How much was asked and added.",
    "growth": "Listeners, followers, streams and income by day.",
    "audit": "Who did and read what.",
    "exports": "Answers, conversations, plans and sheets of clauses as files.",
    "shares": "Links that show one thing to whoever holds them.",
    "admin": "For admins: accounts, and the server itself.",
}


class Failure(NamedTuple):
    """A status, told once for all routes: the name of its component, what it means, an example."""

    name: str
    meaning: str
    error: str
    detail: str
    headers: tuple[str, ...] = ()


FAILURES = {
    400: Failure(
        "BadRequest", "The request cannot be read, or its Host is malformed.", "bad_request",
        "The body of this request cannot be read; check its format and its Content-Type.",
    ),
    401: Failure(
        "Unauthorized", "Nobody is signed in, the sign-in has ended, or what was sent to sign in is wrong.",
        "unauthorized", "Sign in first.", ("WWW-Authenticate",),
    ),
    403: Failure(
        "Forbidden", "Not for this user; or the way the request came is not allowed: plain HTTP from another machine, or "
        "another site's page.", "forbidden", "This is for admins; ask one of them.",
    ),
    404: Failure(
        "NotFound", "Unknown, deleted or somebody else's: they look the same.", "not_found", "There is no such document.",
    ),
    409: Failure(
        "Conflict", "What is there stands in the way: the sentence tells what.", "conflict",
        "Only a failed document can be tried again.",
    ),
    413: Failure(
        "TooLarge", "The request is larger than is taken here.", "too_large",
        "This request is larger than 1 MB; upload long texts as documents.",
    ),
    415: Failure(
        "UnsupportedFile", "The file is empty or of a type that cannot be read.", "unsupported_file",
        "This file is empty; choose the one that holds the text.",
    ),
    422: Failure(
        "Invalid", "A field is missing or wrong: the sentence names the first one and says what it must be.",
        "invalid_request", "The field 'text' is missing; send it.",
    ),
    429: Failure(
        "TooMany", "Too many attempts, or too many answers at once; it passes.", "too_many_requests",
        "Too many failed attempts; wait 8 s and try again.", ("Retry-After",),
    ),
    500: Failure("Internal", "A fault of this program; the log has it under the request id.", "internal", UNEXPECTED),
    503: Failure(
        "Unavailable", "A part that this needs does not answer or is busy; it passes.", "unavailable",
        "The database is busy or does not answer; try again in a few seconds.", ("Retry-After",),
    ),
    507: Failure(
        "DiskFull", "The server's disk is full.", "disk_full",
        "The disk is full or cannot be written; make room and upload again.",
    ),
}  # fmt: skip

ANY_ROUTE = (400, 403, 500, 503)  # the guard's and the database's, and a bug's

HEADERS = {
    "X-Request-ID": {"description": "The log has this id.", "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
    "Retry-After": {
        "description": "Seconds to wait before another try.", "required": True,
        "schema": {"type": "integer", "minimum": 0}, "example": BUSY_SECONDS,
    },
    "WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}, "required": True},
    "Location": {"description": "The address of what was made.", "schema": {"type": "string"}, "required": True},
    "X-Pages": {"schema": {"type": "integer", "minimum": 1}, "required": True},
    "X-Passages-Marked": {"schema": {"type": "integer", "minimum": 0}, "required": True},
    "X-Passage-At": {"description": "Left out where none was found.", "schema": {"type": "number", "maximum": 1}},
    "Idempotent-Replayed": {
        "description": "`true` where this is the first answer to the same Idempotency-Key once more.",
        "schema": {"type": "string", "const": "true"},
    },
}  # fmt: skip

COOKIE = {
    "type": "apiKey",
    "in": "cookie",
    "name": "aim_session",
    "description": "The session of a browser that signed in at /login; over HTTPS it is named `__Host-aim_session`.",
}


def told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: the failures a route can meet beside those of every route."""
    return {status: {"description": FAILURES[status].meaning} for status in statuses}


def shown(*headers: str) -> dict[str, Any]:
    """For one of `responses=`: the headers that come with it."""
    return {"headers": {name: {"$ref": REFERENCE.format("headers", name)} for name in headers}}


def install(app: FastAPI) -> None:
    """Have `app` describe itself this way. The document is made when it is first asked for."""

    def openapi() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's own pages say


def describe(app: FastAPI) -> Document:
    tags = [{"name": name, "description": about} for name, about in TAGS.items()]
    document = get_openapi(
        title=app.title, version=app.version, description=ABOUT, routes=app.routes, tags=tags, openapi_version="3.1.0"
    )
    for methods in document["paths"].values():
        for operation in methods.values():
            _complete(operation)
    components = document["components"]
    for generated in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(generated, None)
    components["schemas"]["ErrorShape"] = ErrorShape.model_json_schema()
    examples.attach(components["schemas"])
    components["headers"] = HEADERS
    components["responses"] = {failure.name: _component(failure) for failure in FAILURES.values()}
    components["securitySchemes"]["cookie"] = COOKIE
    return document


def _complete(operation: Document) -> None:
    parameters = operation.get("parameters", [])
    for parameter in parameters:
        _never_null(parameter)
    if "security" in operation:
        optional: list[Document] = [{}] if {} in operation["security"] else []
        operation["security"] = [*optional, {"bearer": []}, {"cookie": []}]
    responses = operation["responses"]
    statuses = {int(status) for status in responses if int(status) >= 400} | set(ANY_ROUTE)
    if "security" in operation:
        statuses.add(401)
    if any(parameter["in"] == "path" for parameter in parameters):
        statuses.add(404)
    if "requestBody" in operation:
        statuses.add(413)
    elif all(parameter["in"] == "path" for parameter in parameters):
        statuses.discard(422)  # FastAPI's own guess: what is no id is 404
        responses.pop("422", None)
    for response in responses.values():
        response.setdefault("headers", {})["X-Request-ID"] = {"$ref": REFERENCE.format("headers", "X-Request-ID")}
    for status in sorted(statuses):
        written = responses.pop(str(status), {})
        own = "content" in written and status != 422
        responses[str(status)] = written if own else {"$ref": REFERENCE.format("responses", FAILURES[status].name)}


def _never_null(parameter: Document) -> None:
    """What may be left out of an address or a header cannot be null there."""
    schema = parameter["schema"]
    choices = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(choices) == 1:
        schema.pop("anyOf")
        schema |= choices[0]
    schema.pop("title", None)


def _component(failure: Failure) -> Document:
    example = {"error": failure.error, "detail": failure.detail, "request_id": "0b7c2f5e9a3d4e1f8a6b5c4d3e2f1a0b"}
    content = {"schema": {"$ref": REFERENCE.format("schemas", "ErrorShape")}, "example": example}
    return {
        "description": failure.meaning,
        "content": {"application/json": content},
        **shown("X-Request-ID", *failure.headers),
    }
