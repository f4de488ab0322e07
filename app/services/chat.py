"""Conversations and answers: a question goes in, events come out, and what came is kept whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

from llama_index.core.base.response.schema import AsyncStreamingResponse
from loguru import logger
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.config import Settings
from app.db import overtaken
from app.errors import AppError, NotFound
from app.indexes.embeddings import EmbeddingModel
from app.models import Conversation, Message
from app.principal import Principal
from app.retrievers.followup import standalone
from app.retrievers.knowledge import Retrieval
from app.retrievers.router import build_router
from app.services.admission import Admission
from app.services.answering import Answerer, Draft
from app.services.chat_events import error_event, intent_event, sources_event
from app.services.citations import citations
from app.services.conversations import ConversationService, message_public, question_of
from app.services.model_slot import ModelSlot
from app.services.notes import GRACE_SECONDS, NoteService
from app.services.ownership import STAYS, check_artist
from app.services.plans.proposing import Asked, ProposingService
from app.services.profiles import ProfileService
from app.services.roles.roles import RoleService
from app.services.roster import RosterService, finders
from app.services.search import Scope, SearchService
from app.services.shapes import AskRequest, Event, MessagePublic
from app.services.suggestions import Suggestions
from app.services.usage import Grant, Spent, milliseconds_since, record
from app.services.watch import SessionWatch, Watched
from app.services.withdrawal import check_here, gone_of, phrases_of, take_back

FAILED_SENTENCE = "Something went wrong while answering; your question is kept, ask it again."
SHARE_FOR_SOURCES = 0.6  # of the model's context; the rest is for history, rules and the answer

# What a prompt may know beside profile and sources: asked with the artist (None: all), a section's title and text, or None.
About = Callable[[Principal, str | None], tuple[str, str] | None]
# The same of the documents that the sources are of, by their ids.
Known = Callable[[Principal, Sequence[str]], tuple[str, str] | None]


class ChatService(ConversationService):
    """`ask` is the one path of every chat: REST, Gradio, the command line and notebooks."""

    def __init__(
        self,
        settings: Settings,
        search: SearchService,
        profiles: ProfileService,
        roles: RoleService,
        notes: NoteService,
        model: ModelSlot,
        encoder: EmbeddingModel | None,
        watch: SessionWatch,
        about: Sequence[About] = (),
        plans: ProposingService | None = None,
        known: Known | None = None,
        **conversations: Any,
    ) -> None:
        super().__init__(**conversations)
        self._admission, self._watch = Admission(settings.quotas), watch
        self._settings, self._search, self._profiles = settings, search, profiles
        self._roles, self._notes = roles, notes
        self._roster = RosterService(self._db)
        self._model, self.encoder, self._about = model, encoder, about
        self._known, self._plans = known, plans
        self._next = Suggestions()

    def writing(self) -> int:
        """How many answers are being written at this moment, for everybody together."""
        return self._admission.running()

    async def ask(self, principal: Principal, request: AskRequest) -> AsyncGenerator[Event, None]:
        """Events: intent, sources, token (many), done; or error after what had come. See `Event`.

        Within seconds after the asker's sign-in ended, the answer ends with the error `signed_out`, whatever the door.
        Raises `TooMany` or `Unavailable`, and keeps nothing, while too many answers are being written.
        """
        with self._admission.place(principal), self._watch.watching(principal) as watched:
            async with aclosing(self._answering(principal, request, watched)) as events:
                async for event in events:
                    yield event

    async def _answering(
        self, principal: Principal, request: AskRequest, watched: Watched
    ) -> AsyncGenerator[Event, None]:
        """The question is stored before anything else, the answer's row before its first word. A caller who goes away
        closes the generator: the provider's stream is closed and what came is kept as `partial`.
        """
        grant = await self._model.grant()
        scope, conversation, question, answerer = await asyncio.to_thread(self._prepared, principal, request, grant)
        answer: Message | None = None
        opening: asyncio.Future[Message] | None = None
        noticing = asyncio.ensure_future(self._noticed(principal, question, scope, grant))
        try:
            response = await watched.unless_ended(lambda: self._route(scope, request.text, answerer))
            retrieval: Retrieval = (response.metadata or {})["retrieval"]
            draft = answerer.prepare(request.text, retrieval)
            opening = asyncio.ensure_future(asyncio.to_thread(self._open, principal, conversation, scope, draft))
            answer = await asyncio.shield(opening)
            if self._known is not None and grant.model is not None and (mine := draft.own_documents):
                answerer.learn(await asyncio.to_thread(self._known, principal, mine))
            yield intent_event(retrieval, conversation, question)
            yield sources_event(draft, request.text)
            async with aclosing(response.response_gen) as pieces:
                while (piece := await watched.unless_ended(lambda: anext(pieces, None))) is not None:
                    yield Event(name="token", data={"text": piece})
        except (asyncio.CancelledError, GeneratorExit):
            if opening is not None and answer is None:
                answer = await opening  # its thread writes the row whether anybody waits or not
            with suppress(AppError):  # the conversation was deleted: there is nowhere to keep it
                self._save(conversation, answer, answerer, request.text, "partial")
            raise
        except AppError as error:
            state = "partial" if answerer.draft.text else "failed"
            kept = await asyncio.to_thread(self._save, conversation, answer, answerer, request.text, state, error)
            yield error_event(error, kept)
        except Exception as error:  # the question must not be lost to a bug; the log has the place
            logger.bind(error=type(error).__name__).opt(exception=True).error("answer failed")
            failure = AppError(FAILED_SENTENCE, status=500, code="internal")
            kept = await asyncio.to_thread(self._save, conversation, answer, answerer, request.text, "failed", failure)
            yield error_event(failure, kept)
        else:
            await asyncio.wait([noticing], timeout=GRACE_SECONDS)
            state = answerer.draft.state
            kept = await asyncio.to_thread(self._save, conversation, answer, answerer, request.text, state)
            yield Event(name="done", data=kept.model_dump(mode="json"))
        finally:
            noticing.cancel()

    async def _noticed(self, principal: Principal, question: Message, scope: Scope, grant: Grant) -> None:
        artist_id = scope.tenant.artist_id if scope.tenant else None
        try:
            await self._notes.notice(principal, question.id, question.text, artist_id, grant.model)
        except Exception as error:  # an answer must not be lost to a proposal beside it; the log has the place
            logger.bind(error=type(error).__name__).opt(exception=True).error("notes not proposed")

    async def answer(self, principal: Principal, request: AskRequest) -> MessagePublic:
        """The whole answer at once. A failure before any word raises; a broken one is returned as `partial`."""
        async with aclosing(self.ask(principal, request)) as events:
            async for event in events:
                if event.name == "done":
                    return MessagePublic.model_validate(event.data)
                if event.name == "error":
                    message = MessagePublic.model_validate(event.data["message"])
                    if message.state == "partial" and event.data["status"] != 401:
                        return message
                    raise AppError(
                        event.data["detail"], status=event.data["status"], code=event.data["error"],
                        retry_after=event.data["retry_after"],
                    )  # fmt: skip
        raise AppError(FAILED_SENTENCE, status=500, code="internal")

    def suggestions(
        self,
        principal: Principal,
        message: MessagePublic | None = None,
        *,
        artist_id: str | None = None,
        asked: Sequence[str] = (),
    ) -> list[str]:
        """What to ask after `message`, whose question was the last of `asked`; or to begin with. No model is asked."""
        role = self._roles.of(principal)
        with self._db.reading() as session:
            return self._next.next_questions(
                principal, session, role, message=message, artist_id=artist_id, asked=asked
            )

    async def _route(self, scope: Scope, question: str, answerer: Answerer) -> AsyncStreamingResponse:
        router = build_router(
            finders(self._search, scope, answerer.roster),
            self._search.selector(
                scope.intent,
                [(turn.role, turn.text) for turn in answerer.history],
                model=answerer.draft.grant.model if answerer.draft.grant else None,
            ),
            answerer.write,
        )
        response = await router.aquery(question)
        assert isinstance(response, AsyncStreamingResponse)
        return response

    def _placed(self, principal: Principal, request: AskRequest) -> AskRequest:
        """`request` with the conversation of what it replaces; 404 where it names another one."""
        if request.replaces is None:
            return request
        place = self.question(principal, request.replaces).conversation
        if request.conversation not in (None, place):
            raise NotFound("There is no such message in this conversation.")
        return request.model_copy(update={"conversation": place})

    def _prepared(
        self, principal: Principal, request: AskRequest, grant: Grant
    ) -> tuple[Scope, Conversation, Message, Answerer]:
        with self._db.looking():
            scope, conversation, question, answerer = self._prepare(principal, request, grant)
            earlier = [turn.text for turn in answerer.history if turn.role == "user"]
            alone = standalone(request.text, earlier) or request.text
            return self._search.naming(scope, alone), conversation, question, answerer

    def _prepare(
        self, principal: Principal, request: AskRequest, grant: Grant
    ) -> tuple[Scope, Conversation, Message, Answerer]:
        """What an answer needs of SQL before the search, in one call of a thread: a change of threads costs as much as a read."""
        request = self._placed(principal, request)
        scope = self._scope(principal, request)
        conversation, question = self._begin(principal, request)
        artist_id = scope.tenant.artist_id if scope.tenant else None
        asked = self._plans.asked(principal, artist_id, request.text) if self._plans else Asked()
        about = [asked.section, *(one(principal, artist_id) for one in self._about)]
        answerer = Answerer(
            grant.model,
            self.encoder,
            asked=asked,
            keeping=partial(self._plans.keep, principal, request.text, asked) if self._plans else None,
            grant=grant,
            profile=self._profiles.as_text(principal),
            history=self.turns(principal, conversation.id, question.id, artist_id),
            budget_tokens=int(self._settings.llm.context_tokens * SHARE_FOR_SOURCES),
            persona=self._roles.of(principal).persona,
            roster=self._roster.of(principal) if artist_id is None and request.documents is None else None,
            about=[section for section in about if section is not None],
        )
        return scope, conversation, question, answerer

    def _scope(self, principal: Principal, request: AskRequest) -> Scope:
        """What the question is limited to; the artist is the conversation's unless the request names one."""
        artist_id = request.artist_id
        if artist_id is None and request.conversation is not None:
            artist_id = self.conversation(principal, request.conversation).artist_id
        return self._search.scope(principal, request.documents, artist_id)

    def _begin(self, principal: Principal, request: AskRequest) -> tuple[Conversation, Message]:
        def write(session: Session) -> tuple[Conversation, Message]:
            if request.conversation is None:
                check_artist(session, principal, request.artist_id, STAYS)
                conversation = Conversation(user_id=principal.user_id, artist_id=request.artist_id)
                session.add(conversation)
                session.flush()
            else:
                conversation = self._get(session, principal, request.conversation)
            if request.replaces is not None:
                return conversation, self._ask_again(session, principal, conversation, request)
            return conversation, self._add_question(session, conversation, request.text)

        with self._refusing(principal, "chat.ask", request.conversation):
            return self._db.together(write)

    def _ask_again(
        self, session: Session, principal: Principal, conversation: Conversation, request: AskRequest
    ) -> Message:
        """The question to answer in place of an earlier one: that one itself when the words are the same, else a new one.

        In the transaction that stores the question, what followed is put aside, never deleted: it leaves the conversation
        and the prompts, and stays as the question's earlier version. So nothing is lost when the new answer fails, and a
        conversation remains one line, as its readers see it.
        """
        old = question_of(session, self._get_message(session, principal, request.replaces or ""))
        same = request.text.strip() == old.text.strip()
        question = old if same else self._add_question(session, conversation, request.text)
        first = (old.id or 0) + (1 if same else 0)
        aside = (col(Message.id) >= first) | (col(Message.replaced_by) >= first)
        here = (col(Message.conversation_id) == conversation.id, col(Message.id) != question.id, aside)
        session.execute(update(Message).where(*here).values(replaced_by=question.id))
        self._touch(session, conversation)
        return question

    def _open(self, principal: Principal, conversation: Conversation, scope: Scope, draft: Draft) -> Message:
        """The answer's row, in one transaction with the trace and the audit of what it will stand on, all of which is here."""
        retrieval = draft.retrieval
        artist_id = scope.tenant.artist_id if scope.tenant else None

        def write(session: Session) -> Message:
            check_here(session, principal.user_id, draft.own_documents)
            self._search.keep_in(principal, session, retrieval, "chat.read", artist_id)
            message = Message(
                conversation_id=conversation.id or 0,
                role="assistant",
                intent=retrieval.trace.intent,
                state="partial",
                trace_id=retrieval.trace.id,
            )
            session.add(message)
            return message

        try:
            return self._db.together(write)
        except IntegrityError as error:
            if not overtaken(error):
                raise
            raise NotFound("This conversation or its artist was deleted while it was being answered.") from None

    def _save(
        self,
        conversation: Conversation,
        answer: Message | None,
        answerer: Answerer,
        question: str,
        state: str,
        error: AppError | None = None,
    ) -> MessagePublic:
        """Keep what came, with the citations it holds; say in the text what cut it short."""
        draft = answerer.draft
        message = answer or Message(conversation_id=conversation.id or 0, role="assistant")
        message.text = draft.text
        if error is not None:
            message.text = f"{draft.text}\n\n{error.sentence}".strip()
        message.state = state
        message.milliseconds = milliseconds_since(draft.grant) if draft.grant else None
        message.citations = [
            citation.model_dump(mode="json") for citation in citations(draft.sources, draft.cited, question, draft.text)
        ]

        def write(session: Session) -> tuple[MessagePublic, Spent | None]:
            gone = gone_of(session, conversation.user_id, draft.own_documents)
            withdrawn = bool(gone) or self._repeats(session, conversation, answerer)
            kept = session.merge(message)
            if withdrawn:
                take_back(session, kept, gone)
                if not draft.text:  # not a word came: what stopped it is still to be told
                    kept.text, kept.state = message.text, state
            self._touch(session, conversation)
            session.flush()
            if draft.keeping is not None and state not in ("failed", "partial"):
                draft.keeping(session, kept.id, [] if withdrawn else draft.asides)
            return message_public(kept), record(session, conversation.user_id, draft.grant)

        gone = False
        try:
            shown, spent = self._db.together(write)
        except IntegrityError as refused:  # what it took was taken all the same; the account may be gone too
            if not overtaken(refused):
                raise
            gone, spent = True, self._db.together(lambda session: record(session, None, draft.grant))
        if draft.grant is not None:
            draft.grant.settle(spent)
        if gone:
            raise NotFound("This conversation was deleted while it was being answered.")
        return shown

    def _repeats(self, session: Session, conversation: Conversation, answerer: Answerer) -> bool:
        """Whether it repeats an earlier answer that it was shown and that was taken back meanwhile."""
        shown = {turn.text for turn in answerer.history if turn.role == "assistant"}
        if not shown or not answerer.draft.text:
            return False
        here = (Message.conversation_id == conversation.id, col(Message.text).in_(shown))
        lost = shown - set(session.exec(select(Message.text).where(*here)).all())
        return any(not phrases_of(text).isdisjoint(phrases_of(answerer.draft.text)) for text in lost)
