"""How a request arrived: scheme, client and host as the network shows them, and whether that way is allowed."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from app.config import ServerSettings
from app.errors import AppError, Forbidden
from app.principal import Principal

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?")
_LOCAL_SUFFIXES = (".local", ".lan", ".home", ".internal", ".home.arpa", ".localhost")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def arrive(scope: Scope, server: ServerSettings) -> Scope:
    """A copy of `scope` whose scheme and client are the browser's own, also behind a proxy that is configured.

    Forwarding headers of anybody else are taken out, so that nothing further in believes them.
    Raises `AppError` (400) for a Host no browser sends, `Forbidden` for plain HTTP where that is not allowed.
    """
    headers = Headers(scope=scope)
    peer = scope["client"][0] if scope.get("client") else None
    scheme, client, kept = scope["scheme"], peer, scope["headers"]
    if server.behind_proxy and _is_local(peer):
        scheme = "https" if _last(headers, "x-forwarded-proto") == "https" else scheme
        client = _last(headers, "x-forwarded-for") or peer
    else:
        kept = [(name, value) for name, value in kept if not name.startswith((b"x-forwarded-", b"forwarded"))]
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise AppError("The address of this request is malformed; open the server by its own address.", code="bad_host")
    if scheme != "https" and server.public_url is not None and _is_loopback(peer):
        # A tunnel on this machine (a share link) ends TLS elsewhere and forwards without saying so.
        public = urlsplit(server.public_url)
        scheme = "https" if public.scheme == "https" and _same_host("https", public.netloc, hosts[0]) else scheme
    if scheme != "https" and not _plain_http_allowed(client, hosts[0], server):
        raise Forbidden(
            "This server answers other machines over HTTPS only; open it at its HTTPS address, or let the operator set "
            "server.allow_local_network: true, which lets everyone on the network read along.",
            code="https_required",
        )
    return {**scope, "scheme": scheme, "client": (client, 0) if client else None, "headers": kept}


def check_origin(scope: Scope, principal: Principal | None, server: ServerSettings) -> None:
    """Raise `Forbidden` when another site's page sends an unsafe request from a signed-in browser, or signs it in.

    Bearer tokens are exempt: no page can make a browser attach one.
    """
    if scope["method"] in SAFE_METHODS or (principal is not None and principal.kind == "token"):
        return
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is not None:
        allowed = origin_allowed(origin, scope, server)
    else:
        allowed = "cookie" not in headers or headers.get("sec-fetch-site") in ("same-origin", "none")
    if not allowed:
        raise Forbidden("This request comes from another site; open the page here and try again.", code="wrong_origin")


def origin_allowed(origin: str, scope: Scope, server: ServerSettings) -> bool:
    """Whether `origin` is this very server, its public address, or one the settings list."""
    own = f"{scope['scheme']}://{Headers(scope=scope)['host']}"
    listed = [own, *([server.public_url] if server.public_url else []), *server.cors_origins]
    return _origin(origin) is not None and _origin(origin) in {_origin(address) for address in listed}


def is_listed(origin: str | None, server: ServerSettings) -> bool:
    """Whether the settings let pages of this origin read answers (CORS)."""
    return origin is not None and _origin(origin) in {_origin(address) for address in server.cors_origins} - {None}


def _origin(address: str) -> str | None:
    """Scheme and host in lower case, the port only where it is not the scheme's own; None for `null` and nonsense."""
    scheme, separator, rest = address.lower().partition("://")
    host = rest.split("/", 1)[0]
    if not separator or scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        return None
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS[scheme])}"


def _same_host(scheme: str, one: str, other: str) -> bool:
    return _origin(f"{scheme}://{one}") == _origin(f"{scheme}://{other}")


def _plain_http_allowed(client: str | None, host: str, server: ServerSettings) -> bool:
    """The Host is checked too: a page whose name was made to point at this machine (DNS rebinding) sends its own."""
    name = _HOST.sub(r"\1", host).strip("[]").lower()
    if _is_loopback(client) and (name == "localhost" or (_is_address(name) and _is_loopback(name))):
        return True
    if not server.allow_local_network or not _is_local(client):
        return False
    public = urlsplit(server.public_url).hostname if server.public_url else None
    return name == public or _is_local_name(name)


def _is_local_name(name: str) -> bool:
    return _is_local(name) if _is_address(name) else "." not in name or name.endswith(_LOCAL_SUFFIXES)


def _is_address(name: str) -> bool:
    return _parse(name) is not None


def _is_loopback(client: str | None) -> bool:
    """A Unix socket has no address and is on this machine."""
    address = _parse(client) if client is not None else None
    return client is None or (address is not None and address.is_loopback)


def _is_local(client: str | None) -> bool:
    """On this machine or its private networks."""
    address = _parse(client) if client is not None else None
    return client is None or (address is not None and not address.is_global)


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _last(headers: Headers, name: str) -> str | None:
    """The entry the nearest proxy wrote: the ones before it are the caller's own word."""
    values = headers.getlist(name)
    return values[-1].rsplit(",", 1)[-1].strip() or None if values else None
