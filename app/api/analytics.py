"""GET /api/analytics: figures of use, one's own; everybody's together for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.deps import PrincipalDep, ServicesDep
from app.services.analytics import AnalyticsPublic

router = APIRouter(tags=["analytics"])


@router.get(
    "/analytics", operation_id="get_analytics", summary="What was asked and added in the last 30 days, and totals"
)
def analytics(
    principal: PrincipalDep,
    services: ServicesDep,
    everybody: Annotated[bool, Query(alias="all", description="Of everybody together; for admins only.")] = False,
) -> AnalyticsPublic:
    return services.analytics.everyone(principal) if everybody else services.analytics.own(principal)
