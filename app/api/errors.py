"""Every error of the REST door in one shape: {"error": code, "detail": sentence, "request_id": id}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from loguru import logger
from pydantic import BaseModel, Field
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db import overtaken
from app.errors import AppError, Conflict, Unavailable
from app.log import request_id

UNEXPECTED = "Something went wrong here; try again, and tell whoever runs this server: the log has this request id."
BUSY_SECONDS = 2  # to wait before another try; the database waits 5 s for its lock by itself


class ErrorShape(BaseModel):
    """What went wrong: a code for programs, a sentence for people, an id for whoever runs this server."""

    error: str = Field(description="A stable code for programs.", examples=["not_found"])
    detail: str = Field(description="One sentence that says what to do.", examples=["There is no such document."])
    request_id: str = Field(description="The log has this id.", examples=["0b7c2f5e9a3d4e1f8a6b5c4d3e2f1a0b"])


# Starlette's own refusals, in our words: status -> (code, sentence).
_HTTP = {
    400: ("bad_request", "The body of this request cannot be read; check its format and its Content-Type."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
}

# pydantic error type -> what the field must be. The values in braces are our own limits, never what was sent.
_RULES = {
    "missing": "is missing; send it",
    "string_pattern_mismatch": "must hold words and no NUL characters",
    "literal_error": "must be {expected}",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "may have at most {max_length} characters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "may be at most {le}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
}


class BodyRefused(HTTPException):
    """Raised while a body is read: FastAPI lets HTTP exceptions out of there and makes a 400 of all others."""

    def __init__(self, refusal: AppError) -> None:
        super().__init__(refusal.status, refusal.sentence)
        self.refusal = refusal


def install(app: FastAPI) -> None:
    """Render every error of `app` in the one shape. Call it before other middleware is added."""
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OperationalError, _database_error)
    app.add_exception_handler(IntegrityError, _overtaken)
    app.add_middleware(_Unexpected)


def render(error: AppError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response for an error: its status and sentence, and Retry-After where it passes."""
    sent = dict(headers or {})
    if error.pause is not None:
        sent["Retry-After"] = str(error.pause)
    if error.status == 401:
        sent["WWW-Authenticate"] = "Bearer"
    shape = ErrorShape(error=error.code, detail=error.sentence, request_id=request_id.get())
    return JSONResponse(shape.model_dump(), error.status, sent)


def unexpected(error: Exception) -> AppError:
    """The sentence for a bug. The log gets the type and the place: an exception's text may hold a user's words."""
    logger.bind(error=type(error).__name__).opt(exception=error).error("request failed")
    return AppError(UNEXPECTED, status=500, code="internal")


def sentence(errors: Sequence[Any]) -> str:
    """The first of pydantic's errors as one sentence that names the field and echoes nothing that was sent."""
    first = errors[0]
    kind, context = first["type"], first.get("ctx", {})
    if kind == "json_invalid":
        return "The body is not valid JSON; check its quotes and commas."
    field = ".".join(str(part) for part in first["loc"][1:])
    if not field:
        return "The body must be a JSON object, sent as application/json."
    if kind == "string_too_short" and context["min_length"] == 1:
        return f"The field '{field}' is empty; fill it in."
    if kind == "string_pattern_mismatch" and first["loc"][0] != "body":
        return f"'{field}' is not what it may be here; see /api/openapi.json."
    if kind == "extra_forbidden":  # its name is not echoed
        return "There is a field that is not known here; leave it out."
    if "UploadFile" in first["msg"]:  # text was sent in its place
        return f"The field '{field}' must be a file; choose one."
    rule = _RULES.get(kind, "is not valid; see /api/openapi.json for what it may be").format(**context)
    return f"The field '{field}' {rule}."


async def _app_error(_request: Request, error: Exception) -> JSONResponse:
    return render(cast(AppError, error))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    told = sentence(cast(RequestValidationError, error).errors())
    return render(AppError(told, status=422, code="invalid_request"))


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, BodyRefused):
        return render(error.refusal)
    refused = cast(HTTPException, error)
    code, told = _HTTP.get(refused.status_code, ("refused", "This request cannot be answered; check it and try again."))
    return render(AppError(told, status=refused.status_code, code=code), refused.headers)


async def _database_error(_request: Request, error: Exception) -> JSONResponse:
    logger.bind(error=type(error).__name__).warning("database does not answer")
    if "disk is full" in str(cast(OperationalError, error).orig):
        told = "The disk is full; make room on it and try again."
        return render(AppError(told, status=507, code="disk_full"))
    told = "The database is busy or does not answer; try again in a few seconds."
    return render(Unavailable(told, retry_after=BUSY_SECONDS))


async def _overtaken(_request: Request, error: Exception) -> JSONResponse:
    """A row whose owner, artist or conversation was deleted between two statements (PostgreSQL looks at both at once)."""
    if not overtaken(cast(IntegrityError, error)):
        return render(unexpected(error))
    return render(Conflict("What this belongs to was deleted at this moment; load the page anew.", code="overtaken"))


class _Unexpected:
    """Innermost middleware: a bug in a route becomes the one shape while the request id is still known.

    Starlette's own handler for `Exception` stands outside all middleware, so outside the guard.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            raise
        except Exception as error:  # the last place that can say anything to the caller
            response = render(unexpected(error))
            if started:  # half an answer cannot be mended; its missing end tells
                raise
            await response(scope, receive, send)
