"""Sign-in, registration and sign-out in plain HTML that needs no script: password managers and old phones are at home."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.auth.answer import STRICT_POLICY
from app.auth.authenticate import session_cookie
from app.errors import AppError
from app.models import User
from app.principal import Principal
from app.services.devices import device_words
from app.services.passwords import SHORTEST
from app.services.sessions import SessionService
from app.services.users import UserService

HERE = Path(__file__).parent
HOME = "/app/"
WELCOME = "/app/welcome"  # the guided start of who has just registered
FILES = {"auth.css": "text/css", "shared.css": "text/css", "auth.js": "text/javascript", "favicon.svg": "image/svg+xml"}
# The field that an error is about, by its code; others stand above the form.
FIELDS = {
    "wrong_credentials": "password", "weak_password": "password", "invalid_email": "email", "already_registered": "email",
}  # fmt: skip
POLICY = STRICT_POLICY + "; script-src 'self'"

_templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)
_NEXT = re.compile(r"/app(?:[/?][A-Za-z0-9._~/?&=%+:@,;-]*)?")

Text = Annotated[str, Form()]
router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    return RedirectResponse(HOME if principal_of(request) else "/login", 303)


@router.get("/login")
def login_page(request: Request, next: str = "") -> Response:
    if principal_of(request) is not None:
        return RedirectResponse(local_path(next), 303)
    return show_page(request, "login.html", next)


@router.post("/login")
def login(request: Request, email: Text = "", password: Text = "", trusted: Text = "", next: Text = "") -> Response:
    def sign_in() -> User:
        return _users(request).verify(email, password, _address(request))

    return _enter(request, "login.html", sign_in, email, trusted, next)


@router.get("/register")
def register_page(request: Request, next: str = "") -> Response:
    if principal_of(request) is not None:
        return RedirectResponse(local_path(next), 303)
    return show_page(request, "register.html", next)


@router.post("/register")
def register(request: Request, email: Text = "", password: Text = "", trusted: Text = "", next: Text = "") -> Response:
    def sign_up() -> User:
        return _users(request).register(email, password, _address(request))

    return _enter(request, "register.html", sign_up, email, trusted, next, WELCOME)


@router.post("/logout")
def logout(request: Request) -> Response:
    _close_current(request)
    response = RedirectResponse("/login", 303)
    secure = request.url.scheme == "https"
    response.delete_cookie(session_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"storage"'  # what Gradio's components may have kept in this browser
    return response


@router.get("/static/{name}")
def static(name: str) -> Response:
    if name not in FILES:
        return Response(status_code=404)
    return FileResponse(HERE / "static" / name, media_type=FILES[name])


@router.get("/favicon.ico")
def favicon() -> Response:
    return static("favicon.svg")


def local_path(next: str) -> str:
    """Where to go after signing in: a path of the application, whatever was asked for (no open redirect)."""
    return next if _NEXT.fullmatch(next) and "//" not in next and ".." not in next else HOME


def _enter(
    request: Request, page: str, act: Callable[[], User], email: str, trusted: str, next: str, home: str = HOME
) -> Response:
    """Run `act`; open a session for the user it returns, or show the page again with the sentence it raised. `home` is
    where it leads whoever asked for no page in particular.
    """
    try:
        user = act()
    except AppError as error:
        return show_page(request, page, next, email=email, trusted=bool(trusted), error=error)
    return enter(request, user, bool(trusted), next if local_path(next) != HOME else home)


def enter(request: Request, user: User, trusted: bool, next: str) -> Response:
    """Open a session for the user, hand the browser its cookie and lead it on."""
    _close_current(request)  # a new sign-in is a new session, never one that was there before
    secret, _ = _sessions(request).open_browser(user.id, trusted, device_words(request.headers.get("user-agent", "")))
    entered = RedirectResponse(local_path(next), 303)
    secure = request.url.scheme == "https"
    entered.set_cookie(
        session_cookie(secure),
        secret,
        max_age=_sessions(request).trusted_seconds if trusted else None,
        path="/",
        secure=secure,
        httponly=True,
        # Lax, so that a link in an e-mail opens signed in; unsafe methods are guarded by their Origin as well.
        samesite="lax",
    )
    return entered


def show_page(
    request: Request, page: str, next: str, *, email: str = "", trusted: bool = False, error: AppError | None = None
) -> HTMLResponse:
    """A sign-in page, with the sentence and the status of `error`."""
    errors = dict.fromkeys(("", *FIELDS.values()), "")
    if error is not None:
        # What a provider's answer led to is about no field.
        errors[FIELDS.get(error.code, "") if request.method == "POST" else ""] = error.sentence
    html = _templates.get_template(page).render(
        email=email,
        trusted=trusted,
        errors=errors,
        next=local_path(next) if next else "",
        providers=list(getattr(request.app.state, "openid", ())),
        registration_open=_users(request).registration_open,
        trusted_days=_sessions(request).trusted_seconds // 86_400,
        shortest=SHORTEST,
    )
    response = HTMLResponse(html, error.status if error is not None else 200)
    response.headers["Content-Security-Policy"] = POLICY
    if error is not None and error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _close_current(request: Request) -> None:
    principal = principal_of(request)
    if principal is not None and principal.kind == "session" and principal.session_id is not None:
        _sessions(request).close(principal.session_id)


def principal_of(request: Request) -> Principal | None:
    principal = getattr(request.state, "principal", None)
    return principal if isinstance(principal, Principal) else None


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "local socket"


def _users(request: Request) -> UserService:
    users: UserService = request.app.state.services.users
    return users


def _sessions(request: Request) -> SessionService:
    sessions: SessionService = request.app.state.services.sessions
    return sessions
