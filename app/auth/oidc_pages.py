"""Signing in at an OpenID provider: the way there and the way back."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.auth.handshake import SECONDS, Handshake, handshake_cookie
from app.auth.oidc import OpenIDProvider, OpenIDSignIn
from app.auth.pages import HOME, enter, local_path, principal_of, show_page
from app.errors import AppError, Unauthorized
from app.models import User
from app.services.identities import IdentityService

PAGE = "login.html"
LONGEST_NEXT = 1024  # characters; the cookie must stay below 4096

router = APIRouter(include_in_schema=False)


@router.get("/login/oidc/{name}")
async def begin(request: Request, name: str, next: str = "") -> Response:
    if principal_of(request) is not None:
        return RedirectResponse(local_path(next), 303)
    where = local_path(next)
    openid = _openid(request)
    try:
        provider = openid.provider(name)
        handshake, cookie = openid.handshakes.start(name, where if len(where) <= LONGEST_NEXT else HOME)
        url = await provider.authorization_url(_redirect_uri(request, name), handshake)
    except AppError as error:
        return show_page(request, PAGE, next, error=error)
    response = RedirectResponse(url, 303)
    secure = request.url.scheme == "https"
    response.set_cookie(
        handshake_cookie(secure),
        cookie,
        max_age=SECONDS,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",  # the provider's page leads back here: strict would leave the cookie behind
    )
    return response


@router.get("/login/oidc/{name}/callback")
async def come_back(request: Request, name: str) -> Response:
    openid = _openid(request)
    secure = request.url.scheme == "https"
    try:
        provider = openid.provider(name)
        cookie = request.cookies.get(handshake_cookie(secure))
        handshake = openid.handshakes.resume(cookie, name, request.query_params.get("state"))
    except AppError as error:  # a stranger's link ends here: nothing was written, and a sign-in under way goes on
        return show_page(request, PAGE, "", error=error)
    response: Response
    try:
        user = await _sign_in(request, provider, handshake)
    except AppError as error:
        response = show_page(request, PAGE, handshake.next, error=error)
    else:
        response = await to_thread.run_sync(enter, request, user, False, handshake.next)
    response.delete_cookie(handshake_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
    return response


async def _sign_in(request: Request, provider: OpenIDProvider, handshake: Handshake) -> User:
    identities: IdentityService = request.app.state.services.identities
    await to_thread.run_sync(identities.spend, handshake.id, handshake.ends)
    try:
        redirect_uri = _redirect_uri(request, provider.row.name)
        claimed = await provider.identify(request.query_params, redirect_uri, handshake)
    except Unauthorized:
        await to_thread.run_sync(identities.refuse, provider.row)
        raise
    return await to_thread.run_sync(identities.sign_in, provider.row, claimed.subject, claimed.email)


def _redirect_uri(request: Request, name: str) -> str:
    """As the provider knows it: at the public address where one is set, else at the one the browser used."""
    own = f"{request.url.scheme}://{request.url.netloc}"
    return f"{(_openid(request).public_url or own).rstrip('/')}/login/oidc/{name}/callback"


def _openid(request: Request) -> OpenIDSignIn:
    openid: OpenIDSignIn = request.app.state.openid
    return openid
