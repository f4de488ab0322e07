"""The artists a user works for, and handing one over."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.services.artists import LONGEST_NAME, ArtistPublic
from app.services.handovers import OfferPublic
from app.services.shapes import Listing

router = APIRouter(prefix="/artists", tags=["artists"])


class ArtistCreate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"name": "The Night Shift"}})
    name: str = Field(min_length=1, max_length=LONGEST_NAME)


class ArtistUpdate(ArtistCreate):
    pass


class Recipient(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"email": "ada@example.com"}})
    email: str = Field(min_length=1, max_length=254)


class Offered(BaseModel):
    detail: str = "If this address belongs to an account here, its owner can accept the artist now."


@router.get("", operation_id="list_artists", responses=told(404), summary="One's artists, oldest first")
def artists(
    principal: PrincipalDep, services: ServicesDep, limit: Limit = 50, after: After = None
) -> Listing[ArtistPublic]:
    return services.artists.list(principal, limit=limit, after=after)


@router.post("", operation_id="create_artist", status_code=201, summary="Add an artist to one's roster")
def create(body: ArtistCreate, principal: PrincipalDep, services: ServicesDep) -> ArtistPublic:
    return services.artists.create(principal, body.name)


@router.get(
    "/offers",
    operation_id="list_offers",
    responses=told(404),
    summary="Artists that others offer to hand over to oneself",
)
def offers(
    principal: PrincipalDep, services: ServicesDep, limit: Limit = 50, after: After = None
) -> Listing[OfferPublic]:
    return services.handovers.offers(principal, limit=limit, after=after)


@router.post(
    "/offers/{offer_id}/accept",
    operation_id="accept_offer",
    responses=told(409),
    summary="Take an artist over, with its documents and conversations",
)
def accept(offer_id: PathId, principal: PrincipalDep, services: ServicesDep) -> ArtistPublic:
    """The documents answer nobody until they have been read anew."""
    return services.handovers.accept(principal, offer_id)


@router.post("/offers/{offer_id}/decline", operation_id="decline_offer", status_code=204, summary="Decline an artist")
def decline(offer_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.handovers.decline(principal, offer_id)
    return Response(status_code=204)


@router.patch("/{artist_id}", operation_id="update_artist", summary="Rename an artist")
def rename(artist_id: PathId, body: ArtistUpdate, principal: PrincipalDep, services: ServicesDep) -> ArtistPublic:
    return services.artists.rename(principal, artist_id, body.name)


@router.delete(
    "/{artist_id}",
    operation_id="delete_artist",
    responses=told(409),
    status_code=204,
    summary="Delete an artist with everything of theirs",
)
def delete(artist_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.artists.delete(principal, artist_id)
    return Response(status_code=204)


@router.post(
    "/{artist_id}/handover",
    operation_id="offer_artist",
    responses=told(409),
    status_code=202,
    summary="Offer an artist to another user",
)
def offer(artist_id: PathId, body: Recipient, principal: PrincipalDep, services: ServicesDep) -> Offered:
    """The same answer whether the address is known here or not. A new offer takes the place of an open one."""
    services.handovers.offer(principal, artist_id, body.email)
    return Offered()


@router.delete("/{artist_id}/handover", operation_id="withdraw_offer", status_code=204, summary="Take an offer back")
def withdraw(artist_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.handovers.withdraw(principal, artist_id)
    return Response(status_code=204)
