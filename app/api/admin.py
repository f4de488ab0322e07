"""For admins: accounts, and how this server is doing."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.services.shapes import Listing, UserPublic
from app.services.system import SystemPublic

router = APIRouter(prefix="/admin", tags=["admin"])


class UserUpdate(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"disabled": True}})
    role: Literal["user", "admin"] | None = None
    disabled: bool | None = None


@router.get("/users", operation_id="list_users", responses=told(404), summary="Every account, oldest first")
def users(
    principal: PrincipalDep, services: ServicesDep, limit: Limit = 50, after: After = None
) -> Listing[UserPublic]:
    return services.administration.users(principal, limit=limit, after=after)


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
