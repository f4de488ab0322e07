from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from app.auth.guard import Guard
from app.auth.pages import local_path, router
from app.config import ServerSettings
from tests.auth.support import HERE, PASSWORD, Accounts, ask, open_accounts


def build(accounts: Accounts, **server: Any) -> Guard:
    app = FastAPI()
    app.state.services = SimpleNamespace(users=accounts.users, sessions=accounts.sessions)
    app.include_router(router)

    @app.get("/app/")
    def inside(request: Request) -> dict[str, str]:
        return {"user": request.state.principal.user_id}

    return Guard(app, accounts.authenticator, ServerSettings(**server))


@pytest.fixture
def site(accounts: Accounts) -> Guard:
    return build(accounts)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Accounts]:
    opened = open_accounts(tmp_path, registration="closed")
    yield opened
    opened.db.close()


def post(site: Guard, path: str, *, cookie: str = "", base: str = HERE, **form: str) -> httpx.Response:
    headers = {"origin": base, **({"cookie": cookie} if cookie else {})}
    return ask(site, "POST", path, data=form, headers=headers, base=base)


def sign_in(site: Guard, **form: str) -> httpx.Response:
    return post(site, "/login", **{"email": "dana@example.com", "password": PASSWORD, **form})


def cookie_of(answer: httpx.Response) -> str:
    return answer.headers["set-cookie"].split(";")[0]


class Page(HTMLParser):
    """The elements of a page, as (tag, attributes), and its text."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def input(self, name: str) -> dict[str, str | None]:
        return next(attrs for tag, attrs in self.elements if tag == "input" and attrs.get("name") == name)


# Signing in and out


def test_signing_in_leads_on_with_a_cookie_scripts_cannot_read(site: Guard, accounts: Accounts) -> None:
    user = accounts.user("dana")
    answer = sign_in(site, next="/app/documents?c=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/documents?c=1")
    set_cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in set_cookie
    assert "samesite=lax" in set_cookie
    assert "path=/" in set_cookie
    assert "domain" not in set_cookie
    assert "max-age" not in set_cookie, "gone with the browser"
    assert "secure" not in set_cookie, "plain HTTP on loopback"
    assert ask(site, "GET", "/app/", headers={"cookie": cookie_of(answer)}).json() == {"user": user.id}


def test_on_https_the_cookie_is_secure_and_bound_to_the_host(accounts: Accounts) -> None:
    accounts.user("dana")
    site = build(accounts)
    answer = sign_in(site, base="https://music.example")
    assert answer.headers["set-cookie"].startswith("__Host-aim_session=")
    assert "secure" in answer.headers["set-cookie"].lower()
    inside = ask(site, "GET", "/app/", headers={"cookie": cookie_of(answer)}, base="https://music.example")
    assert inside.status_code == 200


def test_a_trusted_device_keeps_its_cookie_for_thirty_days(site: Guard, accounts: Accounts) -> None:
    accounts.user("dana")
    answer = sign_in(site, trusted="yes")
    assert f"max-age={30 * 86_400}" in answer.headers["set-cookie"].lower()
    accounts.clock.pass_by(days=29)
    assert ask(site, "GET", "/app/", headers={"cookie": cookie_of(answer)}).status_code == 200


def test_every_sign_in_is_a_new_session_and_ends_the_one_before(site: Guard, accounts: Accounts) -> None:
    accounts.user("dana")
    first = cookie_of(sign_in(site))
    second = cookie_of(sign_in(site, cookie=first))
    assert first != second
    assert ask(site, "GET", "/app/", headers={"cookie": first}).status_code == 303
    assert ask(site, "GET", "/app/", headers={"cookie": second}).status_code == 200


def test_a_planted_cookie_is_never_adopted(site: Guard, accounts: Accounts) -> None:
    accounts.user("dana")
    answer = sign_in(site, cookie="aim_session=planted")
    assert cookie_of(answer) != "aim_session=planted"
    assert ask(site, "GET", "/app/", headers={"cookie": "aim_session=planted"}).status_code == 303


def test_signing_out_ends_the_session_and_clears_the_browser(site: Guard, accounts: Accounts) -> None:
    accounts.user("dana")
    cookie = cookie_of(sign_in(site))
    answer = post(site, "/logout", cookie=cookie)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert answer.headers["clear-site-data"] == '"storage"'
    assert ask(site, "GET", "/app/", headers={"cookie": cookie}).status_code == 303
    assert post(site, "/logout").status_code == 303, "also when signed out"
    assert ask(site, "GET", "/logout").status_code == 404, "a link cannot sign anybody out"


def test_a_wrong_password_is_told_and_the_form_kept(site: Guard, accounts: Accounts) -> None:
    accounts.user("dana")
    answer = sign_in(site, password="a wrong password", next="/app/documents", trusted="yes")
    page = Page(answer)
    assert answer.status_code == 401
    assert "E-mail or password is wrong." in page.text
    assert page.input("email")["value"] == "dana@example.com"
    assert page.input("next")["value"] == "/app/documents"
    assert "checked" in page.input("trusted")
    assert "value" not in page.input("password")
    assert "a wrong password" not in answer.text
    assert "set-cookie" not in answer.headers


def test_repeated_failures_are_told_with_the_wait(site: Guard, accounts: Accounts) -> None:
    accounts.user("dana")
    for _ in range(5):
        sign_in(site, password="a wrong password")
    answer = sign_in(site)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert "wait 1 s" in Page(answer).text


def test_the_address_counted_is_the_clients(accounts: Accounts) -> None:
    accounts.user("dana")
    site = build(accounts, behind_proxy=True)

    def attempt(forwarded: str, password: str) -> int:
        headers = {"x-forwarded-proto": "https", "x-forwarded-for": forwarded}
        form = {"email": "dana@example.com", "password": password}
        return ask(site, "POST", "/login", data=form, headers=headers, base="http://music.example").status_code

    guesses = [attempt(f"10.9.8.{number}, 203.0.113.9", "a wrong password") for number in range(8)]
    assert guesses == [401] * 5 + [429] * 3, "the caller's own X-Forwarded-For entry does not count"
    assert attempt("198.51.100.1", PASSWORD) == 303


def test_an_empty_or_broken_form_is_a_sentence_not_a_crash(site: Guard) -> None:
    assert post(site, "/login").status_code == 401
    headers = {"origin": HERE, "content-type": "multipart/form-data; boundary=x"}
    assert ask(site, "POST", "/login", content=b"--x\r\nnonsense", headers=headers).status_code in (400, 401)


# Registering


def test_registering_signs_in(site: Guard, accounts: Accounts) -> None:
    answer = post(site, "/register", email="New@Example.com", password=PASSWORD, next="/app/documents")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/documents")
    inside = ask(site, "GET", "/app/", headers={"cookie": cookie_of(answer)}).json()
    assert inside == {"user": accounts.users.by_email("new@example.com").id}


@pytest.mark.parametrize(
    ("form", "status", "sentence"),
    [
        ({"email": "new@example.com", "password": "short"}, 422, "Choose a password of 12 to 128 characters"),
        ({"email": "nonsense", "password": PASSWORD}, 422, "This is not an e-mail address"),
        ({"email": "dana@example.com", "password": PASSWORD}, 409, "exists already; sign in instead"),
    ],
)
def test_what_cannot_be_registered_is_told_beside_its_field(
    site: Guard, accounts: Accounts, form: dict[str, str], status: int, sentence: str
) -> None:
    accounts.user("dana")
    answer = post(site, "/register", **form)
    page = Page(answer)
    assert answer.status_code == status
    assert sentence in page.text
    assert page.input("email")["value"] == form["email"]
    assert "value" not in page.input("password")
    field, other = ("password", "email") if "password of" in sentence else ("email", "password")
    assert page.input(field)["aria-invalid"] == "true"
    assert "aria-invalid" not in page.input(other)
    assert f"{field}-wrong" in (page.input(field)["aria-describedby"] or "")
    place = next(attrs for _, attrs in page.elements if attrs.get("id") == f"{field}-wrong")
    assert (place.get("role"), "hidden" in place) == ("alert", False)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("next", "where"), [("", "/app/welcome"), ("/app/", "/app/welcome"), ("/app/?c=12", "/app/?c=12")]
)
def test_a_newcomer_is_led_to_the_guided_start_unless_a_page_was_asked_for(site: Guard, next: str, where: str) -> None:
    answer = post(site, "/register", email="new@example.com", password=PASSWORD, next=next)
    assert answer.headers["location"] == where


def test_only_these_pages_may_run_a_script_of_ours(site: Guard) -> None:
    for path in ("/login", "/register"):
        assert ask(site, "GET", path).headers["content-security-policy"].endswith("; script-src 'self'")
    assert "script-src" not in ask(site, "GET", "/static/auth.js").headers["content-security-policy"]


def test_closed_registration_says_so_and_offers_no_form(closed: Accounts) -> None:
    site = build(closed)
    page = Page(ask(site, "GET", "/register"))
    assert "Registration is closed here" in page.text
    assert not [tag for tag, _ in page.elements if tag == "form"]
    answer = post(site, "/register", email="new@example.com", password=PASSWORD)
    assert answer.status_code == 403
    assert Page(answer).text.count("Registration is closed here") == 1
    assert "/register" not in ask(site, "GET", "/login").text


# The pages themselves


def test_the_first_address_leads_on(site: Guard, accounts: Accounts) -> None:
    assert ask(site, "GET", "/").headers["location"] == "/login"
    cookie = accounts.cookie(accounts.user("dana"))
    assert ask(site, "GET", "/", headers=cookie).headers["location"] == "/app/"
    assert ask(site, "GET", "/login?next=/app/documents", headers=cookie).headers["location"] == "/app/documents"
    assert ask(site, "GET", "/register", headers=cookie).headers["location"] == "/app/"


@pytest.mark.parametrize(("path", "secret"), [("/login", "current-password"), ("/register", "new-password")])
def test_password_managers_find_their_fields(site: Guard, path: str, secret: str) -> None:
    page = Page(ask(site, "GET", path))
    assert page.input("email")["autocomplete"] == "username"
    assert page.input("password")["autocomplete"] == secret
    labelled = {attrs["for"] for tag, attrs in page.elements if tag == "label"}
    assert labelled == {"email", "password", "trusted"}
    assert "AI Manager" in page.text
    assert "Cited answers from your own papers and the industry's." in page.text


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_pages_need_no_script_and_nothing_from_elsewhere(site: Guard, path: str) -> None:
    page = Page(ask(site, "GET", path))
    assert not [tag for tag, _ in page.elements if tag in ("style", "iframe")]
    assert [attrs for tag, attrs in page.elements if tag == "script"] == [{"src": "/static/auth.js", "defer": None}]
    assert "hidden" in next(attrs for _, attrs in page.elements if attrs.get("class") == "show"), (
        "until the script runs"
    )
    assert not [attrs for _, attrs in page.elements if "style" in attrs or any(name.startswith("on") for name in attrs)]
    fetched = [
        attrs.get("src") or attrs.get("href") or "" for tag, attrs in page.elements if tag in ("img", "link", "script")
    ]
    assert fetched
    for address in fetched:
        answer = ask(site, "GET", address)
        assert (answer.status_code, address[:8]) == (200, "/static/")
        assert "url(" not in answer.text
        assert "@import" not in answer.text
        assert set(re.findall(r"https?://[^\"]+", answer.text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        ("text", "page", 7), ("text", "card", 7), ("muted", "page", 4.5), ("muted", "card", 4.5), ("text", "field", 7),
        ("field-line", "card", 3), ("#ffffff", "red", 4.5), ("#ffffff", "red-over", 4.5), ("alarm", "#241013", 4.5),
    ],
)  # fmt: skip
def test_contrast_meets_wcag_aa(site: Guard, ink: str, ground: str, least: float) -> None:
    """Ratios of WCAG 2.2, 1.4.3 and 1.4.11, over the colours the style sheet names."""
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", ask(site, "GET", "/static/auth.css").text))

    def luminance(name: str) -> float:
        digits = colours.get(name, name).lstrip("#")
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least


def test_static_files_and_the_favicon(site: Guard) -> None:
    assert ask(site, "GET", "/favicon.ico").headers["content-type"] == "image/svg+xml"
    assert ask(site, "GET", "/static/auth.css").headers["content-type"].startswith("text/css")
    for name in ("pages.py", "..%2fpages.py", "%2e%2e", "auth.css/x", "", "x.svg"):
        assert ask(site, "GET", f"/static/{name}").status_code == 404


def test_what_a_user_typed_is_text(site: Guard) -> None:
    answer = post(site, "/login", email='"><script>alert(1)</script>', password="x", next='/app/"><script>')
    assert "<script>" not in answer.text
    assert Page(answer).input("email")["value"] == '"><script>alert(1)</script>'


@pytest.mark.parametrize(
    "next",
    [
        "", "/", "//evil.example", "https://evil.example", "/\\evil.example", "/app\\..\\evil",
        "/application", "/app//evil",
        "/app/../../evil", "app/", " /app/", "/app/\r\nSet-Cookie: x=1", "javascript:alert(1)",
        "/app@evil.example", "/login",
        "/app/\u2028",
    ],
)  # fmt: skip
def test_signing_in_never_leads_elsewhere(site: Guard, accounts: Accounts, next: str) -> None:
    assert local_path(next) == "/app/"
    accounts.user("dana")
    assert sign_in(site, next=next).headers["location"] == "/app/"


@pytest.mark.parametrize("next", ["/app", "/app/", "/app/documents", "/app/?c=12&x=a%20b", "/app?c=1"])
def test_signing_in_leads_back(next: str) -> None:
    assert local_path(next) == next


def test_the_way_from_a_page_through_sign_in_and_back(site: Guard, accounts: Accounts) -> None:
    accounts.user("dana")

    async def walk() -> httpx.Response:
        transport = httpx.ASGITransport(app=site, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url=HERE, follow_redirects=True) as browser:
            landed = await browser.get("/app/?c=12")
            assert landed.url.path == "/login"
            next = Page(landed).input("next")["value"] or ""
            form = {"email": "dana@example.com", "password": PASSWORD, "next": next}
            return await browser.post("/login", data=form, headers={"origin": HERE})

    arrived = asyncio.run(walk())
    assert (arrived.status_code, str(arrived.url)) == (200, f"{HERE}/app/?c=12")


def test_a_hundred_sign_ins_at_once_leave_the_rest_alone(site: Guard, accounts: Accounts) -> None:
    """Few wait for their turn to hash, others are told to come back, pages answer meanwhile (threats.md, A13)."""
    accounts.user("dana")

    async def storm() -> list[int]:
        transport = httpx.ASGITransport(app=site, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url=HERE, timeout=60) as browser:
            form = {"email": "dana@example.com", "password": PASSWORD}
            attempts = [asyncio.create_task(browser.post("/login", data=form)) for _ in range(100)]
            await asyncio.sleep(0)
            page = await asyncio.wait_for(browser.get("/login"), 5)
            return [page.status_code, *[answer.status_code for answer in await asyncio.gather(*attempts)]]

    page, *statuses = asyncio.run(storm())
    assert page == 200
    assert set(statuses) == {303, 429}
    assert statuses.count(303) >= 2
