"""Where one is signed in, and signing out there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.auth.authenticate import session_cookie
from app.services.shapes import Listing
from app.services.sign_ins import SignInPublic

router = APIRouter(prefix="/account/sessions", tags=["account"])


@router.get("", operation_id="list_sessions", responses=told(404), summary="Where one is signed in, newest first")
def sign_ins(
    principal: PrincipalDep, services: ServicesDep, limit: Limit = 50, after: After = None
) -> Listing[SignInPublic]:
    return services.sign_ins.list(principal, limit=limit, after=after)


@router.delete("", operation_id="end_sessions", status_code=204, summary="Sign out everywhere")
def end_all(
    request: Request,
    principal: PrincipalDep,
    services: ServicesDep,
    others: Annotated[bool, Query(description="Leave the sign-in that asks.")] = False,
) -> Response:
    services.sign_ins.end_all(principal, others=others)
    response = Response(status_code=204)
    if principal.kind == "session" and not others:
        secure = request.url.scheme == "https"
        response.delete_cookie(session_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
    return response


@router.delete("/{session_id}", operation_id="end_session", status_code=204, summary="Sign out on one device")
def end(session_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.sign_ins.end(principal, session_id)
    return Response(status_code=204)
