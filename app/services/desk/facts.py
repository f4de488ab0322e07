"""What is known for a draft: what the user typed, the profile, confirmed notes, the passages it may rest on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlmodel import Session, col, or_, select

from app.models import ProfileNote
from app.models.plans import ACCEPTED
from app.principal import Principal
from app.services.desk.check import MARK, count_marks
from app.services.desk.evidence import Known
from app.services.desk.kinds import OPEN, SLOT, Kind
from app.services.desk.sums import Sum, add_up, numbered
from app.services.insight.days import spoken
from app.services.ownership import own_artist
from app.services.profiles import ProfileShape
from app.services.prompts import Source

CONFIRMED = (ACCEPTED, "confirmed")
MOST_NOTES = 200


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known but the sources. `artist`: whom the text is about, empty where nobody said."""

    kind: Kind
    inputs: dict[str, str]
    profile: ProfileShape
    artist: str = ""
    about_artist: bool = True  # the profile describes the artist, not a manager who writes for one
    notes: tuple[str, ...] = ()
    today: date = field(default_factory=date.today)

    @property
    def day(self) -> str:
        return spoken(self.today)

    @property
    def total(self) -> Sum:
        return add_up(self.inputs.get(self.kind.sums, "")) if self.kind.sums else Sum()

    def slots(self) -> dict[str, str]:
        """What a template's places are filled with; empty where it is not known."""
        mine = self.profile if self.about_artist else ProfileShape()
        known = {name: getattr(mine, name) for name in ("genres", "bio", "stage", "goals", "audience")}
        known |= {"artist": self.artist, "today": self.day, "total": self.total.text}
        typed = {one.name: self.inputs.get(one.name, "") for one in self.kind.fields}
        return {name: value.strip() for name, value in {**known, **typed}.items()}

    def known(self, sources: Sequence[Source] = ()) -> list[Known]:
        """What the check holds a draft against."""
        said = [self.profile.model_dump()[name] for name in ProfileShape.model_fields]
        computed = [self.day, self.total.text]
        if self.kind.lines:
            computed += [str(number) for number, _ in numbered(self.inputs.get(self.kind.lines, ""))]
        texts = [
            Known("\n".join(self.inputs.values()), typed=True),
            Known(self.artist, typed=True),
            Known("\n".join(filter(None, said)), typed=True),
            Known("\n".join(self.notes), typed=True),
            Known("\n".join(filter(None, computed))),
        ]
        texts = [one for one in texts if one.text.strip()]
        return texts + [Known(_text(source), source.label) for source in sources]


def gather(
    session: Session,
    principal: Principal,
    kind: Kind,
    inputs: dict[str, str],
    profile: ProfileShape,
    artist_id: str | None,
) -> Facts:
    """Facts of the principal's own; `artist_id` limits them to that artist. Raises `NotFound` for another's artist."""
    artist = own_artist(session, principal, artist_id) if artist_id is not None else None
    name = artist.name if artist else profile.artist_name
    mine = or_(col(ProfileNote.artist_id).is_(None), ProfileNote.artist_id == artist_id)
    notes = select(ProfileNote.text).where(
        ProfileNote.user_id == principal.user_id, col(ProfileNote.status).in_(CONFIRMED), mine
    )
    return Facts(
        kind=kind,
        inputs=inputs,
        profile=profile,
        artist=name,
        about_artist=not artist or not profile.artist_name or artist.name.casefold() == profile.artist_name.casefold(),
        notes=tuple(session.exec(notes.order_by(col(ProfileNote.created)).limit(MOST_NOTES)).all()),
    )


def fill(facts: Facts) -> tuple[str, list[str]]:
    """The kind's template with what is known in its places and "[to confirm]" in the others, and for each such mark what is
    missing there. A line that begins with "? " is left out when something in it is not known.
    """
    slots = facts.slots()
    lines: list[str] = []
    missing: list[str] = []
    for line in facts.kind.template.rstrip().split("\n"):
        if line.startswith("? "):
            if not all(slots[name] for name in SLOT.findall(line)):
                continue
            line = line[2:]
        place, parts = 0, []
        for match in re.finditer(f"{SLOT.pattern}|{OPEN.pattern}", line):
            value = slots[match[1]] if match[1] else ""
            missing += [""] * count_marks(value) if value else [match[2] or facts.kind.label(match[1])]
            parts += [line[place : match.start()], value or MARK]
            place = match.end()
        lines.append("".join([*parts, line[place:]]))
    return _tidy("\n".join(lines)), missing


def _tidy(text: str) -> str:
    """Without the holes of lines that were left out, and without a full stop after a value that has one."""
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.replace(".. ", ". ").replace("..\n", ".\n").strip()


def _text(source: Source) -> str:
    chunk, document = source.passage.chunk, source.passage.document
    return f"{document.title}\n{chunk.heading}\n{chunk.text}"
