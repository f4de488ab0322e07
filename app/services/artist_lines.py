"""An answer about all artists: one named line for each, from that artist's own papers, whoever writes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.services.extractive import best_line, candidates
from app.services.prompts import LABELS, Source
from app.services.roster import Roster, RosterArtist, names

HEADLINE = "For each artist:"
GENERAL = "What follows is general industry knowledge.\n\n"
NOTHING = "nothing found for {name}."
NO_PAPERS = "nothing found for {name}; no document of theirs is here yet."
UNSEARCHED = "not looked through this time; choose {name} below the question and ask again."
_LABEL = re.compile(r"[PG]\d{1,3}")
_BEFORE = re.compile(r"^[\s>*#_\-–•\d.)(]*")
_MARKS = re.compile(r"[*_`\\]")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


class ArtistLines:
    """Of one answer. Knows whose each label is."""

    def __init__(
        self, artists: Sequence[RosterArtist], roster: Roster, question: str, sources: Sequence[Source]
    ) -> None:
        self.artists = artists
        self._unsearched, self._question = roster.unsearched, question
        self._sources = sources
        self.owners = {
            source.label: source.passage.document.artist_id for source in sources if source.passage.kb == "personal"
        }

    def of(self, artist: RosterArtist) -> list[Source]:
        return [source for source in self._sources if self.owners.get(source.label) == artist.id]

    @property
    def common(self) -> list[Source]:
        """The industry's, and the user's own that belong to no artist."""
        listed = {artist.id for artist in self.artists}
        return [source for source in self._sources if self.owners.get(source.label) not in listed]

    def line(self, artist: RosterArtist, said: str | None = None) -> str:
        """`- **Name**: ...`: `said`, else the best sentence of the artist's own sources, else that there is none."""
        if said is None:
            said = best_line(self._question, candidates(self._question, self.of(artist)))
        return f"- **{escaped(artist.name)}**: {said or self._nothing(artist)}"

    def every(self, said: Sequence[str | None] | None = None) -> str:
        """A line for each artist; several of them under a headline."""
        given = said if said is not None else [None] * len(self.artists)
        lines = [self.line(artist, one) for artist, one in zip(self.artists, given, strict=True)]
        return "\n".join([HEADLINE, *lines] if len(lines) > 1 else lines)

    def _nothing(self, artist: RosterArtist) -> str:
        words = UNSEARCHED if artist.id in self._unsearched else NOTHING if artist.documents else NO_PAPERS
        return words.format(name=escaped(artist.name))


class LineCheck:
    """Holds a language model's text back until a line is whole. A line about one artist that rests on another's papers is
    replaced by that artist's own words; one that names nobody gets the names of whose papers it cites; artists that were left
    out get their lines at the end.
    """

    def __init__(self, lines: ArtistLines) -> None:
        self._lines = lines
        self._by_id = {artist.id: artist for artist in lines.artists}
        self._held = ""
        self._about: list[RosterArtist] = []
        self._headed = False
        self._said: set[str] = set()

    def feed(self, text: str) -> str:
        *whole, self._held = (self._held + text).split("\n")
        return "".join(f"{line}\n" for line in map(self._checked, whole) if line is not None)

    def flush(self) -> str:
        """The last line, and the lines of those that were left out."""
        last, self._held = self._checked(self._held) or "", ""
        left = [self._lines.line(artist) for artist in self._lines.artists if artist.id not in self._said]
        return last + ("\n\n" if last and left else "") + "\n".join(left)

    def _checked(self, line: str) -> str | None:
        if not line.strip():
            self._about = self._about if self._headed else []
            return line
        plain = _MARKS.sub("", line)
        begun = _BEFORE.sub("", plain)
        named = [artist for artist in self._lines.artists if names(plain, _MARKS.sub("", artist.name))]
        first = [artist for artist in named if _begins(begun, _MARKS.sub("", artist.name))]
        if first:
            self._about, self._headed = first[:1], line.lstrip().startswith("#") or _alone(begun, first[0])
            self._said.add(first[0].id)
        elif line.lstrip().startswith("#"):
            self._about, self._headed = [], False
        owners = [self._by_id[key] for key in self._owners(line) if key in self._by_id]
        about = named or self._about
        if about and any(owner not in about for owner in owners):
            mended = [self._lines.line(artist) for artist in about]
            self._said |= {artist.id for artist in about}
            return "\n".join(mended)
        if owners and not about:
            return f"{line.rstrip()} ({', '.join(escaped(owner.name) for owner in owners)})"
        return line

    def _owners(self, line: str) -> list[str]:
        labels = [label for found in LABELS.findall(line) for label in _LABEL.findall(found)]
        return list(dict.fromkeys(owner for label in labels if (owner := self._lines.owners.get(label))))


def escaped(name: str) -> str:
    """A name as plain words of Markdown, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(name.split()))


def _begins(text: str, name: str) -> bool:
    return bool(name) and re.match(rf"{re.escape(' '.join(name.split()))}(?!\w)", text, re.IGNORECASE) is not None


def _alone(text: str, artist: RosterArtist) -> bool:
    return text.strip(" :.\n").casefold() == " ".join(_MARKS.sub("", artist.name).split()).casefold()
