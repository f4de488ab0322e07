"""Who is asking, and what they may see: made in four places, consumed everywhere below."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from app.errors import Unauthorized

_SEAL = object()

Role = Literal["user", "admin"]
Kind = Literal["session", "token", "operator", "system", "link"]


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. Built only by the four functions below; anything else raises."""

    user_id: str
    role: Role
    kind: Kind
    session_id: str | None = None
    _seal: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._seal is not _SEAL:
            raise TypeError(
                "A Principal is made by authentication, the local operator, the system or a share link only."
            )
        if not self.user_id:
            raise Unauthorized("Sign in first.")

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


def authenticated(user_id: str, role: Role, kind: Literal["session", "token"], session_id: str) -> Principal:
    """For `app.auth.authenticate` alone: a verified session or token, its role just read from SQL."""
    return Principal(user_id, role, kind, session_id, _SEAL)


def local_operator(user_id: str, role: Role = "user") -> Principal:
    """For the command line and notebooks, where whoever runs the process owns the data folder."""
    return Principal(user_id, role, "operator", None, _SEAL)


def system(reason: str) -> Principal:
    """For the worker and the seed; `reason` stands where a user id would, so that audit rows name it."""
    return Principal(f"system:{reason}", "admin", "system", None, _SEAL)


def by_link(user_id: str) -> Principal:
    """For `app.services.exports.shares` alone: whoever holds a share link reads the one thing it shows as its owner would,
    never as an admin."""
    return Principal(user_id, "user", "link", None, _SEAL)


@dataclass(frozen=True, slots=True)
class TenantFilter:
    """What one search of the personal knowledge base may return. `for_principal` is its only maker.

    `artist_id` limits to that artist's passages and the ones of all artists; `document_ids` to these documents.
    """

    user_id: str
    artist_id: str | None = None
    document_ids: tuple[str, ...] | None = None
    _seal: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self._seal is not _SEAL or not self.user_id:
            raise TypeError("A TenantFilter is made by TenantFilter.for_principal only.")

    @classmethod
    def for_principal(
        cls,
        principal: Principal | None,
        *,
        artist_id: str | None = None,
        document_ids: tuple[str, ...] | None = None,
    ) -> TenantFilter:
        """Build the filter of `principal`; raises `Unauthorized` for nobody and for the system."""
        if principal is None or not principal.user_id or principal.kind == "system":
            raise Unauthorized("The personal knowledge base is searched for a signed-in user only.")
        return cls(principal.user_id, artist_id, document_ids, _SEAL)

    def limited_to(self, document_ids: tuple[str, ...]) -> TenantFilter:
        """The same tenant, fewer documents."""
        return replace(self, document_ids=document_ids)
