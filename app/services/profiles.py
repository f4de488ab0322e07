"""What a user says about themselves: it goes into prompts as their profile."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.db import Database
from app.models import Profile
from app.principal import Principal


class ProfileShape(BaseModel):
    role: str = Field("", max_length=40, description="independent artist, producer, songwriter or manager")
    artist_name: str = Field("", max_length=200)
    bio: str = Field("", max_length=4000)
    genres: str = Field("", max_length=300)
    stage: str = Field("", max_length=200)
    goals: str = Field("", max_length=2000)
    audience: str = Field("", max_length=2000)


class ProfileService:
    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, principal: Principal) -> ProfileShape:
        with self._db.reading() as session:
            row = session.get(Profile, principal.user_id)
        return ProfileShape.model_validate(row, from_attributes=True) if row else ProfileShape()

    def put(self, principal: Principal, shape: ProfileShape) -> ProfileShape:
        with self._db.session() as session:
            session.merge(Profile(user_id=principal.user_id, **shape.model_dump()))
        return shape

    def as_text(self, principal: Principal) -> str:
        """One line a field, for a prompt; empty when nothing is known."""
        shape = self.get(principal).model_dump()
        return "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in shape.items() if value)
