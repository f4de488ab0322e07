"""Important dates: found in documents and confirmed, or one's own."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.services.insight.dates_service import LONGEST_LABEL
from app.services.insight.shapes import DatePublic, DateStatus
from app.services.shapes import Id, Listing, Words

router = APIRouter(prefix="/dates", tags=["dates"])

Named = Annotated[str | None, Query(max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


class DateCreate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"label": "Mix due", "day": "2027-02-01"}})
    label: Words = Field(max_length=LONGEST_LABEL)
    day: date
    artist_id: Id | None = None


class DateUpdate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"status": "accepted"}})
    status: DateStatus | None = Field(default=None, description="accepted: confirmed; declined: put away")
    day: date | None = None
    label: Words | None = Field(default=None, max_length=LONGEST_LABEL)


@router.get("", operation_id="list_dates", responses=told(404), summary="One's important dates, the earliest first")
def dates(
    principal: PrincipalDep,
    services: ServicesDep,
    status: DateStatus | None = None,
    artist_id: Annotated[Named, Query(description="That artist's, and those of all artists.")] = None,
    document_id: Annotated[Named, Query(description="Those that this document names.")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[DatePublic]:
    """What documents name is `proposed` until it is confirmed; only `accepted` dates enter calendar and deadlines."""
    return services.dates.list(
        principal, status=status, artist_id=artist_id, document_id=document_id, limit=limit, after=after
    )


@router.post("", operation_id="create_date", status_code=201, responses=told(404), summary="Keep a date of one's own")
def create(body: DateCreate, principal: PrincipalDep, services: ServicesDep) -> DatePublic:
    return services.dates.create(principal, body.label, body.day, body.artist_id)


@router.patch("/{date_id}", operation_id="update_date", summary="Confirm, put away or change a date")
def update(date_id: PathId, body: DateUpdate, principal: PrincipalDep, services: ServicesDep) -> DatePublic:
    return services.dates.update(principal, date_id, status=body.status, day=body.day, label=body.label)


@router.delete("/{date_id}", operation_id="delete_date", status_code=204, summary="Delete a date, or put it away")
def delete(date_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    """One's own goes; one that a document names is `declined`, for it would be proposed again."""
    services.dates.delete(principal, date_id)
    return Response(status_code=204)
