"""Whom a question about all artists is about, and passages for each of them: one artist's papers never crowd out another's."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from loguru import logger
from sqlmodel import col, select

from app.db import Database
from app.errors import AppError
from app.models import READY, Artist, Document, Intent, User
from app.principal import Principal
from app.retrievers.passages import Passage, Retrieval
from app.retrievers.router import Finder, MakeRetriever
from app.retrievers.trace import Trace
from app.services.search import Scope, SearchService

ARTISTS = 200  # of a roster, oldest first
SEARCHED = 12  # looked for one by one in a question; the others are named as not looked through
AT_ONCE = 4  # searches beside each other: the embedded engine and the lanes take no more in the same time
FOR_EACH, FOR_NAMED = 2, 4  # passages of an artist that the common search passed over; of one that the question names
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class RosterArtist:
    id: str
    name: str
    documents: tuple[str, ...] = ()  # ids of those of theirs alone that answer now


@dataclass(slots=True)
class Roster:
    """Of one question: the artists, and those whose papers could not be looked through this time."""

    artists: tuple[RosterArtist, ...]
    unsearched: set[str] = field(default_factory=set)

    def asked(self, question: str) -> tuple[RosterArtist, ...]:
        """Those that `question` names; all where it names none."""
        return self.named(question) or self.artists

    def named(self, question: str) -> tuple[RosterArtist, ...]:
        return tuple(artist for artist in self.artists if names(question, artist.name))


class RosterService:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, principal: Principal) -> Roster | None:
        """The roster of whoever works for several artists and has papers of one at least; None for everybody else.

        The artist that came with the account counts once it has a name of its own, or papers: a manager need not be one.
        """
        mine = select(Artist.id, Artist.name).where(Artist.user_id == principal.user_id)
        papers = select(Document.artist_id, Document.id).where(
            Document.user_id == principal.user_id, Document.kb == "personal", Document.status == READY,
            col(Document.artist_id).is_not(None),
        )  # fmt: skip
        with self._db.reading() as session:
            rows = session.exec(mine.order_by(col(Artist.created), col(Artist.id)).limit(ARTISTS)).all()
            held = session.exec(papers).all() if len(rows) > 1 else []
            user = session.get(User, principal.user_id)
        given = user.email.partition("@")[0] if user else ""  # what the account's own artist is called at first
        of: dict[str | None, list[str]] = {}
        for artist_id, document_id in held:
            of.setdefault(artist_id, []).append(document_id)
        artists = [RosterArtist(key, name, tuple(of.get(key, ()))) for key, name in rows]
        artists = [artist for artist in artists if artist.documents or artist.name != given]
        return Roster(tuple(artists)) if held and len(artists) > 1 else None


# For an intent: without ids the common retriever, with ids one over these documents alone that gives so many passages.
Make = Callable[[Intent, tuple[str, ...] | None, int | None], Finder]


class RosterRetriever:
    """The common search, and beside it one among the papers of each artist that it passed over.

    Where the question names artists, the papers of the others are left out. `trace.artists` then holds the
    ids of whom the answer has a line for; it stays empty where the personal kb was not searched.
    """

    def __init__(self, roster: Roster, intent: Intent, make: Make) -> None:
        self._roster, self._intent, self._make = roster, intent, make

    async def asearch(self, question: str) -> Retrieval:
        named = self._roster.named(question)
        if named and self._intent == "global":
            self._intent = "hybrid"  # whoever names an artist of theirs asks about that artist
        retrieval = await self._make(self._intent, None, None).asearch(question)
        if "personal" not in retrieval.trace.kbs:
            return retrieval
        wanted = named or self._roster.artists
        ids = [artist.id for artist in wanted]
        kept = [one for one in retrieval.passages if one.document.artist_id in (None, *ids) or one.kb == "global"]
        met = {one.document.artist_id for one in kept}
        lacking = [artist for artist in wanted if artist.documents and (named or artist.id not in met)]
        start = time.perf_counter()
        found = await self._each(without_names(asked_of(question), named), lacking, FOR_NAMED if named else FOR_EACH)
        retrieval.trace.add("artists", start)
        retrieval.trace.artists = ids
        retrieval.passages = _best_of_each_first(_with(kept, found), ids)
        _note(retrieval, found)
        return retrieval

    async def _each(self, question: str, lacking: Sequence[RosterArtist], most: int) -> list[Retrieval]:
        self._roster.unsearched |= {artist.id for artist in lacking[SEARCHED:]}
        places = asyncio.Semaphore(AT_ONCE)

        async def one(artist: RosterArtist) -> Retrieval | None:
            async with places:
                try:
                    return await self._make(self._intent, artist.documents, most).asearch(question)
                except AppError as error:  # the answer says of whom it does not speak (design rule 7)
                    logger.bind(code=error.code).warning("an artist's papers not searched")
                    self._roster.unsearched.add(artist.id)
                    return None

        return [found for found in await asyncio.gather(*map(one, lacking[:SEARCHED])) if found is not None]


def finders(search: SearchService, scope: Scope, roster: Roster | None) -> MakeRetriever:
    """What a chat searches with. With a roster, and no documents chosen or named: passages for each of its artists."""
    if roster is None or scope.named or scope.documents is not None:
        return lambda intent: search.retriever(scope, intent)

    def make(intent: Intent, documents: tuple[str, ...] | None, most: int | None) -> Finder:
        if documents is None or scope.tenant is None:
            return search.retriever(scope, intent)
        only = replace(scope, tenant=scope.tenant.limited_to(documents))
        return search.retriever(only, intent, top_k=most, own_only=True)

    return lambda intent: RosterRetriever(roster, intent, make)


def names(text: str, name: str) -> bool:
    """Whether `text` calls `name`: as whole words, and, where it is one word that may be any, written in the same case."""
    flags = re.IGNORECASE if len(name.split()) > 1 else 0
    return bool(name.split()) and re.search(_pattern(name), text, flags) is not None


def _pattern(name: str) -> str:
    return rf"(?<!\w){re.escape(' '.join(name.split()))}(?!\w)".replace(r"\ ", r"\s+")


def asked_of(question: str) -> str:
    """Its sentences that ask: what is told before them leads away from an artist's papers."""
    asking = [sentence for sentence in _SENTENCE.split(question) if sentence.rstrip().endswith("?")]
    return " ".join(asking) or question


def without_names(question: str, artists: Sequence[RosterArtist]) -> str:
    """For a search among an artist's own papers, which seldom repeat whose they are."""
    for artist in artists:
        question = re.sub(_pattern(artist.name), "", question, flags=re.IGNORECASE)
    return question


def _with(kept: Sequence[Passage], found: Sequence[Retrieval]) -> list[Passage]:
    """What was kept, and what was found besides, no chunk twice."""
    whole = [*kept]
    have = {chunk.id for passage in kept for chunk in passage.chunks}
    for passage in (one for retrieval in found for one in retrieval.of("personal")):
        if not have & {chunk.id for chunk in passage.chunks}:
            have |= {chunk.id for chunk in passage.chunks}
            whole.append(passage)
    return whole


def _best_of_each_first(passages: Sequence[Passage], ids: Sequence[str]) -> list[Passage]:
    """A prompt that has no room for all leaves no artist out before it has one passage of each."""
    first = [next((one for one in passages if one.document.artist_id == artist_id), None) for artist_id in ids]
    leading = [one for one in first if one is not None]
    return [*leading, *(one for one in passages if not any(one is other for other in leading))]


def _note(retrieval: Retrieval, found: Sequence[Retrieval]) -> None:
    """The trace tells of every candidate what became of it, those of the searches besides included."""
    trace: Trace = retrieval.trace
    chosen = {chunk.id for passage in retrieval.passages for chunk in passage.chunks}
    known = {(one["kb"], one["chunk_id"]): one for one in trace.candidates}
    for candidate in (one for more in found for one in more.trace.candidates):
        before = known.setdefault((candidate["kb"], candidate["chunk_id"]), candidate)
        if candidate["outcome"] == "prompt":
            before |= {name: candidate[name] for name in ("score", "relevance", "similarities")}
    trace.candidates = [*known.values()]
    for candidate in trace.candidates:
        if candidate["chunk_id"] in chosen:
            candidate["outcome"] = "prompt"
        elif candidate["outcome"] == "prompt":
            candidate["outcome"] = "cut"
    trace.dropped += sum(more.trace.dropped for more in found)
