"""What the chat page's script says of the page beside a question: ids and numbers, for the services to judge."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from app.services.shapes import Id

LISTED = 50  # conversations shown at first, and more at each "Show older"
SHOWN = 30  # messages shown at first, and more at each "Show earlier"; the whole list is compared at every update
MOST = 600  # of either

DocumentId = Annotated[str, Field(max_length=64)]


class Said(BaseModel):
    """Read from JSON. Whose the conversation and the others are, is asked of the services every time."""

    conversation: Id | None = None
    artist: Id | None = None
    documents: list[DocumentId] = Field(default_factory=list, max_length=200)
    replaces: Id | None = None
    typed: bool = True  # the question stands in the composer, which is emptied when it is taken
    find: str = Field(default="", max_length=200)
    listed: int = Field(default=LISTED, ge=1, le=MOST)
    shown: int = Field(default=SHOWN, ge=1, le=MOST)
    offset: int = Field(default=0, ge=-900, le=900)  # minutes from the browser's clock to UTC

    @classmethod
    def read(cls, text: str | None) -> Said:
        return cls.model_validate_json(text or "{}")
