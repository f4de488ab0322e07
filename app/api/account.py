"""One's account: who one is, the password, everything out, everything gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict
from starlette.background import BackgroundTask

from app.api.auth import Password
from app.api.deps import PrincipalDep, ServicesDep
from app.api.description import told
from app.auth.authenticate import session_cookie
from app.errors import AppError
from app.models import now
from app.services.accounts import AccountPublic

router = APIRouter(prefix="/account", tags=["account"])

BLOCK = 1 << 18  # bytes sent at a time
ARCHIVE: dict[int | str, dict[str, Any]] = {200: {"description": "A ZIP archive.", "content": {"application/zip": {}}}}


class NewPassword(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"old_password": "four words of mine", "new_password": "four other words of mine"}
        }
    )
    old_password: Password
    new_password: Password


@router.get("", operation_id="get_account", responses=told(404), summary="Who is signed in")
def account(principal: PrincipalDep, services: ServicesDep) -> AccountPublic:
    return services.accounts.get(principal)


@router.put(
    "/password",
    operation_id="set_password",
    responses=told(404, 429),
    status_code=204,
    summary="Change one's password from a browser, which stays signed in",
)
def password(body: NewPassword, principal: PrincipalDep, services: ServicesDep) -> Response:
    """Every other sign-in of the account ends. Programs use `POST /api/auth/password`, which answers with new tokens."""
    services.users.change_password(principal, body.old_password, body.new_password)
    return Response(status_code=204)


@router.get(
    "/export",
    operation_id="export_account",
    summary="Everything one owns, as a ZIP",
    response_class=StreamingResponse,
    responses={**ARCHIVE, **told(507)},
)
def export(principal: PrincipalDep, services: ServicesDep) -> StreamingResponse:
    """JSON files for the account, the profile, artists, documents, conversations with their citations, traces and audit
    rows; the documents themselves as they were uploaded."""
    file = services.accounts.export(principal)
    headers = {
        "Content-Disposition": f'attachment; filename="ai-manager-{now():%Y-%m-%d}.zip"',
        "Content-Length": str(os.fstat(file.fileno()).st_size),
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(
        _blocks(file), media_type="application/zip", headers=headers, background=BackgroundTask(file.close)
    )


@router.delete(
    "",
    operation_id="delete_account",
    responses=told(409, 422),
    status_code=204,
    summary="Delete the account with everything it owns, for good",
)
def delete(
    request: Request,
    principal: PrincipalDep,
    services: ServicesDep,
    confirm: Annotated[bool, Query(description="Must be true: nothing can be brought back.")] = False,
) -> Response:
    if not confirm:
        raise AppError(
            "This deletes your account with all documents and conversations for good; add ?confirm=true if you mean it.",
            status=422,
            code="confirm",
        )
    services.accounts.delete(principal)
    response = Response(status_code=204)
    if principal.kind == "session":
        secure = request.url.scheme == "https"
        response.delete_cookie(session_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
    return response


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK):
            yield block
