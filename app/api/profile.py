"""What a user says about themselves; prompts are told it."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.deps import PrincipalDep, ServicesDep
from app.services.profiles import ProfileShape
from app.services.roles.roles import RolePublic

router = APIRouter(prefix="/profile", tags=["profile"])


@router.get("", operation_id="get_profile", summary="One's profile; empty fields where nothing was said")
def profile(principal: PrincipalDep, services: ServicesDep) -> ProfileShape:
    return services.profiles.get(principal)


@router.put("", operation_id="replace_profile", summary="Replace one's profile")
def replace(body: ProfileShape, principal: PrincipalDep, services: ServicesDep) -> ProfileShape:
    return services.profiles.put(principal, body)


@router.get(
    "/role", operation_id="get_role", summary="What fits one's role: questions, plans, drafts, papers worth adding"
)
def role(principal: PrincipalDep, services: ServicesDep) -> RolePublic:
    return services.roles.public(principal)
