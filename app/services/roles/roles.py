"""Roles: what the program does for each kind of person, read from the data files beside this module.

Another role is another file; nothing else names a role.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlmodel import col, select

from app.db import Database
from app.errors import ConfigError
from app.models import DELETING, Document, Profile
from app.principal import Principal
from app.services.samples import TITLES

FOLDER = Path(__file__).parent
_WORD = re.compile(r"[^\W_]+")
NEWEST = 500  # documents whose titles are looked at for what is there already
# The parts of the dashboard, each of which a role's `dashboard_order` puts in its place.
SECTIONS = (
    "deadlines", "plans", "actions", "totals", "activity", "growth", "intents", "documents_used", "answer_times", "recent",
    "system",
)  # fmt: skip


class SuggestedDocument(BaseModel):
    """A paper worth adding. `words` are what titles of such papers say, by which it counts as there."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str = Field(min_length=3, max_length=80)
    why: str = Field(min_length=3, max_length=160)
    words: tuple[str, ...] = Field(min_length=1)


class Role(BaseModel):
    """One file. `name` is what stands in a profile; the one without a name is for whoever has not said a role."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(max_length=40)
    title: str = Field(min_length=1, max_length=60)
    place: int = Field(description="among the choices, from the top")
    about: str = Field(max_length=200)
    persona: str = Field(min_length=40)
    starters: tuple[str, ...] = Field(min_length=3)
    plans: tuple[str, ...] = Field(min_length=1, description="plan templates, the likeliest first")
    drafts: tuple[str, ...] = Field(min_length=1, description="kinds of drafts, the likeliest first")
    dashboard_order: tuple[str, ...] = Field(description="ids of SECTIONS, from the top, each once")
    documents: tuple[SuggestedDocument, ...] = Field(min_length=1)
    topics: str = Field(description="words of headings that the role asks about first")

    @model_validator(mode="after")
    def _whole(self) -> Role:
        if sorted(self.dashboard_order) != sorted(SECTIONS):
            raise ValueError(f"dashboard_order names each of these once: {', '.join(SECTIONS)}")
        for listed in (self.starters, self.plans, self.drafts):
            if len(set(listed)) != len(listed):
                raise ValueError("starters, plans and drafts name nothing twice")
        return self


class DocumentWorthAdding(BaseModel):
    title: str
    why: str = Field(description="one sentence: what answers gain by it")
    there: bool = Field(description="a document of the user's says so in its title")


class RolePublic(BaseModel):
    """What fits the role that the caller's profile names."""

    name: str = Field(description="as in the profile; empty where it names none that is known")
    title: str
    about: str
    starters: list[str] = Field(description="questions to begin with")
    plans: list[str] = Field(description="plan templates, the likeliest first")
    drafts: list[str] = Field(description="kinds of drafts, the likeliest first")
    dashboard_order: list[str] = Field(description="sections of the dashboard, from the top")
    documents: list[DocumentWorthAdding]


def load_roles(folder: Path = FOLDER) -> tuple[Role, ...]:
    """Every role of `folder`, by place. Raises `ConfigError` naming the file that cannot be used."""
    roles: list[Role] = []
    for file in sorted(folder.glob("*.yaml")):
        try:
            roles.append(Role.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(
                f"The role file {file.name} cannot be read ({type(error).__name__}); mend or remove it."
            ) from None
        except ValidationError as error:
            wrong = error.errors()[0]
            place = ".".join(map(str, wrong["loc"])) or "the whole"
            raise ConfigError(f"The role file {file.name} cannot be used: {place}: {wrong['msg']}.") from None
    names = [_key(role.name) for role in roles]
    if "" not in names or len(set(names)) != len(names):
        raise ConfigError(
            "Each role file needs a name of its own, and one of them none, for whoever said no role; mend them."
        )
    return tuple(sorted(roles, key=lambda role: (role.place, role.name)))


class RoleService:
    def __init__(self, db: Database, folder: Path = FOLDER) -> None:
        self._db = db
        self._roles = {_key(role.name): role for role in load_roles(folder)}

    @property
    def names(self) -> tuple[str, ...]:
        """What a user can choose, in order."""
        return tuple(role.name for role in self._roles.values() if role.name)

    def named(self, name: str) -> Role:
        """The role of this name; the one without a name for any other word."""
        return self._roles.get(_key(name), self._roles[""])

    def of(self, principal: Principal) -> Role:
        """What the principal's profile says."""
        with self._db.reading() as session:
            profile = session.get(Profile, principal.user_id)
        return self.named(profile.role if profile else "")

    def public(self, principal: Principal) -> RolePublic:
        """The role of the principal, with the papers worth adding and which of them are there."""
        role = self.of(principal)
        titles = self._titles(principal)
        documents = [
            DocumentWorthAdding(title=one.title, why=one.why, there=_there(one, titles)) for one in role.documents
        ]
        same = role.model_dump(include={"name", "title", "about", "starters", "plans", "drafts", "dashboard_order"})
        return RolePublic(**same, documents=documents)

    def _titles(self, principal: Principal) -> list[str]:
        mine = (Document.user_id == principal.user_id, Document.kb == "personal", col(Document.status) != DELETING)
        newest = select(Document.title).where(*mine, col(Document.title).not_in(TITLES.values()))
        with self._db.reading() as session:
            return [
                _plain(title) for title in session.exec(newest.order_by(col(Document.created).desc()).limit(NEWEST))
            ]


def _key(name: str) -> str:
    return " ".join(name.split()).casefold()


def _plain(text: str) -> str:
    """Words between single spaces, with one around: `_` and `-` part the words of file names."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def _there(suggested: SuggestedDocument, titles: Sequence[str]) -> bool:
    return any(_plain(word) in title for word in suggested.words for title in titles)
