"""A conversation as the rows of gr.Chatbot, with what can be done about each question and answer.

Gradio's sanitiser leaves `class` and `id` of what stands in a row, and takes `data-` attributes away: a button says what it
does by its class, its row says of which message by its id. The script is chat.js.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.services.plans.wishes import plan_wished
from app.services.shapes import MessagePublic
from app.ui.format import Row, message_rows, one_line, question_html

BROKEN = ("failed", "partial")
UNANSWERED = '<div class="state failed">This question has no answer yet.</div>'


def conversation_rows(
    messages: Sequence[MessagePublic],
    suggestions: Sequence[str] = (),
    *,
    ended: bool = True,
) -> list[Row]:
    """All rows of `messages`, oldest first. Where the conversation `ended` with them, the newest answer can be asked for
    again and is followed by `suggestions`; else a question is on its way below.
    """
    rows: list[Row] = []
    asked = ""
    for place, message in enumerate(messages):
        if message.role == "user":
            rows.append(question_row(message))
            asked = message.text
        else:
            rows += answer_rows(message, last=ended and place == len(messages) - 1, asked=asked)
    if ended and messages and messages[-1].role == "user":
        again = f'<div class="actions" id="answer-{int(messages[-1].id)}">{_button("again", "Try again", mark="first")}</div>'
        rows.append({"role": "assistant", "content": f'<div class="below">{UNANSWERED}</div>{again}'})
    elif suggestions:
        rows.append(suggestion_row(suggestions))
    return rows


def question_row(message: MessagePublic) -> Row:
    earlier = _button("versions", "Earlier version") if message.earlier else ""
    tools = (
        f'<div class="actions" id="question-{int(message.id)}">{_button("edit", "Edit and ask again")}{earlier}</div>'
    )
    return {"role": "user", "content": question_html(message.text) + tools}


def asked_row(text: str) -> Row:
    """A question that is on its way."""
    return {"role": "user", "content": question_html(text)}


def answer_rows(message: MessagePublic, *, last: bool, asked: str = "") -> list[Row]:
    """`asked` is the question: where it asks for a plan, the answer can be made one. chat_plans.js fills what the answer
    proposes to change in plans that are there."""
    again = first = ""
    if last and message.state in BROKEN:
        first = _button("again", "Try again", mark="first")
    elif last:
        again = _button("again", "Ask again")
    helpful = _button("up", "Helpful", mark="chosen" if message.rating == 1 else "")
    unhelpful = _button("down", "Not helpful", mark="chosen" if message.rating == -1 else "")
    export = _button("export", "Export or share")
    buttons = first + _plan_button(message, asked) + _button("copy", "Copy") + export + again + helpful + unhelpful
    row = (
        f'<div class="plan-changes" id="changes-{int(message.id)}"></div>'
        f'<div class="actions" id="answer-{int(message.id)}">{buttons}{_plain_sources(message)}</div>'
    )
    return [*message_rows(message), {"role": "assistant", "content": row}]


def suggestion_row(questions: Sequence[str]) -> Row:
    return {"role": "assistant", "content": suggestions_html("Ask next", questions)}


def suggestions_html(label: str, questions: Sequence[str]) -> str:
    """Buttons that ask what they say."""
    buttons = "".join(f'<button type="button" class="act ask">{one_line(question)}</button>' for question in questions)
    return f'<div class="next"><span class="label">{label}</span>{buttons}</div>' if questions else ""


def _plan_button(message: MessagePublic, asked: str) -> str:
    template = plan_wished(asked) if message.state not in BROKEN else None
    if template is None:
        return ""
    return f'<button type="button" class="act plan first" value="{template}">Make this a plan</button>'


def _plain_sources(message: MessagePublic) -> str:
    """The sources as they are copied with the answer, unseen: for an e-mail or a messenger, a line each."""
    lines = "".join(
        f"<li>{one_line(f'[{one.label}] {one.title}, page {one.page}{_standing(one.standing)}')}</li>"
        for one in message.citations
    )
    return f'<ul class="plain-sources">{lines}</ul>' if lines else ""


def _standing(standing: str) -> str:
    return f" ({standing})" if standing != "none" else ""


def _button(action: str, words: str, *, mark: str = "") -> str:
    return f'<button type="button" class="act {action}{f" {mark}" if mark else ""}">{words}</button>'
