"""Signing in through an OpenID provider: the real pages, a real provider on loopback (threats.md, A16)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request
from joserfc.jwk import RSAKey
from loguru import logger
from pydantic import SecretStr
from sqlmodel import select

from app.auth import oidc_pages, pages
from app.auth.guard import Guard
from app.auth.handshake import Handshakes
from app.auth.oidc import OpenIDProvider, OpenIDSignIn
from app.config import IdentityProvider, ServerSettings
from app.errors import AppError, Unauthorized
from app.models import AuditEvent, Identity, SpentHandshake, User
from app.services.passwords import UNUSABLE
from tests.at_once import together
from tests.auth.support import HERE, PASSWORD, SECRET, Accounts, ask, open_accounts
from tests.auth.test_pages import Page
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, OIDCProvider

BACK = "/login/oidc/corp/callback"
SECURE = "https://music.example"


@pytest.fixture
def provider(accounts: Accounts) -> Iterator[OIDCProvider]:
    with OIDCProvider(accounts.clock.seconds) as running:
        yield running


@pytest.fixture
def browser(accounts: Accounts, provider: OIDCProvider) -> Browser:
    return Browser(build(accounts, provider))


def row(provider: OIDCProvider, **changes: Any) -> IdentityProvider:
    given = {"name": "corp", "label": "Corp <ID>", "issuer": provider.issuer, "client_id": CLIENT_ID}
    return IdentityProvider(**given | {"client_secret": SecretStr(CLIENT_SECRET)} | changes)


def build(accounts: Accounts, *providers: OIDCProvider | IdentityProvider, public_url: str | None = None) -> Guard:
    """The sign-in pages behind the guard; the first provider is `corp`."""
    rows = [one if isinstance(one, IdentityProvider) else row(one) for one in providers]
    app = FastAPI()
    app.state.services = SimpleNamespace(
        users=accounts.users, sessions=accounts.sessions, identities=accounts.identities
    )
    clock = accounts.clock.seconds
    clients = {one.name: OpenIDProvider(one, clock) for one in rows}
    app.state.openid = OpenIDSignIn(clients, Handshakes(SECRET, clock), public_url)
    app.include_router(pages.router)
    app.include_router(oidc_pages.router)

    @app.get("/app/")
    def inside(request: Request) -> dict[str, str]:
        return {"user": request.state.principal.user_id}

    return Guard(app, accounts.authenticator, ServerSettings(public_url=public_url))


class Browser:
    """Keeps the cookies of our site, and walks to the provider and back."""

    def __init__(self, site: Guard, base: str = HERE) -> None:
        self.site = site
        self.base = base
        self.cookies: dict[str, str] = {}

    def get(self, address: str) -> httpx.Response:
        parts = urlsplit(address)
        if parts.netloc and f"{parts.scheme}://{parts.netloc}" != self.base:
            with httpx.Client(trust_env=False) as elsewhere:
                return elsewhere.get(address)
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        answer = ask(self.site, "GET", path, headers=headers, base=self.base)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer

    def leave(self, next: str = "", name: str = "corp") -> str:
        """From our sign-in page through the provider: the address it sends the browser back to."""
        there = self.get(f"/login/oidc/{name}?{urlencode({'next': next})}")
        assert there.status_code == 303, there.text
        return self.get(there.headers["location"]).headers["location"]

    def sign_in(self, next: str = "", name: str = "corp") -> httpx.Response:
        return self.get(self.leave(next, name))

    @property
    def user(self) -> str | None:
        """Whom the application sees."""
        answer = self.get("/app/")
        return answer.json()["user"] if answer.status_code == 200 else None


def openid_of(browser: Browser) -> OpenIDSignIn:
    app: Any = browser.site._app
    openid: OpenIDSignIn = app.state.openid
    return openid


def refused(browser: Browser, answer: httpx.Response, status: int, sentence: str) -> None:
    """The sign-in page with one sentence, nobody signed in."""
    page = Page(answer)
    assert answer.status_code == status, page.text
    alarms = [attrs for tag, attrs in page.elements if attrs.get("role") == "alert"]
    assert len(alarms) == 1
    assert sentence in page.text
    assert not [name for name in browser.cookies if "session" in name]
    assert browser.user is None


def rows_of(accounts: Accounts, table: Any) -> list[Any]:
    with accounts.db.reading() as session:
        return list(session.exec(select(table)).all())


def audited(accounts: Accounts) -> list[tuple[str, str, str | None]]:
    return [(row.action, row.outcome, row.object_id) for row in rows_of(accounts, AuditEvent)]


def changed(address: str, **query: str | None) -> str:
    """The address with other values in its query; None takes one out."""
    base, _, old = address.partition("?")
    values = {**dict(parse_qsl(old)), **query}
    return f"{base}?{urlencode({name: value for name, value in values.items() if value is not None})}"


# In and back


def test_signing_in_through_the_pages(browser: Browser, provider: OIDCProvider, accounts: Accounts) -> None:
    page = browser.get("/login?next=/app/documents?c=1")
    button = next(attrs["href"] for tag, attrs in Page(page).elements if tag == "a" and attrs.get("class") == "button")
    assert "Sign in with Corp <ID>" in Page(page).text
    there = browser.get(button or "")
    set_cookie = there.headers["set-cookie"].lower()
    assert all(word in set_cookie for word in ("httponly", "samesite=lax", "max-age=600", "path=/"))
    back = browser.get(there.headers["location"]).headers["location"]
    asked = provider.authorizations[0]
    assert asked | {"state": "", "nonce": "", "code_challenge": ""} == {
        "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": f"{HERE}{BACK}", "scope": "openid email",
        "state": "", "nonce": "", "code_challenge": "", "code_challenge_method": "S256",
    }  # fmt: skip
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) == 43
    assert len({asked[name] for name in ("state", "nonce", "code_challenge")}) == 3
    arrived = browser.get(back)
    assert (arrived.status_code, arrived.headers["location"]) == (303, "/app/documents?c=1")
    assert list(browser.cookies) == ["aim_session"], "the handshake's cookie is gone"
    user = accounts.users.by_email("dana@example.com")
    assert browser.user == user.id
    assert audited(accounts) == [("register:corp", "granted", user.id), ("sign_in:corp", "granted", user.id)]


def test_the_second_sign_in_finds_the_same_user_whatever_the_address(
    browser: Browser, provider: OIDCProvider, accounts: Accounts
) -> None:
    browser.sign_in()
    first = browser.user
    provider.email = "another@example.com"
    again = Browser(browser.site)
    again.sign_in()
    assert again.user == first is not None
    assert [user.email for user in rows_of(accounts, User)] == ["dana@example.com"]
    provider.subject = "subject-2"
    other = Browser(browser.site)
    other.sign_in()
    assert other.user not in (None, first)


def test_the_same_subject_elsewhere_is_somebody_else(accounts: Accounts, provider: OIDCProvider) -> None:
    with OIDCProvider(accounts.clock.seconds) as second:
        second.email = "eve@example.com"
        site = build(accounts, provider, row(second, name="other", label="Other"))
        dana, eve = Browser(site), Browser(site)
        dana.sign_in()
        eve.sign_in(name="other")
        assert None not in (dana.user, eve.user)
        assert dana.user != eve.user


def test_who_is_signed_in_already_is_led_on(browser: Browser) -> None:
    browser.sign_in()
    answer = browser.get("/login/oidc/corp?next=/app/documents")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/documents")


def test_a_new_sign_in_ends_the_session_there_was(browser: Browser, accounts: Accounts) -> None:
    back = browser.leave()
    old = accounts.cookie(accounts.user("carl"))
    browser.cookies["aim_session"] = old["cookie"].partition("=")[2]
    browser.get(back)
    assert browser.user == accounts.users.by_email("dana@example.com").id
    assert ask(browser.site, "GET", "/app/", headers=old).status_code == 303


def test_on_https_the_cookie_is_bound_to_the_host(accounts: Accounts, provider: OIDCProvider) -> None:
    browser = Browser(build(accounts, provider), SECURE)
    there = browser.get("/login/oidc/corp")
    assert there.headers["set-cookie"].startswith("__Host-aim_handshake=")
    assert "secure" in there.headers["set-cookie"].lower()
    browser.get(browser.get(there.headers["location"]).headers["location"])
    assert provider.authorizations[0]["redirect_uri"] == f"{SECURE}{BACK}"
    assert browser.user is not None


def test_the_public_address_is_the_one_the_provider_knows(accounts: Accounts, provider: OIDCProvider) -> None:
    Browser(build(accounts, provider, public_url=f"{SECURE}/")).leave()
    assert provider.authorizations[0]["redirect_uri"] == f"{SECURE}{BACK}"


def test_a_public_client_and_a_secret_in_the_form(accounts: Accounts, provider: OIDCProvider) -> None:
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert Browser(build(accounts, provider)).sign_in().status_code == 303
    provider.public_client, provider.metadata = True, {}
    assert Browser(build(accounts, row(provider, client_secret=None))).sign_in().status_code == 303


def test_a_page_without_providers_shows_none(accounts: Accounts) -> None:
    page = Page(Browser(build(accounts)).get("/login"))
    assert not [held for tag, held in page.elements if tag == "ul" and "providers" in str(held)]
    assert not [held for tag, held in page.elements if tag == "a" and "oidc" in str(held)]


def test_an_unknown_provider_is_told(browser: Browser) -> None:
    for path in ("/login/oidc/nobody", "/login/oidc/nobody/callback?state=x&code=y"):
        refused(browser, browser.get(path), 404, "There is no such way to sign in here")


@pytest.mark.parametrize(
    "next", ["//evil.example", "https://evil.example", "/\\evil.example", "/app/../../x", "/login"]
)
def test_no_sign_in_leads_elsewhere(browser: Browser, next: str) -> None:
    assert browser.sign_in(next).headers["location"] == "/app/"


def test_a_next_too_long_for_a_cookie_is_dropped(browser: Browser) -> None:
    assert browser.sign_in("/app/?q=" + "x" * 5000).headers["location"] == "/app/"


# State: this browser, this provider, once, within ten minutes


def test_a_wrong_state_is_refused_and_the_right_one_still_works(browser: Browser, provider: OIDCProvider) -> None:
    back = browser.leave("/app/documents")
    other = Browser(browser.site).leave()
    for state in ("forged", "", None, "\u00e9", dict(parse_qsl(urlsplit(other).query))["state"]):
        refused(browser, browser.get(changed(back, state=state)), 401, "was not begun in this browser")
    assert "/token" not in provider.asked
    assert browser.get(back).headers["location"] == "/app/documents"


def test_the_way_back_belongs_to_one_browser(browser: Browser, provider: OIDCProvider, accounts: Accounts) -> None:
    back = browser.leave()
    victim = Browser(browser.site)
    refused(victim, victim.get(back), 401, "was not begun in this browser")
    victim.leave()
    refused(victim, victim.get(back), 401, "was not begun in this browser")
    assert "/token" not in provider.asked
    assert rows_of(accounts, SpentHandshake) == [], "a stranger writes nothing"


def test_the_way_back_works_once(browser: Browser, provider: OIDCProvider, accounts: Accounts) -> None:
    back = browser.leave()
    cookies = dict(browser.cookies)
    assert browser.get(back).status_code == 303
    thief = Browser(browser.site)
    thief.cookies = dict(cookies)
    code = dict(parse_qsl(urlsplit(Browser(browser.site).leave()).query))["code"]
    for address in (back, changed(back, code=code)):
        refused(thief, thief.get(address), 401, "This sign-in was used already; start again.")
        thief.cookies = dict(cookies)
    assert provider.asked.count("/token") == 1


def test_a_failed_return_is_spent_too(browser: Browser, provider: OIDCProvider) -> None:
    provider.claims = {"nonce": "wrong"}
    back = browser.leave()
    cookies = dict(browser.cookies)
    refused(browser, browser.get(back), 401, "cannot be trusted")
    assert browser.cookies == {}
    browser.cookies = cookies
    refused(browser, browser.get(back), 401, "used already")


def test_ten_minutes_are_given(browser: Browser, accounts: Accounts) -> None:
    back = browser.leave()
    accounts.clock.pass_by(minutes=10)
    refused(browser, browser.get(back), 401, "took longer than ten minutes")
    back = browser.leave()
    accounts.clock.pass_by(minutes=9, seconds=59)
    assert browser.get(back).status_code == 303
    assert len(rows_of(accounts, SpentHandshake)) == 1
    accounts.clock.pass_by(minutes=10)
    Browser(browser.site).sign_in()
    assert len(rows_of(accounts, SpentHandshake)) == 1, "those that would have expired are gone"


def test_one_provider_cannot_answer_for_another(accounts: Accounts, provider: OIDCProvider) -> None:
    browser = Browser(build(accounts, provider, row(provider, name="other")))
    back = browser.leave()
    refused(browser, browser.get(back.replace("/corp/", "/other/")), 401, "was not begun in this browser")


def test_a_changed_cookie_is_worth_nothing(browser: Browser, provider: OIDCProvider) -> None:
    back = browser.leave()
    cookie = browser.cookies["aim_handshake"]
    head, payload, signature = cookie.split(".")
    forger = Handshakes(b"another secret of at least 32 bytes")
    for bad in ("", "x", "a.b.c", f"{head}.{payload}.", f"{head}.{payload[:-2]}AA.{signature}", "x" * 5000,
                forger.start("corp", "/app/")[1], f"eyJhbGciOiJub25lIn0.{payload}."):  # fmt: skip
        browser.cookies["aim_handshake"] = bad
        refused(browser, browser.get(back), 401, "was not begun in this browser")
    assert "/token" not in provider.asked


def test_the_verifier_stays_here(accounts: Accounts) -> None:
    """What a provider's page, a browser's history or its cookie shows does not lead to it."""
    handshake, cookie = Handshakes(SECRET, accounts.clock.seconds).start("corp", "/app/")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", handshake.verifier)
    assert handshake.verifier not in cookie
    assert Handshakes(b"another secret of at least 32 bytes").start("corp", "/app/")[0].verifier != handshake.verifier


# The ID token


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": None}, {"nonce": "wrong"}, {"nonce": ""}, {"nonce": ["x"]},
        {"at_hash": "wrong"}, {"at_hash": ""}, {"at_hash": 7}, {"at_hash": ["x"]},
        {"aud": "another"}, {"aud": None}, {"aud": []}, {"aud": ["another"]}, {"aud": [CLIENT_ID, "another"]},
        {"aud": [CLIENT_ID, "another"], "azp": "another"}, {"azp": "another"},
        {"iss": "https://evil.example"}, {"iss": None},
        {"exp": 1}, {"exp": None}, {"exp": "2999"}, {"exp": True}, {"iat": None}, {"iat": 99999999999},
        {"nbf": 99999999999},
        {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "s" * 256},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_with_wrong_claims_is_refused(
    browser: Browser, provider: OIDCProvider, accounts: Accounts, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    refused(browser, browser.sign_in("/app/documents"), 401, "What Corp <ID> said about this sign-in cannot be trusted")
    assert rows_of(accounts, User) == []
    assert audited(accounts) == [("sign_in:corp", "refused", None)]


@pytest.mark.parametrize(
    "claims", [{"at_hash": None}, {"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "b"], "azp": CLIENT_ID}]
)
def test_what_the_standard_leaves_open_is_accepted(
    browser: Browser, provider: OIDCProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    assert browser.sign_in().status_code == 303
    assert browser.user is not None


def test_clocks_may_differ_by_a_minute(browser: Browser, provider: OIDCProvider, accounts: Accounts) -> None:
    moment = int(accounts.clock.seconds())
    provider.claims = {"iat": moment + 50, "exp": moment - 50}
    assert browser.sign_in().status_code == 303
    provider.claims = {"exp": moment - 61}
    other = Browser(browser.site)
    refused(other, other.sign_in(), 401, "cannot be trusted")


@pytest.mark.parametrize(
    "header",
    [{"alg": "none"}, {"alg": "HS256"}, {"kid": "unknown"}, {"crit": ["x"], "x": 1}, {"crit": 7}, {"crit": ["b64"], "b64": False}],
    ids=str,
)  # fmt: skip
def test_a_token_that_is_not_signed_as_it_should_be_is_refused(
    browser: Browser, provider: OIDCProvider, accounts: Accounts, header: dict[str, Any]
) -> None:
    provider.header = header
    refused(browser, browser.sign_in(), 401, "cannot be trusted")
    assert rows_of(accounts, User) == []


def test_another_key_of_the_same_name_is_refused(browser: Browser, provider: OIDCProvider) -> None:
    provider.thief = RSAKey.generate_key(2048)
    refused(browser, browser.sign_in(), 401, "cannot be trusted")


def test_a_key_in_the_token_itself_is_not_believed(browser: Browser, provider: OIDCProvider) -> None:
    provider.thief = RSAKey.generate_key(2048)
    provider.header = {"jwk": provider.thief.as_dict(private=False), "kid": provider.key.kid}
    refused(browser, browser.sign_in(), 401, "cannot be trusted")


def test_new_keys_of_the_provider_are_found_at_once(browser: Browser, provider: OIDCProvider) -> None:
    browser.sign_in()
    provider.rotate()
    assert Browser(browser.site).sign_in().status_code == 303
    assert provider.asked.count("/jwks") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


def test_an_answer_of_another_issuer_is_refused(browser: Browser, provider: OIDCProvider, accounts: Accounts) -> None:
    """RFC 9207: the code is not sent to a provider it does not come from."""
    provider.answer = {"iss": "https://evil.example"}
    refused(browser, browser.sign_in(), 401, "cannot be trusted")
    provider.answer, provider.metadata = {}, {"authorization_response_iss_parameter_supported": True}
    promised = Browser(build(accounts, provider))
    refused(promised, promised.sign_in(), 401, "cannot be trusted")
    assert "/token" not in provider.asked
    provider.answer = {"iss": provider.issuer}
    assert promised.sign_in().status_code == 303


def test_a_code_the_provider_does_not_know_is_refused(browser: Browser, provider: OIDCProvider) -> None:
    refused(
        browser, browser.get(changed(browser.leave(), code="forged")), 401, "Corp <ID> did not confirm this sign-in"
    )
    provider.answer = {"error": "access_denied", "error_description": "words of the provider"}
    answer = browser.sign_in()
    refused(browser, answer, 401, "did not confirm")
    assert "words of the provider" not in answer.text
    assert provider.asked.count("/token") == 1


def test_a_code_is_bound_to_its_verifier(browser: Browser, provider: OIDCProvider) -> None:
    """PKCE: a code that was begun elsewhere does not fit, even with this browser's state."""
    stolen = dict(parse_qsl(urlsplit(Browser(browser.site).leave()).query))["code"]
    refused(browser, browser.get(changed(browser.leave(), code=stolen)), 401, "did not confirm")


# Whose account


@pytest.mark.parametrize("verified", [True, False, None])
def test_an_equal_address_links_nothing(
    browser: Browser, provider: OIDCProvider, accounts: Accounts, verified: bool | None
) -> None:
    dana = accounts.user("dana")
    provider.claims = {"email": "Dana@Example.com", "email_verified": verified}
    status = 403 if verified is False else 409
    refused(browser, browser.sign_in(), status, "no confirmed e-mail" if verified is False else "exists here already")
    assert rows_of(accounts, Identity) == []
    assert audited(accounts)[-1] == ("sign_in:corp", "refused", None)
    assert accounts.users.verify("dana@example.com", PASSWORD, "192.0.2.1").id == dana.id


def test_an_address_not_confirmed_opens_no_account(
    browser: Browser, provider: OIDCProvider, accounts: Accounts
) -> None:
    for said in (False, "false", 0, None):
        provider.claims = {"email_verified": said, **({"email": "not an address"} if said is None else {})}
        answer = browser.sign_in()
        assert answer.status_code in (403, 422)
    assert rows_of(accounts, User) == []


def test_the_address_may_come_from_userinfo(browser: Browser, provider: OIDCProvider, accounts: Accounts) -> None:
    provider.email = None
    refused(browser, browser.sign_in(), 403, "told no confirmed e-mail address of yours")
    provider.userinfo = {"sub": "somebody else", "email": "eve@example.com"}
    refused(browser, browser.sign_in(), 401, "cannot be trusted")
    provider.userinfo = {"email": "eve@example.com", "email_verified": True}
    browser.sign_in()
    assert browser.user == accounts.users.by_email("eve@example.com").id


def test_closed_registration_lets_in_whom_it_knows(tmp_path: Path, accounts: Accounts, provider: OIDCProvider) -> None:
    Browser(build(accounts, provider)).sign_in()
    closed = open_accounts(tmp_path, registration="closed")
    try:
        browser = Browser(build(closed, provider))
        assert browser.sign_in().status_code == 303
        provider.subject, provider.email = "stranger", "new@example.com"
        stranger = Browser(browser.site)
        refused(stranger, stranger.sign_in(), 403, "registration is closed; ask whoever runs this server to add you.")
        assert audited(closed)[-1] == ("sign_in:corp", "refused", None)
        assert len(rows_of(closed, User)) == 1
    finally:
        closed.db.close()


def test_a_disabled_user_stays_outside(browser: Browser, accounts: Accounts) -> None:
    browser.sign_in()
    user = accounts.users.disable("dana@example.com")
    again = Browser(browser.site)
    refused(again, again.sign_in(), 401, "This account is disabled")
    assert audited(accounts)[-1] == ("sign_in:corp", "refused", user.id)


def test_no_password_opens_such_an_account(browser: Browser, accounts: Accounts) -> None:
    browser.sign_in()
    assert accounts.users.by_email("dana@example.com").password_hash == UNUSABLE
    for number, password in enumerate(["", "!", "no one has this password", PASSWORD]):
        with pytest.raises(Unauthorized, match="E-mail or password is wrong."):
            accounts.users.verify("dana@example.com", password, f"192.0.2.{number}")


def test_the_operator_may_give_it_a_password(browser: Browser, accounts: Accounts) -> None:
    browser.sign_in()
    accounts.users.set_password("dana@example.com", PASSWORD)
    assert accounts.users.verify("dana@example.com", PASSWORD, "192.0.2.1").email == "dana@example.com"


def test_two_first_sign_ins_at_once_make_one_account(accounts: Accounts, provider: OIDCProvider) -> None:
    def enter(_: int) -> str:
        return accounts.identities.sign_in(row(provider), "subject-1", "dana@example.com").id

    assert len(set(together(enter, 4))) == 1
    assert len(rows_of(accounts, Identity)) == 1


def test_a_handshake_is_spent_by_one_of_many(accounts: Accounts) -> None:
    handshake, _ = Handshakes(SECRET, accounts.clock.seconds).start("corp", "/app/")

    def spend(_: int) -> str:
        try:
            accounts.identities.spend(handshake.id, handshake.ends)
        except AppError as error:
            return error.code
        return "spent"

    assert sorted(together(spend, 4)) == ["handshake_spent"] * 3 + ["spent"]


# Providers that fail


DOWN = "Corp <ID> does not answer at this moment; try again in a minute, or sign in with a password."
WRONG = "Corp <ID> answers in a way that cannot be used here"


def test_a_provider_that_is_down_is_told(accounts: Accounts) -> None:
    with OIDCProvider(accounts.clock.seconds) as provider:
        browser = Browser(build(accounts, provider))
        back = browser.leave()
    refused(browser, browser.get(back), 503, DOWN)
    unasked = Browser(build(accounts, provider))
    refused(unasked, unasked.get("/login/oidc/corp"), 503, DOWN)
    page = Page(unasked.get("/login/oidc/corp?next=/app/documents"))
    assert page.input("next")["value"] == "/app/documents", "a password still leads there"
    assert accounts.user("carl").id


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
def test_a_provider_that_fails_on_the_way_is_told(browser: Browser, provider: OIDCProvider, path: str) -> None:
    def attempt() -> httpx.Response:
        answer = browser.get("/login/oidc/corp")
        return browser.sign_in() if answer.status_code == 303 else answer

    provider.failing = {path}
    refused(browser, attempt(), 503, DOWN)
    provider.failing, provider.garbage = set(), {path}
    refused(browser, attempt(), 503, WRONG)
    provider.garbage = set()
    assert browser.sign_in().status_code == 303, "and works again when the provider does"


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
def test_a_provider_that_hangs_is_not_waited_for(
    browser: Browser, provider: OIDCProvider, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "/login/oidc/corp" if path.startswith("/.well-known") else browser.leave()
    provider.slow = {path: 30}
    monkeypatch.setattr(openid_of(browser).provider("corp"), "_seconds", 0.2)
    refused(browser, browser.get(address), 503, DOWN)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"}, {"issuer": None}, {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"}, {"authorization_endpoint": "javascript:alert(1)"},
        {"userinfo_endpoint": "http://evil.example/userinfo"}, {"token_endpoint": None}, {"jwks_uri": 7},
    ],
    ids=str,
)  # fmt: skip
def test_metadata_that_cannot_be_used_is_told(
    browser: Browser, provider: OIDCProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata = metadata
    refused(browser, browser.get("/login/oidc/corp"), 503, WRONG)


def test_neither_words_nor_secrets_reach_the_log(browser: Browser, provider: OIDCProvider) -> None:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(f"{message} {message.record['extra']}"), level="DEBUG")
    try:
        back = browser.leave()
        browser.get(back)
        provider.claims = {"nonce": "wrong"}
        Browser(browser.site).sign_in()
        browser.get(changed(back, code="forged"))
    finally:
        logger.remove(sink)
    text = "\n".join(lines)
    assert "sign-in provider failed" in text
    query = dict(parse_qsl(urlsplit(back).query))
    for secret in ("dana@example.com", "subject-1", CLIENT_SECRET, query["code"], query["state"], "forged"):
        assert secret not in text
