"""Who uses it: accounts, sign-ins, artists."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, ForeignKey, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.base import new_id, now, owned_by


class User(SQLModel, table=True):
    __tablename__ = "users"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    email: str = Field(unique=True, max_length=254)
    password_hash: str
    role: str = Field(default="user", max_length=10)
    disabled: bool = False
    steps_hidden: bool = False  # the first steps are put away
    created: datetime = Field(default_factory=now)


class Profile(SQLModel, table=True):
    """What the prompt may know about the asker; every field is optional."""

    __tablename__ = "profiles"
    user_id: str = Field(sa_column=Column(String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True))
    role: str = ""
    artist_name: str = ""
    bio: str = ""
    genres: str = ""
    stage: str = ""
    goals: str = ""
    audience: str = ""


class LoginSession(SQLModel, table=True):
    """A signed-in device or a refresh family. The secret itself is never stored, only its SHA-256."""

    __tablename__ = "login_sessions"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    kind: str = Field(max_length=10)  # browser | api
    secret_sha256: str = Field(unique=True, max_length=64)
    previous_sha256: str | None = Field(default=None, max_length=64, index=True)
    trusted: bool = False
    # Words such as "Firefox on Windows"; what the browser says of itself.
    device: str = Field(default="", max_length=60)
    created: datetime = Field(default_factory=now)
    last_seen: datetime = Field(default_factory=now)
    expires: datetime
    revoked: bool = False


class Identity(SQLModel, table=True):
    """Who a user is at an OpenID provider. `subject` is the provider's own lasting id; an e-mail address never counts."""

    __tablename__ = "identities"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    issuer: str = Field(max_length=255)
    subject: str = Field(max_length=255)
    created: datetime = Field(default_factory=now)
    __table_args__ = (UniqueConstraint("issuer", "subject"),)


class SpentHandshake(SQLModel, table=True):
    """A sign-in at a provider that came back: it is not taken a second time. Kept until it would have expired."""

    __tablename__ = "spent_handshakes"
    id: str = Field(primary_key=True, max_length=64)
    expires: datetime = Field(index=True)


class Artist(SQLModel, table=True):
    __tablename__ = "artists"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    user_id: str = Field(sa_column=owned_by("users.id"))
    name: str = Field(max_length=200)
    created: datetime = Field(default_factory=now)


class Handover(SQLModel, table=True):
    """An open offer of an artist to another user; accepting or declining ends it. One at a time for each artist."""

    __tablename__ = "handovers"
    id: str = Field(default_factory=new_id, primary_key=True, max_length=36)
    artist_id: str = Field(
        sa_column=Column(String(36), ForeignKey("artists.id", ondelete="CASCADE"), nullable=False, unique=True)
    )
    from_user_id: str = Field(sa_column=owned_by("users.id"))
    to_user_id: str = Field(sa_column=owned_by("users.id"))
    created: datetime = Field(default_factory=now)
