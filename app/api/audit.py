"""GET /api/audit: who did and read what, when; as a page of a list, or as a file for a spreadsheet."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from app.api.deps import After, Limit, PrincipalDep, ServicesDep
from app.api.description import told
from app.models import now
from app.services.access_log import AuditFilter
from app.services.shapes import AuditPublic, Listing

router = APIRouter(tags=["audit"])

FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The newest 50 000 rows.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}
Code = Annotated[str | None, Query(pattern=r"^[a-z_]{1,12}$")]


async def _which(
    user: Annotated[
        str | None,
        Query(
            pattern=r"^[^\s\x00-\x1f]{1,254}$", description="A user's id or e-mail address; of others, for admins only."
        ),
    ] = None,
    action: Annotated[
        str | None, Query(pattern=r"^[a-z0-9._:-]{1,40}$", description="Such as `document.download`.")
    ] = None,
    kind: Annotated[
        Literal["reading", "changes", "sign_ins", "refused"] | None, Query(description="What sort of things.")
    ] = None,
    outcome: Annotated[Code, Query(description="`granted` or `refused`.")] = None,
    door: Annotated[Code, Query(description="`session`, `token`, `operator`, `system` or `anonymous`.")] = None,
    object_id: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9:_-]{1,60}$", description="What it was done to.")
    ] = None,
    since: Annotated[datetime | None, Query(description="From this moment on; without a zone it is UTC.")] = None,
    until: Annotated[datetime | None, Query(description="Before this moment.")] = None,
) -> AuditFilter:
    return AuditFilter(user, action, outcome, door, object_id, since, until, kind)


Which = Annotated[AuditFilter, Depends(_which)]


@router.get("/audit", operation_id="list_audit", summary="One's own access log, newest first; everybody's for admins")
def audit(
    principal: PrincipalDep, services: ServicesDep, which: Which, limit: Limit = 50, after: After = None
) -> Listing[AuditPublic]:
    return services.access_log.list(principal, which=which, limit=limit, after=after)


@router.get(
    "/audit.csv",
    operation_id="download_audit",
    response_class=StreamingResponse,
    responses={**FILE, **told(422)},
    summary="The same as a CSV file",
)
def download(principal: PrincipalDep, services: ServicesDep, which: Which) -> StreamingResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="audit-{now():%Y-%m-%d}.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    rows = services.access_log.download(principal, which)
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)
