"""The chat page: conversations at the side, cited answers as they are written, and a place to add documents."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from app.errors import NotFound
from app.principal import Principal
from app.services.services import Services
from app.services.shapes import AskRequest, ConversationPublic, MessagePublic
from app.ui.first_run import first_steps
from app.ui.format import Row, message_rows, progress_rows, question_html
from app.ui.shared import PRIVATE, Updates, first, header, in_thread, principal_of, told
from app.ui.side import LISTED, Side, build_side
from app.ui.streaming import READING, progress
from app.ui.upload import drop_area

STARTERS = (
    "What is the governing law of my contract?",
    "What do a manager's commission and a sunset clause usually look like?",
    "What should I check before I sign a distribution deal?",
)
WELCOME = (
    '<div class="welcome"><h1>Ask your manager</h1>'
    "<p>Answers come from your own documents and the industry knowledge base, and name the page they stand on.</p></div>"
)
HINT = '<p class="hint">You have no documents of your own yet. Add a contract or a statement, then ask about it.</p>'
LONGEST = 10_000  # messages of a conversation that are looked through for its newest ones
SHOWN = 60  # newest messages of a conversation; the whole list is sent with every update


@dataclass(frozen=True)
class ChatPage:
    """The components that handlers read and change."""

    current: gr.State  # the conversation's id; whose it is, is asked of the service every time
    remembered: gr.Textbox  # the id the browser tab kept
    side: Side
    chat: gr.Chatbot
    starters: list[gr.Button]
    starting: gr.Row
    hint: gr.HTML
    drop: gr.HTML
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button

    @property
    def view(self) -> list[Any]:
        """Everything that changes with the conversation."""
        mine = [self.current, self.chat, self.starting, self.hint, self.question, self.send, self.stop]
        return [*mine, *self.side.view]


def build(services: Services, demo: gr.Blocks) -> None:
    """Lay the page out inside the present page of `demo`, then wire it."""
    page = _lay_out(services)
    _wire(page, ChatHandlers(services, page), demo)


def _lay_out(services: Services) -> ChatPage:
    current, remembered, side = gr.State(None), gr.Textbox(visible=False), build_side()
    header("Chat", side=True)
    with gr.Column(elem_id="chat-page"):
        chat = gr.Chatbot(
            label="Conversation", show_label=False, container=False, elem_id="chat", height="100%", layout="bubble", buttons=[],
            sanitize_html=True, allow_tags=False, latex_delimiters=[], placeholder=WELCOME, feedback_options=None,
        )  # fmt: skip
        first_steps()
        with gr.Row(elem_id="starters") as starting:
            starters = [gr.Button(text, elem_classes="starter", size="sm") for text in STARTERS]
        hint = gr.HTML(HINT, visible=False, js_on_load=None)
        drop = drop_area(services.settings.ingestion.max_bytes, "chat-drop", compact=True)
        with gr.Row(elem_id="composer"):
            question = gr.Textbox(
                label="Your question", show_label=False, container=False, placeholder="Ask a question",
                lines=1, max_lines=8, max_length=20_000, autofocus=True, scale=1, elem_id="question",
            )  # fmt: skip
            send = gr.Button("Send", variant="primary", scale=0, min_width=88, elem_id="send")
            stop = gr.Button("Stop", variant="stop", scale=0, min_width=88, elem_id="stop", visible=False)
    return ChatPage(current, remembered, side, chat, starters, starting, hint, drop, question, send, stop)


def _wire(page: ChatPage, handlers: ChatHandlers, demo: gr.Blocks) -> None:
    side, at = page.side, [page.current, page.side.listed]
    asking = [
        gr.on([page.send.click, page.question.submit], told(handlers.ask), [page.question, *at], page.view, **PRIVATE),
        *(starter.click(told(handlers.ask), [starter, *at], page.view, **PRIVATE) for starter in page.starters),
    ]
    for asked in asking:
        asked.failure(told(handlers.shown), at, page.view, **PRIVATE)
    # Gradio cannot write an answer into a conversation that has left the page: leaving it stops it, and what came is
    # kept. First the one, then the other, or the answer's last update comes after the new view.
    leaving: dict[str, Any] = {"fn": None, "cancels": asking, **PRIVATE}
    page.stop.click(**leaving).then(told(handlers.shown), at, page.view, **PRIVATE)
    side.new.click(**leaving).then(told(handlers.new), side.listed, page.view, **PRIVATE)
    opened = side.conversations.input(**leaving)
    opened.then(told(handlers.shown), [side.conversations, side.listed], page.view, **PRIVATE)
    side.delete_now.click(**leaving).then(told(handlers.delete), at, page.view, **PRIVATE)
    gr.on([side.rename.click, side.title.submit], told(handlers.rename), [side.title, *at], side.view, **PRIVATE)
    side.older.click(told(handlers.older), at, [side.listed, *side.view], **PRIVATE)
    page.drop.submit(told(handlers.uploaded), None, page.hint, **PRIVATE)
    tab = {"inputs": [page.remembered, side.listed], "js": "(_, listed) => [window.aim.remembered(), listed]"}
    remembered: dict[str, Any] = {**tab, **PRIVATE}
    demo.load(told(handlers.shown), outputs=page.view, **remembered)


class ChatHandlers:
    """One per page. Each asks who is asking, calls a service with it, and says what to show."""

    def __init__(self, services: Services, page: ChatPage) -> None:
        self._chat, self._documents, self._page = services.chat, services.documents, page

    async def shown(self, conversation: str | None, listed: int, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return await in_thread(self._view, principal, conversation, listed)

    async def new(self, listed: int, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return await in_thread(self._view, principal, None, listed)

    async def ask(
        self, text: str, current: str | None, listed: int, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        principal = principal_of(request)
        if not text.strip():
            yield {self._page.question: ""}
            return
        conversation, rows = await in_thread(self._begin, principal, current, text)
        yield self._running(conversation, rows)
        async with aclosing(self._answer(principal, conversation, text)) as answers:
            async for answer in answers:
                yield {self._page.chat: rows + answer}
        yield await in_thread(self._view, principal, conversation, listed)

    async def rename(self, title: str, current: str | None, listed: int, request: gr.Request) -> Updates:
        principal = principal_of(request)
        renamed = await in_thread(self._chat.rename, principal, current or "", title)
        return await in_thread(self._page.side.show, self._chat, principal, renamed, listed)

    async def delete(self, current: str | None, listed: int, request: gr.Request) -> Updates:
        principal = principal_of(request)
        await in_thread(self._chat.delete, principal, current or "")
        return await in_thread(self._view, principal, None, listed)

    async def older(self, current: str | None, listed: int, request: gr.Request) -> Updates:
        principal, wanted = principal_of(request), listed + LISTED
        chosen = await in_thread(self._chosen, principal, current)
        return {self._page.side.listed: wanted} | await in_thread(
            self._page.side.show, self._chat, principal, chosen, wanted
        )

    async def uploaded(self, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return {self._page.hint: await in_thread(self._hint, principal)}

    async def _answer(self, principal: Principal, conversation: str, text: str) -> AsyncGenerator[list[Row], None]:
        events = self._chat.ask(principal, AskRequest(conversation=conversation, text=text))
        async with aclosing(progress(events)) as steps:
            async for step in steps:
                yield step.rows()

    def _begin(self, principal: Principal, current: str | None, text: str) -> tuple[str, list[Row]]:
        """The conversation to answer in, made now if there is none, so that Stop knows it from the start; and its rows
        with the question below them."""
        rows = self._rows(principal, current) if current else []
        conversation = current or self._chat.create(principal).id
        return conversation, [*rows, {"role": "user", "content": question_html(text)}]

    def _running(self, conversation: str, rows: list[Row]) -> Updates:
        page = self._page
        return {
            page.current: conversation,
            page.chat: rows + progress_rows("", [], READING),
            page.question: "",
            page.starting: gr.update(visible=False),
            page.send: gr.update(visible=False),
            page.stop: gr.update(visible=True),
        }

    def _view(self, principal: Principal, conversation: str | None, listed: int) -> Updates:
        """The whole page from SQL. A conversation that is not there any more, or not theirs, is a new one."""
        page, chosen = self._page, self._chosen(principal, conversation)
        rows = self._rows(principal, chosen.id) if chosen else []
        return {
            page.current: chosen.id if chosen else None,
            page.chat: rows,
            page.starting: gr.update(visible=not rows),
            page.hint: self._hint(principal),
            page.send: gr.update(visible=True),
            page.stop: gr.update(visible=False),
            **page.side.show(self._chat, principal, chosen, listed),
        }

    def _chosen(self, principal: Principal, conversation: str | None) -> ConversationPublic | None:
        try:
            return self._chat.conversation(principal, conversation) if conversation else None
        except NotFound:
            return None

    def _rows(self, principal: Principal, conversation: str) -> list[Row]:
        messages, _ = first(partial(self._chat.messages, principal, conversation), LONGEST)
        return [row for message in messages[-SHOWN:] for row in message_rows(message, self._trace(principal, message))]

    def _trace(self, principal: Principal, message: MessagePublic) -> dict[str, Any] | None:
        try:
            return self._chat.trace(principal, message.id) if message.trace_id else None
        except NotFound:  # removed meanwhile; the answer stands without its explanation
            return None

    def _hint(self, principal: Principal) -> Any:
        """Where the user has no document of their own yet, a hint to add one."""
        return gr.update(visible=not self._documents.list(principal, kb="personal", limit=1).items)
