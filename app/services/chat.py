"""Conversations and answers: a question goes in, events come out, and what came is kept whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from llama_index.core.base.response.schema import AsyncStreamingResponse
from loguru import logger
from sqlalchemy.exc import IntegrityError

from app.config import Settings
from app.errors import AppError, NotFound
from app.indexes.embeddings import EmbeddingModel
from app.llms import ChatModel
from app.log import request_id
from app.models import Conversation, Message, new_id
from app.principal import Principal
from app.retrievers.followup import standalone
from app.retrievers.knowledge import Retrieval
from app.retrievers.router import build_router
from app.services.admission import Admission
from app.services.answering import Answerer, Draft
from app.services.citations import as_citation, citations
from app.services.conversations import ConversationService, message_public
from app.services.profiles import ProfileService
from app.services.search import Scope, SearchService
from app.services.shapes import AskRequest, Event, MessagePublic
from app.services.watch import SessionWatch, Watched

FAILED_SENTENCE = "Something went wrong while answering; your question is kept, ask it again."
SHARE_FOR_SOURCES = 0.6  # of the model's context; the rest is for history, rules and the answer


class ChatService(ConversationService):
    """`ask` is the one path of every chat: REST, Gradio, the command line and notebooks."""

    def __init__(
        self,
        settings: Settings,
        search: SearchService,
        profiles: ProfileService,
        model: ChatModel | None,
        encoder: EmbeddingModel | None,
        watch: SessionWatch,
        **conversations: Any,
    ) -> None:
        super().__init__(**conversations)
        self._admission, self._watch = Admission(settings.quotas), watch
        self._settings, self._search, self._profiles = settings, search, profiles
        self._model, self.encoder = model, encoder

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
        scope, conversation, question, answerer = await asyncio.to_thread(self._prepare, principal, request)
        answer: Message | None = None
        opening: asyncio.Future[Message] | None = None
        try:
            response = await watched.unless_ended(lambda: self._route(scope, request.text, answerer))
            retrieval: Retrieval = (response.metadata or {})["retrieval"]
            draft = answerer.prepare(request.text, retrieval)
            opening = asyncio.ensure_future(asyncio.to_thread(self._open, principal, conversation, scope, retrieval))
            answer = await asyncio.shield(opening)
            yield _intent(retrieval, conversation, question)
            yield _sources(draft, request.text)
            async with aclosing(response.response_gen) as pieces:
                while (piece := await watched.unless_ended(lambda: anext(pieces, None))) is not None:
                    yield Event(name="token", data={"text": piece})
        except (asyncio.CancelledError, GeneratorExit):
            if opening is not None and answer is None:
                answer = await opening  # its thread writes the row whether anybody waits or not
            with suppress(AppError):  # the conversation was deleted: there is nowhere to keep it
                self._save(conversation, answer, answerer.draft, request.text, "partial")
            raise
        except AppError as error:
            state = "partial" if answerer.draft.text else "failed"
            kept = await asyncio.to_thread(self._save, conversation, answer, answerer.draft, request.text, state, error)
            yield _error(error, kept)
        except Exception as error:  # the question must not be lost to a bug; the log has the place
            logger.bind(error=type(error).__name__).opt(exception=True).error("answer failed")
            failure = AppError(FAILED_SENTENCE, status=500, code="internal")
            kept = await asyncio.to_thread(
                self._save, conversation, answer, answerer.draft, request.text, "failed", failure
            )
            yield _error(failure, kept)
        else:
            state = answerer.draft.state
            kept = await asyncio.to_thread(self._save, conversation, answer, answerer.draft, request.text, state)
            yield Event(name="done", data=kept.model_dump(mode="json"))

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

    async def _route(self, scope: Scope, question: str, answerer: Answerer) -> AsyncStreamingResponse:
        earlier = [turn.text for turn in answerer.history if turn.role == "user"]
        alone = standalone(question, earlier) or question
        scope = await asyncio.to_thread(self._search.naming, scope, alone)
        router = build_router(
            lambda intent: self._search.retriever(scope, intent),
            self._search.selector(scope.intent, [(turn.role, turn.text) for turn in answerer.history]),
            answerer.write,
        )
        response = await router.aquery(question)
        assert isinstance(response, AsyncStreamingResponse)
        return response

    def _prepare(self, principal: Principal, request: AskRequest) -> tuple[Scope, Conversation, Message, Answerer]:
        """What an answer needs of SQL before the search, in one call of a thread: a change of threads costs as much as a read."""
        scope = self._scope(principal, request)
        conversation, question = self._begin(principal, request)
        artist_id = scope.tenant.artist_id if scope.tenant else None
        answerer = Answerer(
            self._model,
            self.encoder,
            profile=self._profiles.as_text(principal),
            history=self.turns(principal, conversation.id, question.id, artist_id),
            budget_tokens=int(self._settings.llm.context_tokens * SHARE_FOR_SOURCES),
        )
        return scope, conversation, question, answerer

    def _scope(self, principal: Principal, request: AskRequest) -> Scope:
        """What the question is limited to; the artist is the conversation's unless the request names one."""
        artist_id = request.artist_id
        if artist_id is None and request.conversation is not None:
            artist_id = self.conversation(principal, request.conversation).artist_id
        return self._search.scope(principal, request.documents, artist_id)

    def _begin(self, principal: Principal, request: AskRequest) -> tuple[Conversation, Message]:
        with self._refusing(principal, "chat.ask", request.conversation), self._db.session() as session:
            if request.conversation is None:
                self._check_artist(session, principal, request.artist_id)
                conversation = Conversation(user_id=principal.user_id, artist_id=request.artist_id)
                session.add(conversation)
                session.flush()
            else:
                conversation = self._get(session, principal, request.conversation)
            return conversation, self._add_question(session, conversation, request.text)

    def _open(self, principal: Principal, conversation: Conversation, scope: Scope, retrieval: Retrieval) -> Message:
        artist_id = scope.tenant.artist_id if scope.tenant else None
        self._search.keep(principal, retrieval, "chat.read", artist_id)
        with self._db.session() as session:
            message = Message(
                conversation_id=conversation.id or 0,
                role="assistant",
                intent=retrieval.trace.intent,
                state="partial",
                trace_id=retrieval.trace.id,
            )
            session.add(message)
        return message

    def _save(
        self,
        conversation: Conversation,
        answer: Message | None,
        draft: Draft,
        question: str,
        state: str,
        error: AppError | None = None,
    ) -> MessagePublic:
        """Keep what came, with the citations it holds; say in the text what cut it short."""
        message = answer or Message(conversation_id=conversation.id or 0, role="assistant")
        message.text = draft.text
        if error is not None:
            message.text = f"{draft.text}\n\n{error.sentence}".strip()
        message.state = state
        message.citations = [
            citation.model_dump(mode="json") for citation in citations(draft.sources, draft.cited, question, draft.text)
        ]
        try:
            with self._db.session() as session:
                message = session.merge(message)
                self._touch(session, conversation)
                session.flush()
                return message_public(message)
        except IntegrityError:
            raise NotFound("This conversation was deleted while it was being answered.") from None


def _intent(retrieval: Retrieval, conversation: Conversation, question: Message) -> Event:
    trace = retrieval.trace
    data = {
        "intent": trace.intent,
        "direct": trace.direct,
        "reason": trace.reason,
        "kbs": trace.kbs,
        "missing": trace.missing,
    }
    return Event(name="intent", data={**data, "conversation": str(conversation.id), "message": str(question.id)})


def _sources(draft: Draft, question: str) -> Event:
    found = [as_citation(source, question).model_dump(mode="json") for source in draft.sources]
    return Event(name="sources", data={"citations": found, "trace_id": draft.retrieval.trace.id})


def _error(error: AppError, kept: MessagePublic) -> Event:
    return Event(
        name="error",
        data={
            "error": error.code,
            "detail": error.sentence,
            "status": error.status,
            "retry_after": error.retry_after,
            "request_id": request_id.get() if request_id.get() != "-" else new_id(),
            "message": kept.model_dump(mode="json"),
        },
    )
