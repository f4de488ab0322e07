"""A newcomer's first steps, and the sample documents."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from app.api.deps import PrincipalDep, ServicesDep
from app.api.description import told
from app.services.first_steps import StepsPublic
from app.services.samples import SamplesPublic

router = APIRouter(prefix="/account", tags=["account"])


class StepsChange(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"hidden": True}})
    hidden: bool


@router.get("/steps", operation_id="get_steps", summary="A newcomer's first steps, with what is done")
def steps(principal: PrincipalDep, services: ServicesDep) -> StepsPublic:
    return services.first_steps.of(principal)


@router.put("/steps", operation_id="set_steps", summary="Put the first steps away, or bring them back")
def set_steps(body: StepsChange, principal: PrincipalDep, services: ServicesDep) -> StepsPublic:
    return services.first_steps.hide(principal, body.hidden)


@router.get("/samples", operation_id="get_samples", summary="The sample documents among one's own")
def samples(principal: PrincipalDep, services: ServicesDep) -> SamplesPublic:
    return services.samples.held(principal)


@router.post(
    "/samples",
    operation_id="add_samples",
    responses=told(409, 507),
    status_code=202,
    summary="Add the sample documents to one's own",
)
def add_samples(principal: PrincipalDep, services: ServicesDep) -> SamplesPublic:
    """They are read like any other document. Those that are there already are not added again."""
    return services.samples.add(principal)


@router.delete("/samples", operation_id="delete_samples", status_code=204, summary="Delete the sample documents")
def delete_samples(principal: PrincipalDep, services: ServicesDep) -> Response:
    services.samples.remove(principal)
    return Response(status_code=204)
