"""What admins do to accounts: look, add, change the role, shut out and let in again, give a new password. Every look and
change is audited."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from pydantic import Field
from sqlmodel import Session, col, func, select

from app.db import Database
from app.errors import AppError, Conflict, Forbidden, NotFound
from app.models import DELETING, Document, LoginSession, User
from app.principal import Principal, Role
from app.services.audit import AuditLog
from app.services.guessable import is_guessable
from app.services.paging import Order, next_after, page_size
from app.services.sessions import revoke_all
from app.services.shapes import Listing, UserPublic
from app.services.users import UserService

_ROLES: dict[Role, str] = {"admin": "promote_user", "user": "demote_user"}
# Read aloud and typed off without mistakes: no 0 and o, no 1, i and l. Twenty of them are 98 bits.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 5
ORDER = Order(col(User.created), col(User.id))


class AdminUserPublic(UserPublic):
    """An account as admins see it."""

    last_seen: datetime | None = Field(description="Null: no sign-in of theirs is kept any more, or there was none.")
    documents: int
    bytes: int = Field(description="Of the documents as they were uploaded.")


class MadePassword(UserPublic):
    """An account, and the password that was made for it: told this once."""

    password: str


class Administration:
    def __init__(self, db: Database, audit: AuditLog, users: UserService) -> None:
        self._db, self._audit, self._users = db, audit, users

    def users(
        self, principal: Principal, *, search: str | None = None, limit: int = 50, after: str | None = None
    ) -> Listing[AdminUserPublic]:
        """Accounts, oldest first; `search` is a part of the e-mail address. Raises `Forbidden` for whoever is no admin."""
        self.admit(principal, "list_users")
        limit = page_size(limit)
        query = select(User).order_by(*ORDER.columns).limit(limit + 1)
        if search and search.strip():
            query = query.where(col(User.email).contains(search.strip().casefold(), autoescape=True))
        with self._db.session() as session:
            if after is not None:
                last = _get(session, after)
                query = query.where(ORDER.after(last.created, last.id))
            rows = session.exec(query).all()
            items = _accounts(session, rows[:limit])
            self._audit.record(session, principal, "list_users")
        return Listing(items=items, next=next_after(rows, limit))

    def add(self, principal: Principal, email: str, role: Role = "user") -> MadePassword:
        """Open an account, also where registration is closed, with a password made here.

        Raises `Forbidden` for whoever is no admin, `Conflict` for a taken e-mail address.
        """
        self.admit(principal, "add_user")
        password = new_password(email)
        try:
            user = self._users.add(email, password, role, by=principal)
        except Conflict:
            told = "An account with this e-mail address exists already; find it in the list."
            raise Conflict(told, code="already_registered") from None
        return MadePassword(**_public(user).model_dump(), password=password)

    def reset_password(self, principal: Principal, user_id: str) -> MadePassword:
        """Replace somebody's password by one made here, and end every sign-in of theirs.

        Raises `Forbidden` for whoever is no admin.
        """
        self.admit(principal, "reset_password", user_id)
        with self._audit.refusing(self._db, principal, "reset_password", user_id):
            password = new_password(self._users.get(user_id).email)
            user = self._users.set_password(user_id, password, by=principal)
        return MadePassword(**_public(user).model_dump(), password=password)

    def change(
        self, principal: Principal, user_id: str, *, role: Role | None = None, disabled: bool | None = None
    ) -> UserPublic:
        """Change what is given. Who loses the role or the account is signed out of every door in the same transaction.

        Raises `Forbidden` for whoever is no admin, `Conflict` for the last admin, who must stay one.
        """
        self.admit(principal, "change_user", user_id)
        if role is None and disabled is None:
            raise AppError("Say what to change: 'role' or 'disabled'.", status=422, code="nothing_to_change")
        with self._audit.refusing(self._db, principal, "change_user", user_id), self._db.session() as session:
            # Locked in one order: of two admins who demote each other at once, the second sees what the first did.
            ruling = select(User.id).where(col(User.role) == "admin", col(User.disabled).is_(False))
            admins = set(session.exec(ruling.order_by(col(User.id)).with_for_update()).all())
            user = _get(session, user_id)
            if admins == {user.id} and (role == "user" or disabled):
                raise Conflict("This is the last admin; make somebody else an admin first.", code="last_admin")
            if role is not None and role != user.role:
                user.role = role
                self._note(session, principal, user, _ROLES[role], signed_out=role == "user")
            if disabled is not None and disabled != user.disabled:
                user.disabled = disabled
                self._note(session, principal, user, "disable_user" if disabled else "enable_user", signed_out=True)
        return _public(user)

    def _note(self, session: Session, principal: Principal, user: User, action: str, *, signed_out: bool) -> None:
        session.add(user)
        if signed_out:
            revoke_all(session, user.id)
        self._audit.record(session, principal, action, object_id=user.id)

    def admit(self, principal: Principal, action: str, object_id: str | None = None) -> None:
        """Raise `Forbidden`, which is audited under `action`, for whoever is no admin."""
        with self._audit.refusing(self._db, principal, action, object_id):
            if not principal.is_admin:
                raise Forbidden("This is for admins; ask one of them.")


def new_password(email: str) -> str:
    """A random password for the owner of `email`, in groups that can be read out."""
    while True:
        password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
        if not is_guessable(password, email):  # as good as never, yet its owner could not choose it
            return password


def _accounts(session: Session, users: Sequence[User]) -> list[AdminUserPublic]:
    """With what they keep and when they were last here: two queries for all of them."""
    ids = [user.id for user in users]
    kept = (
        select(Document.user_id, func.count(), func.coalesce(func.sum(Document.bytes), 0))
        .where(col(Document.user_id).in_(ids), col(Document.status) != DELETING)
        .group_by(col(Document.user_id))
    )
    documents = {owner: (count, size) for owner, count, size in session.exec(kept).all()}
    last = select(LoginSession.user_id, func.max(LoginSession.last_seen)).where(col(LoginSession.user_id).in_(ids))
    seen = dict(session.exec(last.group_by(col(LoginSession.user_id))).all())
    return [
        AdminUserPublic(
            **_public(user).model_dump(),
            last_seen=seen.get(user.id),
            documents=documents.get(user.id, (0, 0))[0],
            bytes=documents.get(user.id, (0, 0))[1],
        )
        for user in users
    ]


def _get(session: Session, user_id: str) -> User:
    user = session.get(User, user_id, populate_existing=True)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def _public(user: User) -> UserPublic:
    return UserPublic.model_validate(user, from_attributes=True)
