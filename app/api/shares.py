"""Share links: made, listed, taken back. What one shows is a page of its own: app/auth/share_page.py."""

from __future__ import annotations

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import told
from app.services.exports.shares import SharePublic, ShareRequest
from app.services.shapes import Listing

router = APIRouter(prefix="/shares", tags=["shares"])

Reach = Literal["everywhere", "network", "machine"]
NOTES: dict[Reach, str] = {
    "everywhere": "",
    "network": "This link works within this network only, and while this machine runs: from outside nobody can reach it.",
    "machine": "This link works on this machine only: nobody else can reach {host}. To share with others, whoever runs AI "
    "Manager has to let them in first: people of the same network (server.allow_local_network), or everyone (server.public_url).",
}
_LOCAL = (".local", ".lan", ".home", ".internal", ".home.arpa")


class ShareMade(SharePublic):
    """The link with its address, told this one time."""

    url: str
    reach: Reach = Field(description="from where it can be opened, as far as the address tells")
    note: str = Field(description="what to know before it is sent; empty where it works everywhere")


@router.get("", operation_id="list_shares", responses=told(404), summary="One's share links that work, newest first")
def shares(
    principal: PrincipalDep, services: ServicesDep, limit: Limit = 50, after: After = None
) -> Listing[SharePublic]:
    return services.shares.list(principal, limit=limit, after=after)


@router.post(
    "",
    operation_id="create_share",
    responses=told(404, 409),
    status_code=201,
    summary="Make a link that shows one thing to whoever holds it",
)
def create(body: ShareRequest, request: Request, principal: PrincipalDep, services: ServicesDep) -> ShareMade:
    """Read-only, without sign-in, until it expires or is revoked. A plan is shown as it is then, without comments; a
    conversation as far as it goes now."""
    made, secret = services.shares.create(principal, body)
    base = public_address(request, services.settings.server.public_url)
    host = urlsplit(base).hostname or ""
    reach = reach_of(host)
    return ShareMade(**made.model_dump(), url=f"{base}/s/{secret}", reach=reach, note=NOTES[reach].format(host=host))


@router.delete("/{share_id}", operation_id="revoke_share", status_code=204, summary="Revoke a share link")
def revoke(share_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.shares.revoke(principal, share_id)
    return Response(status_code=204)


def public_address(request: Request, configured: str | None) -> str:
    """Under which this installation is known: a tunnel's, the settings', or the one this request came to."""
    known = getattr(request.app.state, "public_url", None) or configured
    return str(known).rstrip("/") if known else f"{request.url.scheme}://{request.headers['host']}"


def reach_of(host: str) -> Reach:
    """From where a host's name or address can be opened, as far as it tells."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            return "machine"
        return "network" if "." not in host or host.endswith(_LOCAL) else "everywhere"
    if address.is_loopback:
        return "machine"
    return "everywhere" if address.is_global else "network"
