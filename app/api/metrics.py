"""For admins: how well this server serves everybody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.csv_files import FILE, csv_file
from app.api.deps import PrincipalDep, ServicesDep
from app.services.metrics import MetricsPublic, Table

router = APIRouter(prefix="/admin", tags=["admin"])


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="How well this server serves everybody: goals, failures, what models took",
)
def metrics(principal: PrincipalDep, services: ServicesDep) -> MetricsPublic:
    return services.metrics.report(principal)


@router.get(
    "/metrics.csv",
    operation_id="download_metrics",
    response_class=Response,
    responses=FILE,
    summary="One of these tables for spreadsheets",
)
def metrics_table(
    principal: PrincipalDep,
    services: ServicesDep,
    name: Annotated[Table, Query(alias="table", description="Which one.")] = "metrics",
) -> Response:
    return csv_file(services.metrics.table(principal, name), name)
