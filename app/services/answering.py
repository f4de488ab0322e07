"""Who writes the answer: the language model, the sources' own sentences, or a plain sentence that there is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, cast

from loguru import logger

from app.errors import AppError
from app.indexes.embeddings import Dense, EmbeddingModel
from app.llm_client import LanguageModel
from app.llms import BrokenAnswer
from app.retrievers.knowledge import Retrieval
from app.retrievers.rules import direct_reason
from app.services.artist_lines import GENERAL, ArtistLines, LineCheck
from app.services.citations import CitationFilter
from app.services.conflicts import Conflict, conflicts, note, unsaid
from app.services.extractive import best_line, candidates, compose, without_titles
from app.services.plans.fences import FenceFilter
from app.services.plans.proposing import FENCE, Asked
from app.services.plans.wishes import plan_wished
from app.services.prompts import PERSONA, Source, Turn, build_prompt, fitting, label_sources, size_of
from app.services.roster import Roster
from app.services.shapes import State
from app.services.usage import Grant

if TYPE_CHECKING:
    from sqlmodel import Session

# Keeps what an answer proposes with it: told the transaction, the message's id and what stood in fences.
Keeping = Callable[["Session", int | None, Sequence[str]], None]

HELLO = (
    "Hello! I am your personal manager for the music business. Ask me about your own documents or about how the industry "
    "works; every answer names the page it stands on."
)
WELCOME = "You are welcome. Ask whenever something comes up."
NEEDS_MODEL = (
    "Writing and feedback need a language model, and none is set up. An admin can choose one on the admin page: OpenAI, or a "
    "model on one's own machine such as Ollama."
)
NOT_NOW = "Writing and feedback need a language model. {why}"
NOTHING = "Nothing in the knowledge bases covers this. Upload a document that does, or ask it in other words."
NONE_OF_YOURS = "No document of yours here covers this. What follows is general industry knowledge.\n\n"
NO_MODEL = "No language model is set up, so these are the sources' own words.\n\n"
NOT_USED = "{why} These are the sources' own words.\n\n"
MODEL_DOWN = "The language model did not answer ({reason}) These are the sources' own words.\n\n"
EMBED_SECONDS = 3.0


@dataclass(slots=True)
class Draft:
    """An answer on its way: what was said so far, which sources are cited, and its state."""

    retrieval: Retrieval
    sources: list[Source]
    state: State = "answered"
    cited: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    grant: Grant | None = None  # what it may take, and took, of the language model
    asides: list[str] = field(default_factory=list)  # what it said in fences for the program: changes of plans
    keeping: Keeping | None = None

    @property
    def own_documents(self) -> list[str]:
        """The asker's own, of which it was shown passages."""
        ids = (source.passage.document.id for source in self.sources if source.passage.kb == "personal")
        return list(dict.fromkeys(ids))

    @property
    def text(self) -> str:
        return "".join(self.parts).strip()


class Answerer:
    """Writes one answer; built per request with its conversation. `draft` is what came so far, also after a failure."""

    def __init__(
        self,
        model: LanguageModel | None,
        encoder: EmbeddingModel | None,
        *,
        profile: str = "",
        history: Sequence[Turn] = (),
        budget_tokens: int = 6000,
        grant: Grant | None = None,
        persona: str = PERSONA,
        about: Sequence[tuple[str, str]] = (),
        asked: Asked | None = None,
        keeping: Keeping | None = None,
        roster: Roster | None = None,
    ) -> None:
        self._model, self._encoder = model, encoder
        self.history = history
        self._profile, self._budget = profile, budget_tokens
        self._persona, self._about = persona, about
        self._asked, self._keeping = asked or Asked(), keeping
        self._grant, self._why = grant, grant.why if grant else None
        self.draft = Draft(Retrieval([]), [], grant=grant)
        self._conflicts: list[Conflict] = []
        self.roster = roster
        self._lines: ArtistLines | None = None  # where a line for each artist is due

    def prepare(self, question: str, retrieval: Retrieval) -> Draft:
        """Label the sources that fit the prompt, and note them on the trace, which is stored before anything is shown."""
        if self.draft.retrieval is not retrieval:
            sources = label_sources(retrieval.passages)
            kept = fitting(
                sources, question=question, profile=self._profile, budget_tokens=self._budget,
                beside=size_of(self._persona, self._about),
            )  # fmt: skip
            self.draft = Draft(retrieval, kept, grant=self._grant, keeping=self._keeping)
            self._conflicts = conflicts(retrieval.trace.standalone or question, kept)
            retrieval.trace.disagreements = [conflict.as_trace() for conflict in self._conflicts]
            self._lines = self._lines_of(question, retrieval, kept)
            retrieval.trace.prompt = [{"label": s.label, "chunk_id": s.passage.chunk.id} for s in kept]
        return self.draft

    def learn(self, section: tuple[str, str] | None) -> None:
        """What is known of the sources' documents, as a section of the prompt."""
        if section is not None:
            self._about = (*self._about, section)

    def _lines_of(self, question: str, retrieval: Retrieval, sources: list[Source]) -> ArtistLines | None:
        if self.roster is None or not retrieval.trace.artists:
            return None
        artists = [artist for artist in self.roster.artists if artist.id in retrieval.trace.artists]
        asked = without_titles(retrieval.trace.standalone or question, sources)
        return ArtistLines(artists, self.roster, asked, sources)

    async def write(self, question: str, retrieval: Retrieval) -> AsyncGenerator[str, None]:
        """Pieces of the answer, with checked citations. A provider that breaks after the first words raises `BrokenAnswer`."""
        draft = self.prepare(question, retrieval)
        async with aclosing(self._pieces(question, draft)) as pieces:
            async for piece in pieces:
                draft.parts.append(piece)
                yield piece

    async def _pieces(self, question: str, draft: Draft) -> AsyncGenerator[str, None]:
        trace = draft.retrieval.trace
        asked = self._asked.text
        if asked and (self._model is None or not (trace.direct or draft.sources)):  # computed from the plans themselves
            draft.state = "direct"
            yield asked
            return
        if trace.direct or (self._model is not None and self._asked.near and not draft.sources):
            draft.state = "direct"
            source = self._direct(question)
        elif not draft.sources:
            draft.state = "nothing_found"
            yield NOTHING
            return
        else:
            if trace.intent != "global" and not draft.retrieval.of("personal"):
                yield NONE_OF_YOURS if self._lines is None else f"{self._lines.every()}\n\n{GENERAL}"
                self._lines = None
            source = self._grounded(question, draft)
        async with aclosing(source) as pieces:
            async for piece in pieces:
                yield piece

    async def _direct(self, question: str) -> AsyncGenerator[str, None]:
        if self._model is None:
            small_talk = direct_reason(question) == "small talk"
            thanks = small_talk and any(word in question.lower() for word in ("thank", "thx", "cheers", "appreciated"))
            needs = NOT_NOW.format(why=self._why) if self._why else NEEDS_MODEL
            yield WELCOME if thanks else HELLO if small_talk else needs
            return
        async with aclosing(self._from_model(self._model, question, [], direct=True)) as pieces:
            async for piece in pieces:
                yield piece

    async def _grounded(self, question: str, draft: Draft) -> AsyncGenerator[str, None]:
        reason = None
        if self._model is not None:
            try:
                async with aclosing(self._from_model(self._model, question, draft.sources)) as pieces:
                    async for piece in pieces:
                        yield piece
                if hidden := note(unsaid(self._conflicts, draft.cited)):
                    yield f"\n\n{self._cite(hidden, draft)}"
                return
            except BrokenAnswer:
                raise
            except AppError as error:  # nothing came yet: the sources can still speak for themselves (design rule 7)
                logger.bind(code=error.code).warning("answered without the language model")
                reason = error.sentence
        draft.state = "extractive"
        without = NOT_USED.format(why=self._why) if self._why else NO_MODEL
        yield MODEL_DOWN.format(reason=reason) if reason else without
        text = await self._extract(question, draft)
        checker = CitationFilter(source.label for source in draft.sources)
        yield checker.feed(text) + checker.flush()
        draft.cited = checker.cited
        if disagreement := note(self._conflicts):
            yield f"\n\n{self._cite(disagreement, draft)}"
        if self._asked.text:
            yield f"\n\n{self._asked.text}"

    def _cite(self, text: str, draft: Draft) -> str:
        """`text`, whose labels count as cited."""
        checker = CitationFilter(source.label for source in draft.sources)
        checked = checker.feed(text) + checker.flush()
        draft.cited += [label for label in checker.cited if label not in draft.cited]
        return checked

    async def _from_model(
        self, model: LanguageModel, question: str, sources: list[Source], *, direct: bool = False
    ) -> AsyncGenerator[str, None]:
        messages = build_prompt(
            today=date.today(),
            profile=self._profile,
            sources=sources,
            history=self.history,
            question=question,
            conflicts=[conflict.as_text() for conflict in self._conflicts],
            direct=direct,
            budget_tokens=self._budget,
            persona=self._persona,
            about=self._about,
            artists=[(artist.id, artist.name) for artist in self._lines.artists] if self._lines and not direct else (),
        )
        checker = CitationFilter(source.label for source in sources)
        lines = LineCheck(self._lines) if self._lines is not None and not direct else None
        self.draft.cited = checker.cited
        fence = FenceFilter(FENCE)
        self.draft.asides = fence.blocks
        stream = model.stream(messages)
        async with aclosing(stream):
            async for delta in stream:
                said = fence.feed(delta)
                if piece := checker.feed(lines.feed(said) if lines else said):
                    yield piece
        rest = fence.flush()
        if rest := checker.feed(lines.feed(rest) + lines.flush() if lines else rest) + checker.flush():
            yield rest

    async def _extract(self, question: str, draft: Draft) -> str:
        intent, sources = draft.retrieval.trace.intent, draft.sources
        broad = plan_wished(question) is not None
        question = without_titles(draft.retrieval.trace.standalone or question, sources)
        if self._lines is None:
            found = candidates(question, sources)
            meant = await self._meanings(question, [text for _, text in found])
            return compose(question, found, *meant, intent, broad=broad)
        groups = [
            candidates(question, group) for group in (*map(self._lines.of, self._lines.artists), self._lines.common)
        ]
        asked, meanings = await self._meanings(question, [text for group in groups for _, text in group])
        said, at = [], 0
        for group in groups:
            mine = meanings[at : at + len(group)] if meanings is not None else None
            at += len(group)
            last = group is groups[-1]
            said.append(
                compose(question, group, asked, mine, intent, broad=broad)
                if last
                else best_line(question, group, asked, mine)
            )
        return "\n\n".join(part for part in (self._lines.every(said[:-1]), said[-1]) if part)

    async def _meanings(self, question: str, texts: list[str]) -> tuple[Dense | None, list[Dense] | None]:
        """Unit vectors of the question and of each text; None without a dense model, or where it fails or is late."""
        if self._encoder is None:
            return None, None
        meaning = asyncio.wrap_future(self._encoder.embed_question(question))
        meanings = asyncio.wrap_future(self._encoder.embed_briefly(texts))
        try:
            async with asyncio.timeout(EMBED_SECONDS):
                asked, said = await asyncio.gather(asyncio.shield(meaning), asyncio.shield(meanings))
        except (AppError, TimeoutError):
            return None, None
        return cast(Dense, asked), cast("list[Dense]", said)
