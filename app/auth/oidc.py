"""An OpenID provider over the network: where to send a browser, and who came back (code flow with PKCE)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from loguru import logger

from app.auth.handshake import Handshake, Handshakes
from app.auth.id_token import signing_keys, verify
from app.auth.secrets import load_secret
from app.config import IdentityProvider, Settings, is_private_way
from app.errors import AppError, NotFound, Unauthorized, Unavailable

LONGEST_SECONDS = 10.0  # a browser waits for all our steps; httpx gives each read and connection 5 s
KEEP_SECONDS = 3600.0  # the provider's metadata and keys; an unknown key is asked for at once
LONGEST_CODE = 4096  # characters


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who signed in, verified. `email` is None where the provider told none, or says that it is not confirmed."""

    subject: str
    email: str | None


class OpenIDProvider:
    """One row of `auth.providers`. Every call raises one sentence: `Unavailable` when the provider fails, `Unauthorized`
    when it does not confirm the sign-in or its word cannot be trusted."""

    def __init__(
        self, row: IdentityProvider, clock: Callable[[], float] = time.time, seconds: float = LONGEST_SECONDS
    ) -> None:
        self.row = row
        self._clock = clock
        self._seconds = seconds
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def authorization_url(self, redirect_uri: str, handshake: Handshake) -> str:
        """Where the browser goes to sign in."""
        with self._told():
            async with asyncio.timeout(self._seconds), self._client(redirect_uri) as client:
                metadata = await self._discover(client)
                url, _ = client.create_authorization_url(
                    metadata["authorization_endpoint"],
                    state=handshake.state,
                    nonce=handshake.nonce,
                    code_verifier=handshake.verifier,
                )
        return str(url)

    async def identify(self, answer: Mapping[str, str], redirect_uri: str, handshake: Handshake) -> Claimed:
        """Exchange the code in the browser's query `answer` for an ID token, and verify that."""
        if "error" in answer or not 0 < len(answer.get("code", "")) <= LONGEST_CODE:
            raise self._unconfirmed()
        with self._told():
            async with asyncio.timeout(self._seconds), self._client(redirect_uri) as client:
                metadata = await self._discover(client)
                self._check_sender(answer, metadata)
                client.token_endpoint_auth_method = self._proof(metadata)
                token = await client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=answer["code"],
                    code_verifier=handshake.verifier,
                )
                claims = await self._verify(client, metadata, token, handshake)
                return Claimed(claims["sub"], await self._email(client, metadata, claims))

    async def _verify(
        self, client: AsyncOAuth2Client, metadata: dict[str, Any], token: Mapping[str, Any], handshake: Handshake
    ) -> dict[str, Any]:
        id_token, access_token = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise self._untrusted("no id token")

        expected = {"issuer": self.row.issuer, "client_id": self.row.client_id, "nonce": handshake.nonce}

        def claims(keys: KeySet) -> dict[str, Any] | None:
            try:
                return verify(id_token, keys, **expected, access_token=access_token, now=int(self._clock()))
            except InvalidKeyIdError:
                return None
            except (JoseError, ValueError, TypeError) as error:
                raise self._untrusted(type(error).__name__) from None

        found = claims(await self._signing_keys(client, metadata))
        if found is None:  # the provider may have changed its keys since they were read
            found = claims(await self._signing_keys(client, metadata, afresh=True))
        if found is None:
            raise self._untrusted("unknown key")
        return found

    async def _email(self, client: AsyncOAuth2Client, metadata: dict[str, Any], claims: dict[str, Any]) -> str | None:
        """From the ID token, else from the provider's userinfo about the same subject (OpenID Connect Core 1.0, 5.3)."""
        if "email" not in claims and metadata.get("userinfo_endpoint"):
            response = await client.get(metadata["userinfo_endpoint"])
            response.raise_for_status()
            told = response.json()
            if told["sub"] != claims["sub"]:
                raise self._untrusted("userinfo of another")
            claims = told
        email = claims.get("email")
        confirmed = claims.get("email_verified", True) in (True, "true")  # some providers never say
        return email if isinstance(email, str) and confirmed else None

    async def _discover(self, client: AsyncOAuth2Client) -> dict[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0, 4), of this very issuer, all of it over HTTPS."""
        if self._metadata is None or self._metadata[0] < self._clock():
            address = f"{self.row.issuer.rstrip('/')}/.well-known/openid-configuration"
            metadata = await _read(client, address)
            if metadata["issuer"] != self.row.issuer:
                raise ValueError("the metadata is another issuer's")
            used = [metadata[name] for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
            used += [metadata["userinfo_endpoint"]] if metadata.get("userinfo_endpoint") else []
            if not all(is_private_way(address) for address in used):
                raise ValueError("an endpoint is not HTTPS")
            self._metadata = (self._clock() + KEEP_SECONDS, metadata)
        return self._metadata[1]

    async def _signing_keys(
        self, client: AsyncOAuth2Client, metadata: dict[str, Any], *, afresh: bool = False
    ) -> KeySet:
        if afresh or self._keys is None or self._keys[0] < self._clock():
            self._keys = (self._clock() + KEEP_SECONDS, signing_keys(await _read(client, metadata["jwks_uri"])))
        return self._keys[1]

    def _check_sender(self, answer: Mapping[str, str], metadata: dict[str, Any]) -> None:
        """The answer names its issuer where the provider promises that (RFC 9207)."""
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", None if promised else self.row.issuer) != self.row.issuer:
            raise self._untrusted("answer of another issuer")

    def _proof(self, metadata: dict[str, Any]) -> str:
        """How this client shows its secret; basic is what every provider knows (OpenID Connect Discovery 1.0, 3)."""
        if self.row.client_secret is None:
            return "none"
        known = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return "client_secret_basic" if "client_secret_basic" in known else "client_secret_post"

    def _client(self, redirect_uri: str) -> AsyncOAuth2Client:
        secret = self.row.client_secret.get_secret_value() if self.row.client_secret is not None else None
        return AsyncOAuth2Client(
            client_id=self.row.client_id,
            client_secret=secret,
            scope=" ".join(self.row.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn whatever a provider can do wrong into one sentence. Its own words stay out of the page and the log."""
        label = self.row.label
        try:
            yield
        except AuthlibBaseError as error:  # the token endpoint refused the code
            self._note(type(error).__name__)
            raise self._unconfirmed() from None
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            self._note(type(error).__name__)
            raise Unavailable(
                f"{label} does not answer at this moment; try again in a minute, or sign in with a password.",
                code="provider_down",
            ) from None
        except (JoseError, ValueError, LookupError, TypeError, AttributeError) as error:  # not what the standard says
            self._note(type(error).__name__)
            raise Unavailable(
                f"{label} answers in a way that cannot be used here; tell whoever runs this server, or sign in with a "
                "password.",
                code="provider_wrong",
            ) from None

    def _note(self, code: str) -> None:
        logger.bind(provider=self.row.name, code=code).warning("sign-in provider failed")

    def _unconfirmed(self) -> Unauthorized:
        return Unauthorized(f"{self.row.label} did not confirm this sign-in; try again.", code="sign_in_unconfirmed")

    def _untrusted(self, code: str) -> AppError:
        self._note(code)
        return Unauthorized(
            f"What {self.row.label} said about this sign-in cannot be trusted; try again, and tell whoever runs this "
            "server if it stays so.",
            code="id_token_refused",
        )


class OpenIDSignIn:
    """The providers of this installation, by name, and their handshakes. Iterating gives the rows, for the buttons."""

    def __init__(
        self, providers: Mapping[str, OpenIDProvider], handshakes: Handshakes, public_url: str | None = None
    ) -> None:
        self._providers = providers
        self.handshakes = handshakes
        self.public_url = public_url

    def __iter__(self) -> Iterator[IdentityProvider]:
        return (provider.row for provider in self._providers.values())

    def provider(self, name: str) -> OpenIDProvider:
        if name not in self._providers:
            raise NotFound("There is no such way to sign in here; choose one on this page.")
        return self._providers[name]


def open_providers(settings: Settings) -> OpenIDSignIn:
    """What `auth.providers` lists. Nothing is asked of them before somebody signs in."""
    handshakes = Handshakes(load_secret(settings.data.dir / "secrets" / "handshake.key"))
    providers = {row.name: OpenIDProvider(row) for row in settings.auth.providers}
    return OpenIDSignIn(providers, handshakes, settings.server.public_url)


async def _read(client: AsyncOAuth2Client, address: str) -> dict[str, Any]:
    response = await client.request("GET", address, withhold_token=True)
    response.raise_for_status()
    document = response.json()
    if not isinstance(document, dict):
        raise ValueError("no JSON object")
    return document
