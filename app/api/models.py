"""For admins: the language model, and what it took."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.deps import PrincipalDep, ServicesDep
from app.api.description import told
from app.services.model_probe import Tried
from app.services.models import ModelsPublic, ModelTry, ModelUpdate
from app.services.usage import UsagePublic, as_csv

router = APIRouter(prefix="/admin", tags=["admin"])

From = Annotated[date | None, Query(alias="from", description="The first day; without it the first of the month.")]
To = Annotated[date | None, Query(description="The last day; without it today.")]


@router.get(
    "/models", operation_id="get_models", summary="Which language model writes the answers, and what can be chosen"
)
async def models(principal: PrincipalDep, services: ServicesDep) -> ModelsPublic:
    return await services.models.look(principal)


@router.put(
    "/models",
    operation_id="choose_model",
    responses=told(409, 422),
    summary="Choose the language model; it takes effect without a restart",
)
async def choose(body: ModelUpdate, principal: PrincipalDep, services: ServicesDep) -> ModelsPublic:
    """What is left out takes its default, but for `key`. Answers that are being written end with the model they began with."""
    return await services.models.change(principal, body)


@router.post(
    "/models/test",
    operation_id="test_model",
    responses=told(422),
    summary="Ask a language model one word, without saving anything",
)
async def test(body: ModelTry, principal: PrincipalDep, services: ServicesDep) -> Tried:
    return await services.models.test(principal, body)


@router.get(
    "/usage", operation_id="get_usage", responses=told(422), summary="What language models took, by day and model"
)
def usage(principal: PrincipalDep, services: ServicesDep, first: From = None, to: To = None) -> UsagePublic:
    return services.usage.report(principal, first, to)


@router.get(
    "/usage.csv",
    operation_id="get_usage_csv",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **told(422)},
    response_class=Response,
    summary="The same as a table for spreadsheets",
)
def usage_csv(principal: PrincipalDep, services: ServicesDep, first: From = None, to: To = None) -> Response:
    report = services.usage.report(principal, first, to)
    name = f"usage-{report.first}-{report.last}.csv"
    return Response(
        as_csv(report), media_type="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
