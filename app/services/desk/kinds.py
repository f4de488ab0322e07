"""The kinds of texts the desk writes: one YAML file each in `templates`, checked when it is loaded."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

FOLDER = Path(__file__).parent / "templates"
SLOT = re.compile(r"\{(\w+)\}")
OPEN = re.compile(r"\[to confirm: ([^\]]+)\]")  # a place that nothing fills, and what belongs there
# What a template may name beside the kind's own fields -> how it is called where it is missing.
SLOTS = {
    "artist": "Artist name (Profile)", "genres": "Genres (Profile)", "bio": "Bio (Profile)", "stage": "Where you stand (Profile)",
    "goals": "Goals (Profile)", "audience": "Audience (Profile)", "today": "Today's date", "total": "Total of the items",
}  # fmt: skip
LONGEST_LINE = 300  # characters of a field of one line


class KindField(BaseModel):
    """Something the user types for a text. `most` is in characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[a-z_]{1,40}$")
    label: str = Field(max_length=60)
    about: str = ""
    lines: int = Field(default=1, ge=1, le=20)
    most: int = Field(default=LONGEST_LINE, ge=1, le=8000)
    required: bool = False
    kind: Literal["text", "date"] = "text"


class Kind(BaseModel):
    """One kind of text. `search`: what to look for in one's own documents; `guides`: in the industry's, for craft alone.

    `public`: the text is for strangers, so that contracts are read only where the user chose them. `money`: nothing is ever
    priced for the user. `opinion`: creative feedback. `lines`, `sums`: the field whose lines are numbered, or added up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field(pattern=r"^[a-z_]{1,40}$")
    order: int
    title: str = Field(max_length=60)
    group: str
    about: str
    public: bool = False
    money: bool = False
    opinion: bool = False
    search: str = ""
    guides: str = ""
    lines: str = ""
    sums: str = ""
    fields: tuple[KindField, ...]
    write: str
    template: str

    @model_validator(mode="after")
    def _names_are_known(self) -> Kind:
        own = {field.name for field in self.fields}
        for name in {*SLOT.findall(self.template), self.lines, self.sums} - {""}:
            if name not in own and name not in SLOTS:
                raise ValueError(f"the template of {self.id} names {name}, which is no field of it")
        return self

    def label(self, slot: str) -> str:
        return next((field.label for field in self.fields if field.name == slot), SLOTS.get(slot, slot))


@lru_cache(maxsize=1)
def load_kinds() -> dict[str, Kind]:
    """Every kind by its id, in the order in which they are shown. Raises `ValueError` for a file that is not one."""
    made = [Kind.model_validate(_read(path)) for path in sorted(FOLDER.glob("*.yaml"))]
    return {kind.id: kind for kind in sorted(made, key=lambda one: one.order)}


def _read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict) or found.get("id") != path.stem:
        raise ValueError(f"{path.name} must hold a kind with the id {path.stem}")
    return found
