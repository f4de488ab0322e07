"""What routes ask for, each named once and then used as a type."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.auth.tokens import Tokens
from app.errors import Unauthorized
from app.principal import Principal
from app.services.services import Services

# For the OpenAPI page alone: the guard has authenticated the request by the time a route runs.
_bearer = HTTPBearer(
    scheme_name="bearer",
    bearerFormat="JWT",
    auto_error=False,
    description="The access token of `POST /api/auth/token`; it lives for ten minutes.",
)


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


async def _tokens(request: Request) -> Tokens:
    return cast(Tokens, request.app.state.tokens)


async def _maybe_principal(request: Request) -> Principal | None:
    principal = request.scope.get("state", {}).get("principal")
    return principal if isinstance(principal, Principal) else None


async def _principal(
    maybe: Annotated[Principal | None, Depends(_maybe_principal)],
    _credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Principal:
    if maybe is None:
        raise Unauthorized("Sign in first.")
    return maybe


ServicesDep = Annotated[Services, Depends(_services)]
TokensDep = Annotated[Tokens, Depends(_tokens)]
PrincipalDep = Annotated[Principal, Depends(_principal)]
MaybePrincipal = Annotated[Principal | None, Depends(_maybe_principal)]

# An id in a path: any text, so that an id of nobody and one of somebody else meet the same 404.
PathId = Annotated[
    str, Path(description="As other answers name it.", json_schema_extra={"pattern": "^[A-Za-z0-9-]{1,64}$"})
]
Limit = Annotated[int, Query(ge=1, description="How many at most; more than 200 counts as 200.")]
After = Annotated[
    str | None,
    Query(description="`next` of the page before.", max_length=64, pattern=r"^[A-Za-z0-9-]*$"),
]
