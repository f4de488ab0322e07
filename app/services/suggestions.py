"""Questions worth asking next: from the headings of documents that are here, by rules, so that each of them finds something."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from app.models import READY, Chunk, Conversation, Document, Message
from app.principal import Principal
from app.retrievers.wording import words
from app.services.roles.roles import Role
from app.services.shapes import MessagePublic

MOST = 3
STARTERS = 3  # to begin with: of the role's own questions, before those about one's documents
OPENING = 5  # of both together
DOCUMENTS = 6  # looked through at most: the cited ones, then the newest
PASSAGES = 120  # of them all; a heading says more than the middle of a long contract
TOPIC_WORDS = range(1, 9)
KEPT = 1000  # documents
LITTLE = 3  # letters of words such as "and" that titles do not write large
TITLE_CHARS = 44  # of a title; its beginning in quotation marks names a document as well as the whole (naming.py)
# How many of them are about one's own documents, by what the last question was about; the others are the industry's.
OF_ONES_OWN = 2
SHARES: dict[str | None, int] = {"global": 1}
# A clause's own heading in a contract whose file marks none, such as "H. Governing Law." or "12. TERM AND TERMINATION".
_CLAUSE = re.compile(
    r"(?m)(?:^|(?<=[.;:] ))(?:(?:Section|Article)\s+)?(?:\(?[A-Za-z]\)|[A-Z]\.|\d{1,2}(?:\.\d+)*\.?)\s+"
    r"([A-Z][\w'’-]*(?:,? (?:[A-Z][\w'’-]*|of|and|the|to|or|in|for)){0,7})\s*(?:[.:]\s|\n)"
)
_NUMBERING = re.compile(
    r"^(?:(?:section|article|clause|schedule|appendix)\s+)?[\W\d]*(?:[A-Za-z]{1,4}[.)]\s+)?[\d.)\s]*", re.I
)
# Parts of a paper that nobody asks about.
_DULL = words(
    "introduction contents appendix exhibit schedule whereas recitals signature page counterparts miscellaneous general "
    "provisions definitions preamble witness agreement untitled notices severability headings waiver"
)


@dataclass(frozen=True, slots=True)
class _Named:
    """A document to ask about."""

    id: str
    kb: str
    title: str
    version: int


@dataclass(frozen=True, slots=True)
class _Topic:
    document: _Named
    words: str
    stems: frozenset[str]


class Suggestions:
    """Keeps what the industry's documents are about, which is the same for everybody and asked for with every answer; of
    personal ones nothing is kept.
    """

    def __init__(self) -> None:
        self._industry: dict[_Named, tuple[_Topic, ...]] = {}

    def next_questions(
        self,
        principal: Principal,
        session: Session,
        role: Role,
        *,
        message: MessagePublic | None = None,
        artist_id: str | None = None,
        asked: Iterable[str] = (),
    ) -> list[str]:
        """At most `MOST` questions after `message`. Each names a part of a document that is ready, visible to `principal` and,
        of personal ones, `artist_id`'s or everybody's; what was `asked` before is left out.

        To begin with, at most `OPENING`: the role's own questions that the principal never asked lead, then those about
        their documents.
        """
        before = [*asked]
        cited = [citation.document_id for citation in message.citations] if message else []
        found = {kb: _documents(session, principal, kb, cited, artist_id) for kb in ("personal", "global")}
        ranked = {}
        for kb, documents in found.items():
            topics = [topic for document in documents for topic in self._topics(session, document)]
            ranked[kb] = _ranked(topics, role, before[-1:] if message else [], cited)
        # Without industry knowledge the role's questions would find nothing.
        starters = _starters(session, principal, role, before) if message is None and found["global"] else []
        if starters:
            own = _questions(ranked["personal"], before, OF_ONES_OWN)
            return [*starters[: STARTERS if own else STARTERS + 1], *own][:OPENING]
        mine = SHARES.get(message.intent if message else None, OF_ONES_OWN)
        chosen: list[str] = []
        # Where one kb has too little, the other one fills up.
        for kb, most in (("personal", mine), ("global", MOST), ("personal", MOST)):
            chosen += _questions(ranked[kb], [*before, *chosen], most - len(chosen))
        return chosen

    def _topics(self, session: Session, document: _Named) -> tuple[_Topic, ...]:
        if document.kb != "global":
            return _topics(session, document)
        if document not in self._industry:
            if len(self._industry) >= KEPT:
                self._industry.clear()
            self._industry[document] = _topics(session, document)
        return self._industry[document]


def _starters(session: Session, principal: Principal, role: Role, before: Sequence[str]) -> list[str]:
    """The role's questions in their order, without what the principal asked in these words already."""
    asked = select(Message.text).join(Conversation, col(Conversation.id) == col(Message.conversation_id))
    asked = asked.where(Conversation.user_id == principal.user_id, Message.role == "user")
    known = {*before, *session.exec(asked.where(col(Message.text).in_(role.starters)))}
    return [question for question in role.starters if question not in known]


def _documents(
    session: Session, principal: Principal, kb: str, cited: Sequence[str], artist_id: str | None
) -> list[_Named]:
    """The cited ones first, then the newest."""
    mine = (col(Document.kb) == kb) & (col(Document.status) == READY)
    if kb == "personal":
        mine &= Document.user_id == principal.user_id
        if artist_id is not None:
            mine &= or_(col(Document.artist_id).is_(None), col(Document.artist_id) == artist_id)
    named = select(Document.id, Document.kb, Document.title, Document.version).where(mine)
    leading = [col(Document.id).in_(cited).desc()] if cited else []
    found = named.order_by(*leading, col(Document.created).desc()).limit(DOCUMENTS + len(set(cited)))
    place = {key: number for number, key in enumerate(dict.fromkeys(cited))}
    documents = [_Named(*row) for row in session.exec(found)]
    return sorted(documents, key=lambda document: place.get(document.id, len(place)))[:DOCUMENTS]


def _topics(session: Session, document: _Named) -> tuple[_Topic, ...]:
    """The parts of a document, each once, in its order."""
    query = select(Chunk.heading, Chunk.text).where(Chunk.document_id == document.id, Chunk.version == document.version)
    found: dict[str, _Topic] = {}
    for heading, text in session.exec(query.order_by(col(Chunk.number)).limit(PASSAGES // DOCUMENTS)).all():
        inside = _CLAUSE.findall(text) if document.kb == "personal" else []
        for topic in filter(None, map(_topic, [heading, *inside])):
            stems = frozenset(words(topic))
            if topic.casefold() not in found and stems - words(document.title):
                found[topic.casefold()] = _Topic(document, topic, stems)
    return tuple(found.values())


def _topic(heading: str) -> str:
    """A heading as it stands in a sentence, or nothing where it tells nothing."""
    plain = _NUMBERING.sub("", " ".join(heading.split())).strip(' .:;-–—*_#|"“”')
    if (
        len(plain.split()) not in TOPIC_WORDS
        or not words(plain) - _DULL
        or re.search(r"[\d\[\]()<>|@/\\]|\.{2}", plain)
    ):
        return ""
    if plain.isupper():
        return plain.lower()
    parts = plain.split()
    titled = all(part[0].isupper() for part in parts if len(part) > LITTLE)  # "Term and Termination": no names
    small = [part.lower() if part.istitle() and (titled or place == 0) else part for place, part in enumerate(parts)]
    return " ".join(small)


def _ranked(topics: Iterable[_Topic], role: Role, asked: Sequence[str], cited: Sequence[str]) -> list[_Topic]:
    """Parts of what was cited that are near to the question, then to the role; never the part that was just asked for."""
    wanted, said = words(role.topics), words(" ".join(asked))

    def worth(topic: _Topic) -> tuple[bool, int, int]:
        return (topic.document.id not in cited, -len(topic.stems & wanted), -len(topic.stems & said))

    return sorted((topic for topic in topics if topic.stems - said), key=worth)


def _questions(topics: Sequence[_Topic], before: Sequence[str], most: int) -> list[str]:
    """One part of each document before a second of any."""
    known = {question.casefold() for question in before}
    chosen: list[str] = []
    used: list[str] = []
    for once in (True, False):
        for topic in topics:
            question = _question(topic)
            if len(chosen) < most and question.casefold() not in known and not (once and topic.document.id in used):
                known.add(question.casefold())
                used.append(topic.document.id)
                chosen.append(question)
    return chosen


def _called(title: str) -> str:
    """A title short enough for a button, cut between words; file names have other things than spaces there."""
    title = re.sub('["“”]', "", title)
    if len(title) <= TITLE_CHARS:
        return title
    cut = max(title[:TITLE_CHARS].rfind(sign) for sign in " _-.,")
    return title[: cut if cut > 0 else TITLE_CHARS].rstrip(" _-.,")


def _question(topic: _Topic) -> str:
    if topic.document.kb == "personal":
        return f"What does “{_called(topic.document.title)}” say about {topic.words}?"
    if topic.words.startswith("how to "):
        return f"How do I {topic.words.removeprefix('how to ')}?"
    if topic.words.startswith(("how ", "what ", "when ", "why ", "who ", "which ")):
        return f"Tell me {topic.words}."
    return f"What should I know about {topic.words}?"
