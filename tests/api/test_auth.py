"""Accounts over REST: registering, signing in, rotating refresh tokens, signing out, changing the password."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.conftest import PASSWORD, Api, assert_error

NEW_PASSWORD = "a longer song than before"


def status(api: Api, access_token: str) -> int:
    with api.client(Authorization=f"Bearer {access_token}") as client:
        return client.get("/api/profile").status_code


def test_a_token_pair_has_its_four_fields_and_works(api: Api) -> None:
    client, pair = api.register()
    with client:
        assert client.get("/api/profile").status_code == 200
    assert set(pair) == {"access_token", "refresh_token", "token_type", "expires_in", "email"}
    assert (pair["token_type"], pair["expires_in"]) == ("bearer", 600)


def test_signing_in_again_opens_a_second_sign_in(api: Api, anyone: httpx.Client) -> None:
    _, pair = api.register()
    again = anyone.post("/api/auth/token", json={"email": pair["email"].upper(), "password": PASSWORD})
    assert again.status_code == 200
    assert again.json()["refresh_token"] != pair["refresh_token"]
    assert status(api, again.json()["access_token"]) == 200


@pytest.mark.parametrize("email", ["known", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_address_read_the_same(api: Api, anyone: httpx.Client, email: str) -> None:
    known = api.register()[1]["email"]
    body = {"email": known if email == "known" else email, "password": "not this one at all"}
    detail = assert_error(anyone.post("/api/auth/token", json=body), 401, "wrong_credentials")
    assert detail == "E-mail or password is wrong."


def test_an_address_is_registered_once(api: Api, anyone: httpx.Client) -> None:
    body = {"email": api.register()[1]["email"], "password": PASSWORD}
    assert_error(anyone.post("/api/auth/register", json=body), 409, "already_registered")


def test_a_refresh_token_works_once_and_its_successor_carries_on(api: Api, anyone: httpx.Client) -> None:
    first = api.register()[1]
    second = refresh(anyone, first).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert status(api, second["access_token"]) == 200
    third = refresh(anyone, second).json()
    assert status(api, third["access_token"]) == 200


def test_an_old_refresh_token_ends_the_whole_sign_in(api: Api, anyone: httpx.Client) -> None:
    first = api.register()[1]
    second = refresh(anyone, first).json()
    third = refresh(anyone, second).json()
    assert_error(refresh(anyone, first), 401, "unauthorized")
    assert_error(refresh(anyone, third), 401, "unauthorized")
    assert status(api, third["access_token"]) == 401


@pytest.mark.parametrize("with_body", [False, True])
def test_signing_out_ends_the_access_and_the_refresh_token(api: Api, anyone: httpx.Client, with_body: bool) -> None:
    client, pair = api.register()
    body = {"refresh_token": pair["refresh_token"]}
    with client:
        # By the access token alone, or by the refresh token of somebody whose access token is gone.
        left = anyone.post("/api/auth/logout", json=body) if with_body else client.post("/api/auth/logout")
        assert (left.status_code, left.content) == (204, b"")
        assert_error(client.get("/api/profile"), 401, "unauthorized")
    assert_error(refresh(anyone, pair), 401, "unauthorized")


def test_signing_out_without_a_sign_in_says_so(anyone: httpx.Client) -> None:
    assert "refresh token" in assert_error(anyone.post("/api/auth/logout"), 401, "unauthorized")


def test_a_cookie_session_is_signed_out_and_its_cookie_removed(api: Api, anyone: httpx.Client) -> None:
    user = api.services.users.by_email(api.register()[1]["email"])
    secret, _ = api.services.sessions.open_browser(user.id, False)
    headers = {"Cookie": f"aim_session={secret}", "Origin": api.url}
    assert anyone.get("/api/profile", headers=headers).status_code == 200
    left = anyone.post("/api/auth/logout", headers=headers)
    assert left.status_code == 204
    assert 'aim_session=""' in left.headers["set-cookie"]
    assert anyone.get("/api/profile", headers=headers).status_code == 401


def test_a_new_password_ends_every_other_sign_in(api: Api, anyone: httpx.Client) -> None:
    client, pair = api.register()
    other = anyone.post("/api/auth/token", json={"email": pair["email"], "password": PASSWORD}).json()
    change = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    with client:
        changed = client.post("/api/auth/password", json=change)
        assert changed.status_code == 200
        assert client.get("/api/profile").status_code == 200
    assert status(api, changed.json()["access_token"]) == 200
    assert status(api, other["access_token"]) == 401
    old, new = ({"email": pair["email"], "password": one} for one in (PASSWORD, NEW_PASSWORD))
    assert anyone.post("/api/auth/token", json=old).status_code == 401
    assert anyone.post("/api/auth/token", json=new).status_code == 200


def test_the_old_password_is_needed_for_a_new_one(user: httpx.Client) -> None:
    body = {"old_password": "something else entirely", "new_password": NEW_PASSWORD}
    assert_error(user.post("/api/auth/password", json=body), 403, "wrong_password")


def refresh(client: httpx.Client, pair: dict[str, Any]) -> httpx.Response:
    return client.post("/api/auth/refresh", json={"refresh_token": pair["refresh_token"]})
