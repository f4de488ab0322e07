"""Accounts, for admins."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.services.shapes import Listing, UserPublic

router = APIRouter(prefix="/admin", tags=["admin"])


class UserUpdate(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"disabled": True}})
    role: Literal["user", "admin"] | None = None
    disabled: bool | None = None


@router.get("/users", summary="Every account, oldest first")
def users(
    principal: PrincipalDep, services: ServicesDep, limit: Limit = 50, after: After = None
) -> Listing[UserPublic]:
    return services.administration.users(principal, limit=limit, after=after)


@router.patch("/users/{user_id}", summary="Change a role, shut an account out or let it in again")
def change(user_id: PathId, body: UserUpdate, principal: PrincipalDep, services: ServicesDep) -> UserPublic:
    """Whoever is demoted or disabled is signed out everywhere at once. The last admin stays."""
    return services.administration.change(principal, user_id, role=body.role, disabled=body.disabled)
