"""GET /api/health: what works, for people, load balancers and containers; open to everyone."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api.deps import ServicesDep

router = APIRouter(tags=["health"])


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Each part with its status and milliseconds")
async def health(services: ServicesDep) -> JSONResponse:
    """200 while questions can be answered (`ok` or `degraded`), 503 when they cannot (`down`)."""
    report: dict[str, Any] = await services.health.report()
    return JSONResponse(report, 503 if report["status"] == "down" else 200)
