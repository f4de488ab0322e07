"""An answer and a conversation on paper: what was asked, what was answered, and the sources with their quotes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import date

from app.services.exports.paper import (
    Block,
    Dated,
    Heading,
    Item,
    Items,
    Paper,
    Paragraph,
    Section,
    Span,
    Table,
    day_words,
    paragraphs,
    plain,
    quoted,
    strong,
)
from app.services.exports.prose import blocks_of
from app.services.insight.days import written_days
from app.services.shapes import Citation, ConversationPublic, MessagePublic

STATES = {
    "answered": "Written by the language model from the sources below",
    "extractive": "The sources' own words; no language model wrote this",
    "direct": "Answered without looking anything up",
    "nothing_found": "Nothing was found",
    "partial": "Incomplete: the answer was stopped or broke off",
    "failed": "The answer failed",
}
ROLES = {"user": "You", "assistant": "AI Manager"}
KBS = {"personal": "Your documents", "global": "Industry knowledge base"}
SMALL_PRINT = ("Answers can be wrong: check them against their sources. Not legal advice.",)
FOUND_IN = "Named in an answer. Check it in its source before you rely on it."
HEAD = ("Time (UTC)", "Who", "Text", "State", "Sources")
TITLE_CHARS = 110

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_LABELS = re.compile(r"\s*\[[PG]\d{1,3}\]")


def answer_paper(question: MessagePublic | None, answer: MessagePublic) -> Paper:
    asked = _one_line(question.text) if question else "An answer"
    told = answer.state != "answered" and bool(answer.text.strip())  # the facts above say it
    sections = [Section("Answer", blocks_of(answer.text) if told else _answer(answer))]
    if question is not None and len(asked) > TITLE_CHARS:
        sections.insert(0, Section("Question", paragraphs(question.text, "quote")))
    if answer.citations:
        sections.append(Section("Sources", tuple(_sources(answer.citations))))
    return Paper(
        kind="Answer",
        title=_short(asked),
        facts=(("Asked", day_words((question or answer).created)), ("How", STATES.get(answer.state or "", ""))),
        sections=tuple(sections),
        table=Table(HEAD, tuple(_row(one) for one in (question, answer) if one is not None)),
        dated=tuple(_days_in([answer])),
        small_print=SMALL_PRINT,
        quotes=_quoted([answer]),
    )


def conversation_paper(conversation: ConversationPublic, messages: Sequence[MessagePublic]) -> Paper:
    """`messages`: oldest first, without what was replaced."""
    answers = [one for one in messages if one.role == "assistant"]
    return Paper(
        kind="Conversation",
        title=_one_line(conversation.title),
        facts=(
            ("Begun", day_words(conversation.created)),
            ("Last answer", day_words(messages[-1].created) if messages else "None yet"),
            ("Questions", str(sum(one.role == "user" for one in messages))),
        ),
        sections=tuple(_exchanges(messages)),
        table=Table(HEAD, tuple(_row(one) for one in messages)),
        dated=tuple(_days_in(answers)),
        small_print=SMALL_PRINT,
        quotes=_quoted(answers),
    )


def _quoted(answers: Sequence[MessagePublic]) -> frozenset[str]:
    every = (one for answer in answers for one in answer.citations)
    return frozenset(one.document_id for one in every if one.kb == "personal" and one.quote and not one.deleted)


def _exchanges(messages: Sequence[MessagePublic]) -> Iterator[Section]:
    """A section for each question with what answers it."""
    title, blocks = "", list[Block]()
    for message in messages:
        if message.role == "user":
            if title:
                yield Section(title, tuple(blocks))
            asked = _one_line(message.text)
            title, blocks = _short(asked), list(paragraphs(message.text, "quote")) if len(asked) > TITLE_CHARS else []
        else:
            blocks += _answer(message)
            if message.citations:
                blocks += [Heading("Sources"), *_sources(message.citations)]
            title = title or "Answer"
    if title:
        yield Section(title, tuple(blocks))


def _answer(message: MessagePublic) -> tuple[Block, ...]:
    blocks: list[Block] = list(blocks_of(message.text)) or [Paragraph(plain("No words came."), "note")]
    state = STATES.get(message.state or "", "") if message.state != "answered" else ""
    if message.state == "answered" and not message.citations:
        state = "This answer names no source. Check it before you rely on it"
    return (*blocks, Paragraph(plain(f"{state}."), "note")) if state else tuple(blocks)


def _sources(citations: Sequence[Citation]) -> Iterator[Block]:
    for kb in KBS:
        mine = [one for one in citations if one.kb == kb]
        if mine:
            yield Items(tuple(Item(_source(one), mark=f"[{one.label}]") for one in mine))


def _source(one: Citation) -> tuple[Span, ...]:
    about = [f", page {one.page}"]
    about += [f", {one.standing}"] if one.standing != "none" else []
    about += [f", as of {day_words(one.as_of)}"] if one.as_of else []
    about += [", industry knowledge base"] if one.kb == "global" else []
    about += [" (this document was deleted)"] if one.deleted else []
    return (*strong(one.title), *plain("".join(about)), *quoted(one.quote))


def _row(message: MessagePublic) -> tuple[str, ...]:
    sources = "; ".join(f"[{one.label}] {one.title}, page {one.page}" for one in message.citations)
    at = message.created.strftime("%Y-%m-%d %H:%M")
    return (at, ROLES[message.role], message.text, STATES.get(message.state or "", ""), sources)


def _days_in(answers: Sequence[MessagePublic]) -> Iterator[Dated]:
    """The days that answers name in full, each with the sentence that names it; one that is named twice comes once."""
    seen: set[tuple[date, str]] = set()
    for answer in answers:
        for sentence in _SENTENCE.split(answer.text):
            words = _LABELS.sub("", _one_line(re.sub(r"[*_`#>|]+", " ", sentence))).strip(" -•")
            for day in (found.day for found in written_days(sentence)):
                if (day, words) in seen:
                    continue
                seen.add((day, words))
                key = hashlib.sha256(f"{answer.id} {day} {words}".encode()).hexdigest()[:24]
                yield Dated(f"answer-{answer.id}-{key}", day, words[:200], FOUND_IN)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    return text if len(text) <= TITLE_CHARS else f"{text[: TITLE_CHARS - 1].rstrip()}…"
