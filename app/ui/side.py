"""The side of the chat page: one's conversations, newest first, and what can be done with the open one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from app.principal import Principal
from app.services.chat import ChatService
from app.services.shapes import ConversationPublic
from app.ui.shared import PRIVATE, Updates, first

LISTED = 50  # conversations shown at first, and more at each "Show older"


@dataclass(frozen=True)
class Side:
    """Its components."""

    listed: gr.State
    new: gr.Button
    conversations: gr.Radio
    older: gr.Button
    tools: gr.Accordion
    title: gr.Textbox
    rename: gr.Button
    delete: gr.Button
    sure: gr.Group
    delete_now: gr.Button
    keep: gr.Button

    @property
    def view(self) -> list[Any]:
        """What changes with the open conversation."""
        return [self.conversations, self.older, self.tools, self.title, self.sure]

    def show(self, chat: ChatService, principal: Principal, chosen: ConversationPublic | None, listed: int) -> Updates:
        """The newest `listed` conversations, and the open one wherever it stands."""
        conversations, more = first(partial(chat.conversations, principal), listed)
        if chosen is not None and chosen.id not in (one.id for one in conversations):
            conversations.append(chosen)
        return {
            self.conversations: gr.update(
                choices=[(one.title, one.id) for one in conversations], value=chosen.id if chosen else None
            ),
            self.older: gr.update(visible=more),
            self.tools: gr.update(visible=chosen is not None, open=False),
            self.title: chosen.title if chosen else "",
            self.sure: gr.update(visible=False),
        }


def build_side() -> Side:
    """Lay the side out, and wire what needs no service."""
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
                    keep = gr.Button("Keep it", size="sm", min_width=80, elem_id="keep")
                    delete_now = gr.Button("Delete", variant="primary", size="sm", min_width=80, elem_id="delete-now")
    delete.click(lambda: gr.update(visible=True), None, sure, **PRIVATE)
    keep.click(lambda: gr.update(visible=False), None, sure, **PRIVATE)
    # The browser tab remembers which conversation was open, so that a reload or a look at the other page loses nothing.
    conversations.change(None, conversations, None, js="(id) => window.aim.remember(id)", **PRIVATE)
    return Side(gr.State(LISTED), new, conversations, older, tools, title, rename, delete, sure, delete_now, keep)
