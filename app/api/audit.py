"""GET /api/audit: who did and read what, when."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from app.api.deps import After, Limit, PrincipalDep, ServicesDep
from app.services.shapes import AuditPublic, Listing

router = APIRouter(tags=["audit"])


@router.get("/audit", operation_id="list_audit", summary="One's own access log, newest first; everybody's for admins")
def audit(
    principal: PrincipalDep,
    services: ServicesDep,
    user: Annotated[
        str | None, Query(pattern=r"^[A-Za-z0-9:_-]{1,60}$", description="A user's id; of others, for admins only.")
    ] = None,
    action: Annotated[str | None, Query(pattern=r"^[a-z._]{1,40}$", description="Such as `document.download`.")] = None,
    kind: Annotated[
        Literal["reading", "changes", "sign_ins", "refused"] | None, Query(description="What sort of things.")
    ] = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[AuditPublic]:
    return services.access_log.list(principal, user=user, action=action, kind=kind, limit=limit, after=after)
