"""For admins: accounts, and how this server is doing."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.services.administration import AdminUserPublic, MadePassword
from app.services.shapes import Listing, UserPublic
from app.services.system import SystemPublic

router = APIRouter(prefix="/admin", tags=["admin"])


class UserUpdate(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"disabled": True}})
    role: Literal["user", "admin"] | None = None
    disabled: bool | None = None


class UserCreate(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"email": "ada@example.com"}})
    email: str = Field(max_length=254)
    role: Literal["user", "admin"] = "user"


@router.get("/users", operation_id="list_users", responses=told(404), summary="Every account, oldest first")
def users(
    principal: PrincipalDep,
    services: ServicesDep,
    search: Annotated[str | None, Query(max_length=254, description="A part of the e-mail address.")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[AdminUserPublic]:
    return services.administration.users(principal, search=search, limit=limit, after=after)


@router.post(
    "/users",
    operation_id="add_user",
    status_code=201,
    responses=told(409, 429),
    summary="Open an account, with a password made here",
)
def add(body: UserCreate, principal: PrincipalDep, services: ServicesDep) -> MadePassword:
    """Also where registration is closed. The password is told in this answer alone."""
    return services.administration.add(principal, body.email, body.role)


@router.post(
    "/users/{user_id}/password",
    operation_id="reset_password",
    responses=told(429),
    summary="Replace a password by one made here",
)
def reset_password(user_id: PathId, principal: PrincipalDep, services: ServicesDep) -> MadePassword:
    """Whoever it is for is signed out everywhere at once. The password is told in this answer alone."""
    return services.administration.reset_password(principal, user_id)


@router.patch(
    "/users/{user_id}",
    operation_id="update_user",
    responses=told(409),
    summary="Change a role, shut an account out or let it in again",
)
def change(user_id: PathId, body: UserUpdate, principal: PrincipalDep, services: ServicesDep) -> UserPublic:
    """Whoever is demoted or disabled is signed out everywhere at once. The last admin stays."""
    return services.administration.change(principal, user_id, role=body.role, disabled=body.disabled)


@router.get(
    "/system", operation_id="get_system", summary="How this server is doing: health, counts, disk, queues, versions"
)
async def system(principal: PrincipalDep, services: ServicesDep) -> SystemPublic:
    return await services.system.report(principal)


@router.post(
    "/system/check",
    operation_id="check_system",
    summary="The same with every part asked anew; database, vectors and files are compared soon after",
)
async def check(principal: PrincipalDep, services: ServicesDep) -> SystemPublic:
    return await services.system.check(principal)
