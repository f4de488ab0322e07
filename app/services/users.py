"""Accounts: who may sign in, with which password, in which role."""

from __future__ import annotations

import builtins
import re
from contextlib import suppress

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.config import AuthSettings
from app.db import Database
from app.errors import AppError, Conflict, Forbidden, NotFound, TooMany, Unauthorized
from app.models import Artist, User
from app.principal import Principal, Role
from app.services.audit import AuditLog
from app.services.passwords import Passwords, check_password
from app.services.sessions import revoke_all
from app.services.shapes import UserPublic
from app.services.throttle import Attempt, Throttle

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f<>()\[\]\\,;:\"]{1,64}@[^@\s\x00-\x1f\x7f<>()\\,;\"]{1,189}")


class InvalidEmail(AppError):
    status, code = 422, "invalid_email"


class UserService:
    """Registers, verifies and administers accounts. E-mail addresses are compared stripped and case-folded."""

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        settings: AuthSettings,
        *,
        passwords: Passwords | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._db = db
        self._audit = audit
        self.registration_open = settings.registration == "open"
        self._passwords = passwords or Passwords()
        self._throttle = throttle or Throttle()

    def register(self, email: str, password: str, address: str = "local socket") -> User:
        """Open an account for whoever asks from the network address `address`.

        Raises `Forbidden` where that is closed, `Conflict` for a taken e-mail address, `TooMany` after repeated failures
        (each tells whether somebody has an account) or many accounts from one address.
        """
        if not self.registration_open:
            raise Forbidden(
                "Registration is closed here; ask whoever runs this server to add you.", code="registration_closed"
            )
        attempt = self._throttle.admit_newcomer(address)
        try:
            user = self._create(email, password, "user", "register", None)
        except TooMany:  # no turn to hash was free: nobody's failure
            attempt.withdraw()
            raise
        attempt.succeed()
        return user

    def add(self, email: str, password: str, role: Role = "user", *, by: Principal | None = None) -> User:
        """Open an account as the operator or an admin, also where registration is closed."""
        return self._create(email, password, role, "add_user", by)

    def verify(self, email: str, password: str, address: str) -> User:
        """The user with this e-mail and password, asked from the network address `address`.

        Raises `Unauthorized` with one sentence for a wrong password, an unknown and a disabled account, which also take
        the same time; `TooMany` after repeated failures.
        """
        account = email.strip().casefold()
        attempt = self._throttle.admit(account, address)
        user = self._find(account)
        right = self._judge(attempt, password, user.password_hash if user else None)
        if user is None or user.disabled or not right:
            with self._db.session() as session:
                self._audit.record(session, None, "sign_in", outcome="refused", object_id=user.id if user else None)
            raise Unauthorized("E-mail or password is wrong.", code="wrong_credentials")
        attempt.succeed()
        fresh = self._rehashed(password, user.password_hash)
        with self._db.session() as session:
            if fresh is not None:
                unchanged = (col(User.id) == user.id, col(User.password_hash) == user.password_hash)
                session.execute(update(User).where(*unchanged).values(password_hash=fresh))
            self._audit.record(session, None, "sign_in", object_id=user.id)
        return user

    def by_email(self, email: str) -> User:
        user = self._find(email.strip().casefold())
        if user is None:
            raise NotFound("No user has this e-mail address; add one with 'ai-manager users add'.")
        return user

    def get(self, user_id: str) -> User:
        with self._db.reading() as session:
            user = session.get(User, user_id)
        if user is None:
            raise NotFound("There is no such user.")
        return user

    def promote(self, email: str, *, by: Principal | None = None) -> User:
        """Make the user an admin, from the next request on."""
        return self._change(self.by_email(email).id, "promote_user", by, role="admin")

    def disable(self, email: str, disabled: bool = True, *, by: Principal | None = None) -> User:
        """Shut the user out of every door at once, or let them in again (they sign in anew)."""
        action = "disable_user" if disabled else "enable_user"
        return self._change(self.by_email(email).id, action, by, sign_out=True, disabled=disabled)

    def set_password(self, email_or_id: str, new: str, *, by: Principal | None = None) -> User:
        """Set a password without knowing the old one, and end every sign-in of the user."""
        user = self.by_email(email_or_id) if "@" in email_or_id else self.get(email_or_id)
        check_password(new, user.email)
        return self._change(user.id, "reset_password", by, sign_out=True, password_hash=self._passwords.hash(new))

    def change_password(self, principal: Principal, old: str, new: str) -> None:
        """Replace the caller's own password; every other sign-in of theirs ends, this one stays.

        Raises `Forbidden` when `old` is wrong, `WeakPassword` when `new` may not be chosen, `TooMany` after repeated
        failures.
        """
        user = self.get(principal.user_id)
        check_password(new, user.email)
        attempt = self._throttle.admit(user.id, f"session of {user.id}")
        if not self._judge(attempt, old, user.password_hash):
            with self._db.session() as session:
                self._audit.record(session, principal, "change_password", outcome="refused", object_id=user.id)
            raise Forbidden("The current password is wrong.", code="wrong_password")
        attempt.succeed()
        hashed = self._passwords.hash(new)
        self._change(user.id, "change_password", principal, sign_out=True, password_hash=hashed)

    def _judge(self, attempt: Attempt, password: str, stored: str | None) -> bool:
        try:
            return self._passwords.matches(password, stored)
        except TooMany:  # no turn to hash was free: nobody's failure
            attempt.withdraw()
            raise

    def _rehashed(self, password: str, stored: str) -> str | None:
        """The password under today's costs, if `stored` was made with others and a turn is free."""
        with suppress(TooMany):
            return self._passwords.hash(password) if self._passwords.needs_rehash(stored) else None
        return None

    def _find(self, account: str) -> User | None:
        with self._db.reading() as session:
            return session.exec(select(User).where(User.email == account)).first()

    def _create(self, email: str, password: str, role: Role, action: str, by: Principal | None) -> User:
        account = checked_email(email)
        check_password(password, account)
        taken = Conflict(
            "An account with this e-mail address exists already; sign in instead.", code="already_registered"
        )
        if self._find(account) is not None:
            raise taken
        user = User(email=account, password_hash=self._passwords.hash(password), role=role)
        try:
            with self._db.session() as session:
                session.add(user)
                session.flush()
                session.add(Artist(user_id=user.id, name=account.partition("@")[0]))
                self._audit.record(session, by, action, object_id=user.id)
        except IntegrityError:
            raise taken from None
        return user

    def _change(
        self, user_id: str, action: str, by: Principal | None, *, sign_out: bool = False, **values: object
    ) -> User:
        with self._db.session() as session:
            user = session.get(User, user_id)
            if user is None:
                raise NotFound("There is no such user.")
            for name, value in values.items():
                setattr(user, name, value)
            session.add(user)
            if sign_out:
                own = by is not None and by.user_id == user_id
                revoke_all(session, user_id, except_id=by.session_id if own and by is not None else None)
            self._audit.record(session, by, action, object_id=user_id)
        return user

    def list(self) -> builtins.list[UserPublic]:
        """Every account, oldest first."""
        with self._db.reading() as session:
            users = session.exec(select(User).order_by(col(User.created), col(User.id))).all()
        return [UserPublic.model_validate(user, from_attributes=True) for user in users]


def checked_email(email: str) -> str:
    """The address as accounts are named by it; raises `InvalidEmail`."""
    account = email.strip().casefold()
    if not _EMAIL.fullmatch(account):
        raise InvalidEmail("This is not an e-mail address; it looks like name@example.com.")
    return account
