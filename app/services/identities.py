"""Accounts that sign in at an OpenID provider: found by (issuer, subject), never by e-mail address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.config import AuthSettings, IdentityProvider
from app.db import Database
from app.errors import AppError, Conflict, Forbidden, Unauthorized
from app.models import Artist, Identity, SpentHandshake, User, now
from app.services.audit import AuditLog
from app.services.passwords import UNUSABLE
from app.services.users import checked_email


class IdentityService:
    """Which user a provider's answer stands for. What it said is verified before; this decides who comes in."""

    def __init__(
        self, db: Database, audit: AuditLog, settings: AuthSettings, clock: Callable[[], datetime] = now
    ) -> None:
        self._clock = clock
        self._db = db
        self._audit = audit
        self._registration_open = settings.registration == "open"

    def spend(self, handshake: str, expires: datetime) -> None:
        """Note that this way to a provider has come back; raises `Unauthorized` when it had before."""
        try:
            with self._db.session() as session:
                session.execute(delete(SpentHandshake).where(col(SpentHandshake.expires) < self._clock()))
                session.add(SpentHandshake(id=handshake, expires=expires))
        except IntegrityError:
            raise Unauthorized("This sign-in was used already; start again.", code="handshake_spent") from None

    def sign_in(self, provider: IdentityProvider, subject: str, email: str | None) -> User:
        """The user who is `subject` at the provider; a new account where registration is open.

        Raises `Unauthorized` for a disabled user, `Forbidden` for a stranger where registration is closed, `Conflict`
        when a stranger's e-mail address is an account's already, `AppError` when it is none.
        """
        user = self._find(provider, subject) or self._welcome(provider, subject, email)
        if user.disabled:
            self.refuse(provider, user.id)
            raise Unauthorized("This account is disabled; ask whoever runs this server.", code="account_disabled")
        with self._db.session() as session:
            self._audit.record(session, None, f"sign_in:{provider.name}", object_id=user.id)
        return user

    def refuse(self, provider: IdentityProvider, user_id: str | None = None) -> None:
        """Record a sign-in that came back from the provider and was not let in."""
        with self._db.session() as session:
            self._audit.record(session, None, f"sign_in:{provider.name}", outcome="refused", object_id=user_id)

    def _find(self, provider: IdentityProvider, subject: str) -> User | None:
        query = (
            select(User)
            .join(Identity, col(Identity.user_id) == col(User.id))
            .where(Identity.issuer == provider.issuer, Identity.subject == subject)
        )
        with self._db.reading() as session:
            return session.exec(query).first()

    def _welcome(self, provider: IdentityProvider, subject: str, email: str | None) -> User:
        """The account of somebody new, or of somebody who came in twice at the same moment."""
        try:
            return self._create(provider, subject, email)
        except (IntegrityError, Conflict):
            user = self._find(provider, subject)
            if user is None:
                self.refuse(provider)
                raise _taken(provider) from None
            return user
        except AppError:
            self.refuse(provider)
            raise

    def _create(self, provider: IdentityProvider, subject: str, email: str | None) -> User:
        if not self._registration_open:
            raise Forbidden(
                f"No account here belongs to this {provider.label} account and registration is closed; ask whoever runs "
                "this server to add you.",
                code="registration_closed",
            )
        if email is None:
            raise Forbidden(
                f"{provider.label} told no confirmed e-mail address of yours; confirm it there, or create an account "
                "with a password here.",
                code="no_email",
            )
        account = checked_email(email)
        with self._db.session() as session:
            if session.exec(select(User.id).where(User.email == account)).first() is not None:
                raise _taken(provider)
            user = User(email=account, password_hash=UNUSABLE)
            session.add(user)
            session.flush()
            session.add(Identity(user_id=user.id, issuer=provider.issuer, subject=subject))
            session.add(Artist(user_id=user.id, name=account.partition("@")[0]))
            self._audit.record(session, None, f"register:{provider.name}", object_id=user.id)
        return user


def _taken(provider: IdentityProvider) -> Conflict:
    """An equal address proves nothing: whoever registered it here may be somebody else than its owner there."""
    return Conflict(
        f"An account with the e-mail address of your {provider.label} account exists here already and is not linked to "
        "it; sign in the way that account was made.",
        code="already_registered",
    )
