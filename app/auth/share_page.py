"""What a share link shows: one thing, in plain HTML without a script, to whoever holds the link. Nobody signs in here."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.auth.answer import STRICT_POLICY
from app.errors import AppError, NotFound, TooMany
from app.services.exports.paper import Block, day_words
from app.services.exports.shares import Shared, ShareService

HEADERS = {
    "Content-Security-Policy": STRICT_POLICY,
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",  # the address is the secret
    "Cache-Control": "no-store",
}
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)

router = APIRouter(include_in_schema=False)


def _kind(block: Block) -> str:
    return type(block).__name__


@router.get("/s/{secret}")
def shared(secret: str, request: Request) -> HTMLResponse:
    shares: ShareService = request.app.state.services.shares
    address = request.client.host if request.client is not None else "local socket"
    try:
        return _page(shares.open(secret, address))
    except (NotFound, TooMany) as error:
        return _page(error)


def _page(found: Shared | AppError) -> HTMLResponse:
    refused = found if isinstance(found, AppError) else None
    paper = found.paper if isinstance(found, Shared) else None
    until = day_words(found.expires) if isinstance(found, Shared) else ""
    html = _templates.get_template("shared.html").render(
        paper=paper, refused=refused.sentence if refused else "", until=until, kind_of=_kind, day_words=day_words
    )
    response = HTMLResponse(html, refused.status if refused else 200, HEADERS)
    if refused is not None and refused.pause is not None:
        response.headers["Retry-After"] = str(refused.pause)
    return response
