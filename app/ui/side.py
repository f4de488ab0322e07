"""The side of the chat page: one's conversations, newest first by day, searched, and what can be done with the open one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from html import escape
from itertools import groupby

import gradio as gr

from app.models import now
from app.principal import Principal
from app.services.chat import ChatService
from app.services.shapes import ConversationPublic
from app.ui.format import one_line
from app.ui.said import Said
from app.ui.shared import first
from app.ui.upload import STARTED

SEARCH = (
    '<input type="search" maxlength="200" placeholder="Search conversations" aria-label="Search conversations" '
    'autocomplete="off">'
)
NONE_FOUND = '<p class="nothing">No conversation has these words.</p>'


@dataclass(frozen=True)
class Side:
    """Its components. `conversations` triggers `click` when another one is to be shown, `submit` when the list is."""

    new: gr.Button
    conversations: gr.HTML


def build_side() -> Side:
    with gr.Sidebar(label="Conversations", width=272, elem_id="side"):
        new = gr.Button("New conversation", elem_id="new")
        gr.HTML(SEARCH, elem_id="find", js_on_load=None)
        conversations = gr.HTML("", elem_id="conversations", js_on_load=STARTED.format(what="conversations"))
    return Side(new, conversations)


def conversations_shown(chat: ChatService, principal: Principal, said: Said, chosen: ConversationPublic | None) -> str:
    """The newest ones, or those that hold what is looked for; the open one wherever it stands."""
    rows, more = first(partial(chat.conversations, principal, q=said.find), said.listed)
    if chosen is not None and not said.find.strip() and chosen.id not in (row.id for row in rows):
        rows.append(chosen)
    if not rows and said.find.strip():
        return NONE_FOUND
    behind = timedelta(minutes=said.offset)
    return conversations_html(rows, chosen.id if chosen else None, now(), behind, more=more)


def conversations_html(
    rows: Sequence[ConversationPublic], chosen: str | None, moment: datetime, behind: timedelta, *, more: bool
) -> str:
    """`moment` is now; days are the reader's, whose clock is `behind` UTC."""
    groups = "".join(
        f'<h2>{day}</h2><ul aria-label="{day}">{"".join(_row(row, row.id == chosen) for row in found)}</ul>'
        for day, found in _by_day(rows, moment, behind)
    )
    return groups + ('<button type="button" data-action="older">Show older</button>' if more else "")


def _by_day(
    rows: Sequence[ConversationPublic], moment: datetime, behind: timedelta
) -> Iterator[tuple[str, Iterator[ConversationPublic]]]:
    def day(row: ConversationPublic) -> str:
        days = ((moment - behind).date() - (row.updated - behind).date()).days
        return "Today" if days <= 0 else "Yesterday" if days == 1 else "Earlier"

    return groupby(rows, day)


def _row(row: ConversationPublic, is_open: bool) -> str:
    title, identity = one_line(row.title), f'data-id="{escape(row.id)}" data-title="{one_line(row.title)}"'
    tools = ""
    if is_open:
        tools = (
            f'<div class="tools"><button type="button" data-action="rename" {identity}>Rename</button>'
            f'<button type="button" data-action="export" {identity}>Export</button>'
            f'<button type="button" data-action="delete" {identity}>Delete</button></div>'
        )
    current = ' aria-current="true"' if is_open else ""
    return f'<li><button type="button" class="open" data-action="open" {identity}{current}>{title}</button>{tools}</li>'
