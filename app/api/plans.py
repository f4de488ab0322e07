"""Plans: made from a template, checked off, moved; what the chat proposes to change; what is due."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.api.examples import TEMPLATES
from app.services.plans.shapes import (
    CommentCreate,
    DeadlinesPublic,
    PlanCreate,
    PlanPreview,
    PlanPublic,
    PlanRow,
    PlanStatus,
    PlanUpdate,
    ProposalPublic,
    ProposalStatus,
    StepCreate,
    StepUpdate,
    TemplatesPublic,
)
from app.services.shapes import Listing

router = APIRouter(tags=["plans"])

OfArtist = Annotated[
    str | None,
    Query(max_length=64, pattern=r"^[A-Za-z0-9-]+$", description="One of one's roster: theirs, and what is for all."),
]
LONGEST_DAYS = 366 * 2  # ahead: two years hold every plan that a template makes


@router.get(
    "/plans/templates",
    operation_id="list_plan_templates",
    responses={200: {"content": {"application/json": {"example": {"items": TEMPLATES, "next": None}}}}},
    summary="What a plan can be made from",
)
def templates(principal: PrincipalDep, services: ServicesDep) -> TemplatesPublic:
    """All of them at once. Each step with the days before the target date (below 0: after it) and the source of that figure."""
    return TemplatesPublic(items=services.plans.templates(principal))


@router.get("/plans", operation_id="list_plans", responses=told(404), summary="One's plans, the last changed first")
def plans(
    principal: PrincipalDep,
    services: ServicesDep,
    artist_id: OfArtist = None,
    status: PlanStatus | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[PlanRow]:
    return services.plans.list(principal, artist_id=artist_id, status=status, limit=limit, after=after)


@router.post(
    "/plans",
    operation_id="create_plan",
    status_code=201,
    responses=told(404, 409),
    summary="Make a plan from a template",
)
async def create(body: PlanCreate, principal: PrincipalDep, services: ServicesDep) -> PlanPublic:
    """Its days are computed from the target date; a language model, where there is one, fits the words to the goal."""
    return await services.plans.create(principal, body)


@router.get(
    "/plans/proposals",
    operation_id="list_own_proposals",
    responses=told(404),
    summary="What the chat proposes to change, of all one's plans",
)
def all_proposals(
    principal: PrincipalDep,
    services: ServicesDep,
    message_id: Annotated[
        str | None, Query(max_length=64, pattern=r"^[A-Za-z0-9-]+$", description="The answer that proposed it.")
    ] = None,
    status: ProposalStatus | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[ProposalPublic]:
    return services.plans.proposals(principal, message_id=message_id, status=status, limit=limit, after=after)


@router.get("/plans/{plan_id}", operation_id="get_plan", summary="One plan, checked against one's contracts")
def plan(plan_id: PathId, principal: PrincipalDep, services: ServicesDep) -> PlanPublic:
    return services.plans.get(principal, plan_id)


@router.get(
    "/plans/{plan_id}/preview",
    operation_id="preview_plan",
    responses=told(422),
    summary="What another target date would move",
)
def preview(
    plan_id: PathId,
    principal: PrincipalDep,
    services: ServicesDep,
    target_date: Annotated[date | None, Query(description="The other target date; left out: as it is.")] = None,
) -> PlanPreview:
    """Nothing is written."""
    return services.plans.preview(principal, plan_id, target_date)


@router.patch("/plans/{plan_id}", operation_id="update_plan", summary="Change title, goal, target date or status")
def update(plan_id: PathId, body: PlanUpdate, principal: PrincipalDep, services: ServicesDep) -> PlanPublic:
    """Another target date moves every open step by as many days, but for those dated by hand."""
    return services.plans.update(principal, plan_id, body)


@router.delete("/plans/{plan_id}", operation_id="delete_plan", status_code=204, summary="Delete a plan with its steps")
def delete(plan_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.plans.delete(principal, plan_id)
    return Response(status_code=204)


@router.post(
    "/plans/{plan_id}/steps", operation_id="add_step", status_code=201, responses=told(409), summary="Add a step"
)
def add_step(plan_id: PathId, body: StepCreate, principal: PrincipalDep, services: ServicesDep) -> PlanPublic:
    """The plan as it is then. Without a day the step is due on the target date and moves with it."""
    return services.plans.add_step(principal, plan_id, body)


@router.patch(
    "/plans/{plan_id}/steps/{step_id}",
    operation_id="update_step",
    summary="Check a step off, put it off, drop it, or write it by hand",
)
def update_step(
    plan_id: PathId, step_id: PathId, body: StepUpdate, principal: PrincipalDep, services: ServicesDep
) -> PlanPublic:
    """The plan as it is then. What is written by hand is named in `edited`, and nothing else overwrites it."""
    return services.plans.update_step(principal, plan_id, step_id, body)


@router.delete("/plans/{plan_id}/steps/{step_id}", operation_id="delete_step", status_code=204, summary="Delete a step")
def delete_step(plan_id: PathId, step_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.plans.delete_step(principal, plan_id, step_id)
    return Response(status_code=204)


@router.post(
    "/plans/{plan_id}/steps/{step_id}/comments",
    operation_id="comment_step",
    status_code=201,
    responses=told(409),
    summary="Comment on a step",
)
def comment(
    plan_id: PathId, step_id: PathId, body: CommentCreate, principal: PrincipalDep, services: ServicesDep
) -> PlanPublic:
    """The plan as it is then."""
    return services.plans.comment(principal, plan_id, step_id, body)


@router.get(
    "/plans/{plan_id}/proposals",
    operation_id="list_proposals",
    summary="What the chat proposes to change in a plan, oldest first",
)
def proposals(
    plan_id: PathId,
    principal: PrincipalDep,
    services: ServicesDep,
    status: ProposalStatus | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[ProposalPublic]:
    return services.plans.proposals(principal, plan_id, status=status, limit=limit, after=after)


@router.post(
    "/plans/{plan_id}/proposals/{proposal_id}/accept",
    operation_id="accept_proposal",
    responses=told(409),
    summary="Do what a proposal says",
)
def accept(plan_id: PathId, proposal_id: PathId, principal: PrincipalDep, services: ServicesDep) -> PlanPublic:
    """The plan as it is then."""
    return services.plans.accept(principal, plan_id, proposal_id)


@router.post(
    "/plans/{plan_id}/proposals/{proposal_id}/decline",
    operation_id="decline_proposal",
    responses=told(409),
    summary="Put a proposal away",
)
def decline(plan_id: PathId, proposal_id: PathId, principal: PrincipalDep, services: ServicesDep) -> ProposalPublic:
    return services.plans.decline(principal, plan_id, proposal_id)


@router.get(
    "/deadlines",
    operation_id="list_deadlines",
    responses=told(404),
    summary="What is overdue and what is due soon, of plans and of confirmed dates",
)
def deadlines(
    principal: PrincipalDep,
    services: ServicesDep,
    days: Annotated[int, Query(ge=0, le=LONGEST_DAYS, description="How far ahead.")] = 60,
    artist_id: OfArtist = None,
) -> DeadlinesPublic:
    return services.plans.deadlines(principal, days=days, artist_id=artist_id)
