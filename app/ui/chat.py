"""The chat page: conversations at the side, cited answers as they are written, and a place to ask and to add documents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from app.errors import AppError, NotFound
from app.principal import Principal
from app.services.conversations import title_from
from app.services.services import Services
from app.services.shapes import AskRequest, ConversationPublic, MessagePublic
from app.ui.composer import LIMITS, about_html
from app.ui.first_run import first_steps
from app.ui.format import Row
from app.ui.notes import proposals
from app.ui.rows import BROKEN, asked_row, conversation_rows, suggestions_html
from app.ui.said import SHOWN, Said
from app.ui.shared import PRIVATE, Updates, first, header, in_thread, principal_of, told
from app.ui.side import Side, build_side, conversations_shown
from app.ui.streaming import Progress, progress
from app.ui.upload import STARTED, drop_area

P = ParamSpec("P")
T = TypeVar("T")

WELCOME = (
    '<div class="welcome"><h1>Ask your manager</h1>'
    "<p>Answers come from your own documents and the industry knowledge base, and name the page they stand on.</p></div>"
)
HINT = '<p class="hint" id="no-documents">You have no documents of your own yet. Add a contract or a statement, then ask about it.</p>'
ABOVE = '<button type="button" class="act above">Show earlier messages</button>'
ROSTER = 200  # artists to choose from


@dataclass(frozen=True)
class ChatPage:
    """The components that handlers read and change."""

    said: gr.Textbox  # what the page's script says of the page, as JSON (see `Said`)
    side: Side
    above: gr.HTML
    chat: gr.Chatbot
    starting: gr.HTML
    hint: gr.HTML
    drop: gr.HTML
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button
    about: gr.HTML
    asker: gr.HTML  # asks what a button of a row says

    @property
    def view(self) -> list[Any]:
        """Everything that changes with the conversation."""
        mine = [self.above, self.chat, self.starting, self.hint, self.question, self.send, self.stop, self.about]
        return [*mine, self.side.conversations]


def build(services: Services, demo: gr.Blocks) -> None:
    """Lay the page out inside the present page of `demo`, then wire it."""
    page = _lay_out(services)
    _wire(page, ChatHandlers(services, page), demo)


def _lay_out(services: Services) -> ChatPage:
    said, side = gr.Textbox(visible=False), build_side()
    header("Chat", side=True)
    with gr.Column(elem_id="chat-page"):
        above = gr.HTML(ABOVE, visible=False, elem_id="above", js_on_load=None)
        chat = gr.Chatbot(
            label="Conversation", show_label=False, container=False, elem_id="chat", height="100%", layout="bubble", buttons=[],
            sanitize_html=True, allow_tags=False, latex_delimiters=[], placeholder=WELCOME, feedback_options=None,
        )  # fmt: skip
        proposals()
        first_steps()
        starting = gr.HTML("", visible=False, elem_id="starters", js_on_load=None)
        hint = gr.HTML(HINT, visible=False, js_on_load=None)
        drop = drop_area(services.settings.ingestion.max_bytes, "chat-drop", compact=True)
        gr.HTML(LIMITS, elem_id="limits", js_on_load=None)
        with gr.Row(elem_id="composer"):
            question = gr.Textbox(
                label="Your question", show_label=False, container=False, placeholder="Ask a question",
                lines=1, max_lines=8, max_length=20_000, autofocus=True, scale=1, elem_id="question",
            )  # fmt: skip
            send = gr.Button("Send", variant="primary", scale=0, min_width=88, elem_id="send")
            stop = gr.Button("Stop", variant="stop", scale=0, min_width=88, elem_id="stop", visible=False)
        about = gr.HTML("", elem_id="about", js_on_load=STARTED.format(what="composer"))
        asker = gr.HTML("", elem_id="asker", js_on_load=STARTED.format(what="asker"))
    return ChatPage(said, side, above, chat, starting, hint, drop, question, send, stop, about, asker)


def _wire(page: ChatPage, handlers: ChatHandlers, demo: gr.Blocks) -> None:
    # The script says of the page what a handler must know, at the moment the event leaves.
    looking: dict[str, Any] = {"inputs": page.said, "js": "() => [window.aim.said()]", **PRIVATE}
    words = "(typed) => [window.aim.words(typed), window.aim.said()]"
    asked = gr.on(
        [page.send.click, page.question.submit, page.asker.click],
        told(handlers.ask), [page.question, page.said], page.view, js=words, **PRIVATE,
    )  # fmt: skip
    asked.failure(told(handlers.shown), outputs=page.view, **looking)
    # Gradio cannot write an answer into a conversation that has left the page: leaving it stops it, and what came is
    # kept. First the one, then the other, or the answer's last update comes after the new view.
    leaving: dict[str, Any] = {"fn": None, "cancels": [asked], **PRIVATE}
    for left in (page.stop.click, page.side.new.click, page.side.conversations.click):
        left(**leaving).then(told(handlers.shown), outputs=page.view, **looking)
    page.side.conversations.submit(told(handlers.listed), outputs=page.side.conversations, **looking)
    page.asker.submit(told(handlers.shown), outputs=page.view, **looking)
    page.drop.submit(told(handlers.uploaded), None, page.hint, **PRIVATE)
    demo.load(told(handlers.shown), outputs=page.view, **looking)


class ChatHandlers:
    """One per page. Each asks who is asking, calls a service with it, and says what to show."""

    def __init__(self, services: Services, page: ChatPage) -> None:
        self._chat, self._documents, self._artists = services.chat, services.documents, services.artists
        self._page, self._looking = page, services.db.looking

    async def shown(self, said: str | None, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return await in_thread(self._look, self._view, principal, Said.read(said))

    async def listed(self, said: str | None, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return await in_thread(self._look, self._list, principal, Said.read(said))

    async def uploaded(self, request: gr.Request) -> Updates:
        principal = principal_of(request)
        return {self._page.hint: await in_thread(self._hint, principal)}

    async def ask(self, text: str, said: str | None, request: gr.Request) -> AsyncGenerator[Updates, None]:
        principal, known = principal_of(request), Said.read(said)
        begun, shown = await in_thread(self._look, self._begin, principal, text, known)
        yield shown
        if begun is None:
            return
        try:
            async with aclosing(progress(self._chat.ask(principal, begun.request))) as steps:
                async for seen in steps:
                    yield {self._page.chat: begun.rows + seen.rows()}
        except AppError:  # nothing was kept: the words go back to where they were typed
            yield await in_thread(self._taken_back, principal, known, begun)
            raise
        yield await in_thread(self._look, self._ended, principal, known, begun)

    def _look(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._looking():
            return work(*args, **kwargs)

    def _begin(self, principal: Principal, text: str, said: Said) -> tuple[_Begun | None, Updates]:
        begun = self._place(principal, text, said)
        return begun, self._running(principal, said, begun) if begun is not None else {self._page.question: ""}

    def _place(self, principal: Principal, text: str, said: Said) -> _Begun | None:
        """The conversation to answer in, made now if there is none, so that Stop knows it from the start; about whom it
        is; and its rows, as far as they stay, with the question below them."""
        asked = self._chat.question(principal, said.replaces) if said.replaces is not None else None
        if asked is not None and not text.strip():
            text = asked.text
        if not text.strip():
            return None
        place = said.conversation or (asked.conversation if asked else None)
        chosen = self._chat.conversation(principal, place) if place else None
        made = moved = chosen is None
        if chosen is not None:
            moved = [one.id for one in self._chat.conversations(principal, limit=1).items] != [chosen.id]
        if chosen is None:
            chosen = self._chat.create(principal, title=title_from(text), artist_id=said.artist)
        elif "artist" in said.model_fields_set and chosen.artist_id != said.artist:
            chosen = self._chat.update(principal, chosen.id, artist_id=said.artist)
        before = [] if made else self._chat.newest(principal, chosen.id, limit=SHOWN).items
        if asked is not None:
            before = [message for message in before if int(message.id) < int(asked.id)]
        rows = conversation_rows(before, ended=False)
        request = AskRequest(
            conversation=chosen.id, text=text, documents=said.documents or None, artist_id=chosen.artist_id,
            replaces=said.replaces,
        )  # fmt: skip
        return _Begun(chosen, made, moved, before, [*rows, asked_row(text)], request)

    def _running(self, principal: Principal, said: Said, begun: _Begun) -> Updates:
        page = self._page
        return {
            page.chat: begun.rows + Progress().rows(),
            page.starting: gr.update(visible=False),
            page.send: gr.update(visible=False),
            page.stop: gr.update(visible=True),
            **({page.question: ""} if said.typed else {}),
            **({page.about: self._about(principal, begun.chosen)} if begun.made else {}),
        }

    def _taken_back(self, principal: Principal, said: Said, begun: _Begun) -> Updates:
        page = self._page
        if begun.made:
            with suppress(NotFound):  # the user was quicker
                self._chat.delete(principal, begun.chosen.id)
        return {
            **({page.question: begun.request.text} if said.typed else {}),
            **({page.about: self._about(principal, None, said.artist)} if begun.made else {}),
        }

    def _ended(self, principal: Principal, said: Said, begun: _Begun) -> Updates:
        """What the last update left to be shown: the stored answer below what stands, and where the list has changed, the
        list."""
        page = self._page
        done = {page.send: gr.update(visible=True), page.stop: gr.update(visible=False)}
        newest = self._chat.newest(principal, begun.chosen.id, limit=2)
        shown = [*begun.before, *(message for message in newest.items if message not in begun.before)]
        rows = self._rows(principal, shown, begun.chosen.artist_id)
        if not begun.moved:
            return {page.chat: rows, **done}
        return {
            page.chat: rows,
            **done,
            **self._list(principal, said.model_copy(update={"conversation": begun.chosen.id})),
        }

    def _view(self, principal: Principal, said: Said) -> Updates:
        """The whole page from SQL. A conversation that is not there any more, or not theirs, is a new one."""
        page, chosen = self._page, self._chosen(principal, said.conversation)
        messages: list[MessagePublic] = []
        more = False
        if chosen is not None:
            messages, more = self._messages(principal, chosen.id, said.shown)
        artist_id = chosen.artist_id if chosen else None
        starters = [] if messages else self._chat.suggestions(principal, artist_id=artist_id)
        return {
            page.above: gr.update(visible=more),
            page.chat: self._rows(principal, messages, artist_id),
            page.starting: gr.update(value=suggestions_html("Begin with", starters), visible=bool(starters)),
            page.hint: self._hint(principal),
            page.send: gr.update(visible=True),
            page.stop: gr.update(visible=False),
            page.about: self._about(principal, chosen),
            page.side.conversations: conversations_shown(self._chat, principal, said, chosen),
        }

    def _list(self, principal: Principal, said: Said) -> Updates:
        chosen = self._chosen(principal, said.conversation)
        return {self._page.side.conversations: conversations_shown(self._chat, principal, said, chosen)}

    def _chosen(self, principal: Principal, conversation: str | None) -> ConversationPublic | None:
        try:
            return self._chat.conversation(principal, conversation) if conversation else None
        except NotFound:
            return None

    def _messages(self, principal: Principal, conversation: str, wanted: int) -> tuple[list[MessagePublic], bool]:
        """The newest `wanted` ones, and whether there are more above."""
        page = self._chat.newest(principal, conversation, limit=min(wanted, 200))
        found = list(page.items)
        while page.next is not None and len(found) < wanted:
            page = self._chat.newest(principal, conversation, limit=min(wanted - len(found), 200), before=page.next)
            found = [*page.items, *found]
        return found, page.next is not None

    def _rows(self, principal: Principal, messages: Sequence[MessagePublic], artist_id: str | None) -> list[Row]:
        suggestions: list[str] = []
        if messages and messages[-1].role == "assistant" and messages[-1].state not in BROKEN:
            asked = [message.text for message in messages if message.role == "user"]
            suggestions = self._chat.suggestions(principal, messages[-1], artist_id=artist_id, asked=asked)
        return conversation_rows(messages, suggestions)

    def _about(self, principal: Principal, chosen: ConversationPublic | None, artist_id: str | None = None) -> str:
        artists, _ = first(partial(self._artists.list, principal, counted=False), ROSTER)
        return about_html(artists, chosen.artist_id if chosen else artist_id, chosen.id if chosen else None)

    def _hint(self, principal: Principal) -> Any:
        """Where the user has no document of their own yet, a hint to add one."""
        return gr.update(visible=not self._documents.has_own(principal))


@dataclass(frozen=True)
class _Begun:
    """A question that is about to be asked."""

    chosen: ConversationPublic
    made: bool  # the conversation is new
    moved: bool  # it becomes the newest of the list
    before: list[MessagePublic]  # what stands above the question
    rows: list[Row]  # the same, with the question below
    request: AskRequest
