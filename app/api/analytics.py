"""Figures of use: one's own, and everybody's together for admins. Each table also as CSV."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.csv_files import FILE, csv_file
from app.api.deps import PrincipalDep, ServicesDep
from app.services.analytics import AnalyticsPublic, Table

router = APIRouter(tags=["analytics"])


@router.get(
    "/analytics",
    operation_id="get_analytics",
    summary="What was asked, answered and added in the last 30 days, how plans go, what is due",
)
def analytics(
    principal: PrincipalDep,
    services: ServicesDep,
    everybody: Annotated[bool, Query(alias="all", description="Of everybody together; for admins only.")] = False,
) -> AnalyticsPublic:
    return services.analytics.everyone(principal) if everybody else services.analytics.own(principal)


@router.get(
    "/analytics.csv",
    operation_id="download_analytics",
    response_class=Response,
    responses=FILE,
    summary="One of these tables for spreadsheets",
)
def table(
    principal: PrincipalDep,
    services: ServicesDep,
    name: Annotated[Table, Query(alias="table", description="Which one.")] = "activity",
) -> Response:
    return csv_file(services.analytics.table(principal, name), name)
