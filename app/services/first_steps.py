"""The first steps of a newcomer, read from what is there: nothing is ticked by hand, and nothing can be forgotten."""

from __future__ import annotations

from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import Forbidden
from app.models import DELETING, Conversation, Document, Message, Profile, User
from app.principal import Principal

FIELDS = ("role", "artist_name", "bio", "genres", "stage", "goals", "audience")


class Step(BaseModel):
    name: str
    title: str
    why: str = Field(description="one sentence for somebody who has not done it")
    path: str = Field(description="where it is done")
    done: bool


class StepsPublic(BaseModel):
    """What a newcomer does first. `hidden`: the user put the list away; it still tells what is done."""

    steps: list[Step]
    done: int
    hidden: bool


class FirstSteps:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, principal: Principal) -> StepsPublic:
        with self._db.reading() as session:
            user = session.get(User, principal.user_id)
            steps = [
                Step(name=name, title=title, why=why, path=path, done=done)
                for (name, title, why, path), done in zip(STEPS, _done(session, principal.user_id), strict=True)
            ]
        return StepsPublic(steps=steps, done=sum(step.done for step in steps), hidden=bool(user and user.steps_hidden))

    def hide(self, principal: Principal, hidden: bool) -> StepsPublic:
        """Put the list away, or bring it back."""
        with self._db.session() as session:
            user = session.get(User, principal.user_id)
            if user is None:
                raise Forbidden("Only a user has first steps.")
            user.steps_hidden = hidden
            session.add(user)
        return self.of(principal)


STEPS = (
    ("profile", "Say who you are", "Answers then fit your music and where you stand.", "/app/welcome"),
    (
        "document",
        "Add a document",
        "A contract, a bio or a statement; samples will do to begin with.",
        "/app/knowledge",
    ),
    ("question", "Ask your first question", "The answer names the page it stands on.", "/app/"),
    ("cited", "Get an answer from a document of yours", "Ask about something that is written in it.", "/app/"),
)


def _done(session: Session, user_id: str) -> tuple[bool, ...]:
    """In the order of `STEPS`."""
    profile = session.get(Profile, user_id)
    mine = (Document.user_id == user_id, Document.kb == "personal", col(Document.status) != DELETING)
    asked = select(Message.id).join(Conversation, col(Conversation.id) == col(Message.conversation_id))
    asked = asked.where(Conversation.user_id == user_id)
    cited = select(Message.citations).join(Conversation, col(Conversation.id) == col(Message.conversation_id))
    cited = (
        cited.where(Conversation.user_id == user_id, Message.role == "assistant").order_by(col(Message.id)).limit(500)
    )
    document = session.exec(select(Document.id).where(*mine).limit(1)).first() is not None
    question = session.exec(asked.where(Message.role == "user").limit(1)).first() is not None
    own = question and any(one.get("kb") == "personal" for row in session.exec(cited) for one in row)
    return (profile is not None and any(getattr(profile, name) for name in FIELDS), document, question, own)
