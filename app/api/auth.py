"""Registering and signing in for programs: a short-lived access token and a refresh token that changes at each use."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import MaybePrincipal, PrincipalDep, ServicesDep, TokensDep
from app.api.description import told
from app.auth.authenticate import session_cookie
from app.auth.tokens import Tokens
from app.errors import Unauthorized
from app.services.services import Services

router = APIRouter(prefix="/auth", tags=["auth"])

# Longer than any that can be right. A limit also makes pydantic refuse text that is no valid Unicode.
Password = Annotated[str, Field(max_length=1000)]
Secret = Annotated[str, Field(max_length=200)]


class Credentials(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"example": {"email": "ada@example.com", "password": "four words of mine"}}
    )
    email: str = Field(max_length=254)
    password: Password


class Refresh(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"refresh_token": "dGhpcyBpcyBub3Qgb25l.bm9yIGlzIHRoaXM"}})
    refresh_token: Secret


class PasswordChange(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"old_password": "four words of mine", "new_password": "four other words of mine"}
        }
    )
    old_password: Password
    new_password: Password


class TokenPair(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int  # seconds the access token lives


@router.post(
    "/register",
    operation_id="register",
    responses=told(409, 429),
    status_code=201,
    summary="Open an account and sign in",
)
def register(body: Credentials, request: Request, services: ServicesDep, tokens: TokensDep) -> TokenPair:
    return _open(services, tokens, services.users.register(body.email, body.password, _address(request)).id)


@router.post("/token", operation_id="sign_in", responses=told(401, 429), summary="Sign in")
def token(body: Credentials, request: Request, services: ServicesDep, tokens: TokensDep) -> TokenPair:
    return _open(services, tokens, services.users.verify(body.email, body.password, _address(request)).id)


@router.post(
    "/refresh",
    operation_id="refresh_tokens",
    responses=told(401),
    summary="Exchange a refresh token; the old one is void from then on",
)
def refresh(body: Refresh, services: ServicesDep, tokens: TokensDep) -> TokenPair:
    """Using a refresh token a second time ends the sign-in: somebody has a copy."""
    session, user, secret = services.sessions.rotate(body.refresh_token)
    return _pair(tokens, user.id, session.id, secret)


@router.post(
    "/logout",
    operation_id="sign_out",
    openapi_extra={"security": [{}]},
    responses=told(401),
    status_code=204,
    summary="End a sign-in",
)
def logout(request: Request, services: ServicesDep, principal: MaybePrincipal, body: Refresh | None = None) -> Response:
    """Ends the sign-in of the access token or the cookie, and the one of `refresh_token` where it is given."""
    session_id = principal.session_id if principal is not None else None
    if session_id is None and body is None:
        raise Unauthorized("There is no sign-in to end here; send its refresh token.")
    if session_id is not None:
        services.sessions.close(session_id)
    if body is not None:
        services.sessions.close_family(body.refresh_token)
    response = Response(status_code=204)
    if principal is not None and principal.kind == "session":
        secure = request.url.scheme == "https"
        response.delete_cookie(session_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
    return response


@router.post("/password", operation_id="change_password", responses=told(429), summary="Change one's password")
def password(body: PasswordChange, services: ServicesDep, tokens: TokensDep, principal: PrincipalDep) -> TokenPair:
    """Every other sign-in of the account ends; this one stays, and a new pair comes back."""
    services.users.change_password(principal, body.old_password, body.new_password)
    return _open(services, tokens, principal.user_id)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "local socket"


def _open(services: Services, tokens: Tokens, user_id: str) -> TokenPair:
    session, secret = services.sessions.open_api(user_id)
    return _pair(tokens, user_id, session.id, secret)


def _pair(tokens: Tokens, user_id: str, session_id: str, secret: str) -> TokenPair:
    access, seconds = tokens.issue(user_id, session_id)
    return TokenPair(access_token=access, refresh_token=secret, expires_in=seconds)
