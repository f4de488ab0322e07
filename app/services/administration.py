"""What admins do to accounts: look, change the role, shut out and let in again. Every look and change is audited."""

from __future__ import annotations

from sqlmodel import Session, col, select

from app.db import Database
from app.errors import AppError, Conflict, Forbidden, NotFound
from app.models import User
from app.principal import Principal, Role
from app.services.audit import AuditLog
from app.services.sessions import revoke_all
from app.services.shapes import Listing, UserPublic

_ROLES: dict[Role, str] = {"admin": "promote_user", "user": "demote_user"}


class Administration:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

    def users(self, principal: Principal, *, limit: int = 50, after: str | None = None) -> Listing[UserPublic]:
        """Every account, oldest first. Raises `Forbidden` for whoever is no admin."""
        self._check(principal, "list_users", None)
        limit = max(1, min(limit, 200))
        query = select(User).order_by(col(User.created), col(User.id)).limit(limit + 1)
        with self._db.session() as session:
            if after is not None:
                last = _get(session, after)
                same = (col(User.created) == last.created) & (col(User.id) > last.id)
                query = query.where((col(User.created) > last.created) | same)
            rows = session.exec(query).all()
            self._audit.record(session, principal, "list_users")
        following = rows[limit - 1].id if len(rows) > limit else None
        return Listing(items=[_public(row) for row in rows[:limit]], next=following)

    def change(
        self, principal: Principal, user_id: str, *, role: Role | None = None, disabled: bool | None = None
    ) -> UserPublic:
        """Change what is given. Who loses the role or the account is signed out of every door in the same transaction.

        Raises `Forbidden` for whoever is no admin, `Conflict` for the last admin, who must stay one.
        """
        self._check(principal, "change_user", user_id)
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

    def _check(self, principal: Principal, action: str, object_id: str | None) -> None:
        with self._audit.refusing(self._db, principal, action, object_id):
            if not principal.is_admin:
                raise Forbidden("This is for admins; ask one of them.")


def _get(session: Session, user_id: str) -> User:
    user = session.get(User, user_id, populate_existing=True)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def _public(user: User) -> UserPublic:
    return UserPublic.model_validate(user, from_attributes=True)
