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
from app.ui.format import Row, message_rows, progress_rows, question_html
from app.ui.shared import PRIVATE, first, header, in_thread, principal_of, told
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
LISTED = 50  # conversations shown at first, and more at each "Show older"
LONGEST = 10_000  # messages of a conversation that are looked through for its newest ones
SHOWN = 60  # newest messages of a conversation; the whole list is sent with every update

Updates = dict[Any, Any]  # component -> its new value


@dataclass(frozen=True)
class ChatPage:
    """The components that handlers read and change."""

    current: gr.State  # the conversation's id; whose it is, is asked of the service every time
    listed: gr.State
    remembered: gr.Textbox
    conversations: gr.Radio
    older: gr.Button
    tools: gr.Accordion
    title: gr.Textbox
    rename: gr.Button
    delete: gr.Button
    sure: gr.Group
    delete_now: gr.Button
    keep: gr.Button
    new: gr.Button
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
        return [
            self.current, self.conversations, self.older, self.tools, self.title, self.sure, self.chat, self.starting,
            self.hint, self.question, self.send, self.stop,
        ]  # fmt: skip


def build(services: Services, demo: gr.Blocks) -> None:
    """Lay the page out inside the present `gr.Blocks`, then wire it."""
    page = _lay_out(services)
    _wire(page, ChatHandlers(services, page), demo)


def _lay_out(services: Services) -> ChatPage:
    side = _lay_out_side()
    header("Chat")
    with gr.Column(elem_id="chat-page"):
        chat = gr.Chatbot(
            label="Conversation", show_label=False, container=False, elem_id="chat", height="100%", layout="bubble", buttons=[],
            sanitize_html=True, allow_tags=False, latex_delimiters=[], placeholder=WELCOME, feedback_options=None,
        )  # fmt: skip
        with gr.Row(elem_id="starters", visible=True) as starting:
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
    return ChatPage(
        **side,
        chat=chat,
        starters=starters,
        starting=starting,
        hint=hint,
        drop=drop,
        question=question,
        send=send,
        stop=stop,
    )


def _lay_out_side() -> dict[str, Any]:
    with gr.Sidebar(label="Conversations", width=272, elem_id="side"):
        new = gr.Button("New conversation", elem_id="new")
        conversations = gr.Radio([], label="Conversations", container=False, elem_id="conversations")
        older = gr.Button("Show older", size="sm", visible=False, elem_id="older")
        with gr.Accordion("Rename or delete", open=False, visible=False, elem_id="tools") as tools:
            title = gr.Textbox(label="Title", max_length=200, elem_id="title")
            with gr.Row():
                rename = gr.Button("Rename", size="sm", min_width=80, elem_id="rename")
                delete = gr.Button("Delete", size="sm", min_width=80, elem_id="delete")
            with gr.Group(visible=False, elem_id="sure") as sure:
                gr.HTML("<p>Delete this conversation and its answers for good?</p>", js_on_load=None)
                with gr.Row():
                    delete_now = gr.Button(
                        "Delete for good", variant="primary", size="sm", min_width=80, elem_id="delete-now"
                    )
                    keep = gr.Button("Keep it", size="sm", min_width=80, elem_id="keep")
    return {
        "current": gr.State(None), "listed": gr.State(LISTED), "remembered": gr.Textbox(visible=False), "new": new, "conversations": conversations, "older": older,
        "tools": tools, "title": title, "rename": rename, "delete": delete, "sure": sure, "delete_now": delete_now, "keep": keep,
    }  # fmt: skip


def _wire(page: ChatPage, handlers: ChatHandlers, demo: gr.Blocks) -> None:
    listing = [page.current, page.listed]
    asking = [
        gr.on(
            [page.send.click, page.question.submit], told(handlers.ask), [page.question, *listing], page.view, **PRIVATE
        ),
        *(starter.click(told(handlers.ask), [starter, *listing], page.view, **PRIVATE) for starter in page.starters),
    ]
    # Gradio cannot write an answer into a conversation that has left the page: leaving it stops it, and keeps what came.
    # First the one, then the other, or the answer's last update comes after the new view.
    leaving = {"fn": None, "cancels": asking, **PRIVATE}
    page.stop.click(**leaving).then(told(handlers.shown), listing, page.view, **PRIVATE)
    page.new.click(**leaving).then(told(handlers.new), page.listed, page.view, **PRIVATE)
    page.conversations.input(**leaving).then(told(handlers.shown), [page.conversations, page.listed], page.view, **PRIVATE)
    page.delete_now.click(**leaving).then(told(handlers.delete), listing, page.view, **PRIVATE)
    gr.on([page.rename.click, page.title.submit], told(handlers.rename), [page.title, *listing], page.view, **PRIVATE)
    page.delete.click(lambda: gr.update(visible=True), None, page.sure, **PRIVATE)
    page.keep.click(lambda: gr.update(visible=False), None, page.sure, **PRIVATE)
    page.older.click(told(handlers.older), listing, [page.listed, page.conversations, page.older], **PRIVATE)
    page.drop.submit(told(handlers.uploaded), None, page.hint, **PRIVATE)
    # The browser tab remembers which conversation was open, so that a reload or a look at the other page loses nothing.
    page.conversations.change(None, page.conversations, None, js="(id) => window.aim.remember(id)", **PRIVATE)
    demo.load(
        told(handlers.shown),
        [page.remembered, page.listed],
        page.view,
        js="(_, listed) => [window.aim.remembered(), listed]",
        **PRIVATE,
    )


class ChatHandlers:
    """One per page. Each asks who is asking, calls a service with it, and says what to show."""

    def __init__(self, services: Services, page: ChatPage) -> None:
        self._services, self._page = services, page

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
        conversation, rows = await in_thread(self._begin, principal, current)
        rows.append({"role": "user", "content": question_html(text)})
        yield self._running(conversation, rows)
        async with aclosing(self._answer(principal, conversation, text)) as answers:
            async for answer in answers:
                yield {self._page.chat: rows + answer}
        yield await in_thread(self._view, principal, conversation, listed)

    async def rename(self, title: str, current: str | None, listed: int, request: gr.Request) -> Updates:
        principal = principal_of(request)
        await in_thread(self._services.chat.rename, principal, current or "", title)
        return await in_thread(self._view, principal, current, listed)

    async def delete(self, current: str | None, listed: int, request: gr.Request) -> Updates:
        principal = principal_of(request)
        await in_thread(self._services.chat.delete, principal, current or "")
        return await in_thread(self._view, principal, None, listed)

    async def older(self, current: str | None, listed: int, request: gr.Request) -> Updates:
        principal = principal_of(request)
        view = await in_thread(self._view, principal, current, listed + LISTED)
        return {
            self._page.listed: listed + LISTED,
            **{part: view[part] for part in (self._page.conversations, self._page.older)},
        }

    async def uploaded(self, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return {self._page.hint: await in_thread(self._hint, principal)}

    async def _answer(self, principal: Principal, conversation: str, text: str) -> AsyncGenerator[list[Row], None]:
        events = self._services.chat.ask(principal, AskRequest(conversation=conversation, text=text))
        async with aclosing(progress(events)) as steps:
            async for step in steps:
                yield step.rows()

    def _begin(self, principal: Principal, current: str | None) -> tuple[str, list[Row]]:
        """The conversation to answer in, made now if there is none, so that Stop knows it from the start; and its rows."""
        if current is None:
            return self._services.chat.create(principal).id, []
        return current, self._rows(principal, current)

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
        conversations, more = first(partial(self._services.chat.conversations, principal), listed)
        choices = [(one.title, one.id) for one in conversations]
        if chosen is not None and chosen.id not in (one.id for one in conversations):
            choices.append((chosen.title, chosen.id))
        rows = self._rows(principal, chosen.id) if chosen else []
        return {
            page.current: chosen.id if chosen else None,
            page.conversations: gr.update(choices=choices, value=chosen.id if chosen else None),
            page.older: gr.update(visible=more),
            page.tools: gr.update(visible=chosen is not None, open=False),
            page.title: chosen.title if chosen else "",
            page.sure: gr.update(visible=False),
            page.chat: rows,
            page.starting: gr.update(visible=not rows),
            page.hint: self._hint(principal),
            page.send: gr.update(visible=True),
            page.stop: gr.update(visible=False),
        }

    def _chosen(self, principal: Principal, conversation: str | None) -> ConversationPublic | None:
        try:
            return self._services.chat.conversation(principal, conversation) if conversation else None
        except NotFound:
            return None

    def _rows(self, principal: Principal, conversation: str) -> list[Row]:
        messages, _ = first(partial(self._services.chat.messages, principal, conversation), LONGEST)
        return [row for message in messages[-SHOWN:] for row in message_rows(message, self._trace(principal, message))]

    def _trace(self, principal: Principal, message: MessagePublic) -> dict[str, Any] | None:
        try:
            return self._services.chat.trace(principal, message.id) if message.trace_id else None
        except NotFound:  # removed meanwhile; the answer stands without its explanation
            return None

    def _hint(self, principal: Principal) -> Any:
        """Where the user has no document of their own yet, a hint to add one."""
        return gr.update(visible=not self._services.documents.list(principal, kb="personal", limit=1).items)
