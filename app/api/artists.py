"""The artists a user works for."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import After, Limit, PrincipalDep, ServicesDep
from app.services.artists import LONGEST_NAME, ArtistPublic
from app.services.shapes import Listing

router = APIRouter(prefix="/artists", tags=["artists"])


class ArtistCreate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"name": "The Night Shift"}})
    name: str = Field(min_length=1, max_length=LONGEST_NAME)


@router.get("", summary="One's artists, oldest first")
def artists(
    principal: PrincipalDep, services: ServicesDep, limit: Limit = 50, after: After = None
) -> Listing[ArtistPublic]:
    return services.artists.list(principal, limit=limit, after=after)


@router.post("", status_code=201, summary="Add an artist to one's roster")
def create(body: ArtistCreate, principal: PrincipalDep, services: ServicesDep) -> ArtistPublic:
    return services.artists.create(principal, body.name)
