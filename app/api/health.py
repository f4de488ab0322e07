"""GET /api/health: what works, for people, load balancers and containers; open to everyone."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api.deps import ServicesDep
from app.api.description import shown
from app.api.errors import BUSY_SECONDS, ErrorShape
from app.services.system import HealthReport

router = APIRouter(tags=["health"])

DOWN: dict[int | str, dict[str, Any]] = {
    503: {
        "model": HealthReport | ErrorShape,
        "description": "Questions cannot be answered now: the report says which part is down.",
        **shown("Retry-After"),
    }
}


@router.get(
    "/health",
    operation_id="get_health",
    response_model=HealthReport,
    responses=DOWN,
    summary="Each part with its status and milliseconds",
)
async def health(services: ServicesDep) -> JSONResponse:
    """200 while questions can be answered (`ok` or `degraded`), 503 when they cannot (`down`)."""
    report: dict[str, Any] = await services.health.report()
    if report["status"] == "down":
        return JSONResponse(report, 503, {"Retry-After": str(BUSY_SECONDS)})
    return JSONResponse(report)
