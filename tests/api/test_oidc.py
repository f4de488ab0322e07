"""The whole application with an OpenID provider: what `app.main` puts together, asked over HTTP."""

from __future__ import annotations

import asyncio

import httpx
from pydantic import SecretStr

from app.config import AuthSettings, IdentityProvider
from app.services.services import Services
from tests.api.conftest import make_app, serve
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, OIDCProvider


def test_a_browser_signs_in_through_the_provider_and_lands_where_it_wanted(services: Services) -> None:
    with OIDCProvider() as provider:
        row = IdentityProvider(
            name="corp",
            label="Corp",
            issuer=provider.issuer,
            client_id=CLIENT_ID,
            client_secret=SecretStr(CLIENT_SECRET),
        )
        settings = services.settings.model_copy(update={"auth": AuthSettings(providers=(row,))})
        app = asyncio.run(make_app(settings, services))
        with (
            serve(app) as url,
            httpx.Client(base_url=url, follow_redirects=True, trust_env=False, timeout=30) as browser,
        ):
            page = browser.get("/app/knowledge")
            assert page.url.path == "/login"
            assert 'href="/login/oidc/corp?next=/app/knowledge"' in page.text
            arrived = browser.get("/login/oidc/corp?next=/app/knowledge")
            assert (arrived.status_code, arrived.url.path) == (200, "/app/knowledge")
            assert browser.get("/api/profile").status_code == 200
    assert [user.email for user in services.users.list()] == ["dana@example.com"]
    assert (services.settings.data.dir / "secrets" / "handshake.key").stat().st_mode & 0o777 == 0o600
