"""The shapes of plans that leave the process (design 6): names here are public and stay."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.models import KB
from app.services.shapes import Id

PlanStatus = Literal["open", "done", "dropped"]
StepStatus = Literal["open", "done", "snoozed", "dropped"]
ProposalStatus = Literal["proposed", "accepted", "declined"]
LONGEST_TITLE, LONGEST_STEP, LONGEST_OWNER, LONGEST_EFFORT = 200, 300, 100, 60  # characters, as the columns
LONGEST_TEXT = 2000  # characters of a goal, a reason or a comment: what anybody reads at once


class Source(BaseModel):
    """What a step or a figure rests on: a passage of a document, or a guideline that anybody can look up."""

    title: str
    heading: str = ""
    quote: str = ""
    kb: KB = "global"
    document_id: Id | None = Field(default=None, description="null where the passage is not among the documents here")
    chunk_id: Id | None = None
    page: int | None = None
    start: int | None = None
    end: int | None = None
    label: str = ""
    url: str | None = Field(default=None, description="of a public guideline")


class Lead(BaseModel):
    """How far from the target date the template puts a step; `days` counts days before it, negative ones after it."""

    days: int
    source: Source


class CommentPublic(BaseModel):
    id: Id
    text: str
    created: datetime


class StepPublic(BaseModel):
    id: Id
    key: str = Field(description="names the step within its plan for ever; `depends_on` holds keys")
    title: str
    due: date
    owner: str
    effort: str
    reason: str
    depends_on: list[str]
    status: StepStatus
    snoozed_until: date | None
    done_at: datetime | None = None
    sources: list[Source]
    unknown: str = Field(description="what must be found out to do it; empty where nothing is")
    lead: Lead | None = Field(default=None, description="null for a step that was added by hand")
    edited: list[str] = Field(description="fields written by hand: nothing else writes them again")
    comments: list[CommentPublic]
    late: bool = Field(description="its day has passed and it is neither done nor dropped")
    days_left: int
    by: Literal["template", "hand", "model"] = Field(default="template", description="who brought the step in")


class LateStep(BaseModel):
    step_id: Id
    key: str
    title: str
    due: date
    days: int = Field(description="how many days ago it was due")


class PlanConflict(BaseModel):
    """A clause of one's own documents that the plan breaks. Computed, not legal advice."""

    step_id: Id | None
    kind: str
    text: str
    document_id: Id
    title: str
    page: int
    quote: str
    start: int | None = None
    end: int | None = None
    needed: date | None = Field(default=None, description="the day on which the step would keep to the clause")


class PlanWarning(BaseModel):
    """What was changed by hand and does not fit any more: a step before what it needs, a day outside its window."""

    step_id: Id | None
    text: str


class BudgetRow(BaseModel):
    item: str
    share: int = Field(description="percent of the whole, as a starting point")
    amount: str | None = Field(default=None, description="of the budget named in the goal, computed; decimal")
    note: str = ""


class Budget(BaseModel):
    total: str | None = Field(default=None, description="the sum that the goal names; decimal")
    currency: str | None = None
    rows: list[BudgetRow]
    source: Source | None = None
    note: str = ""


class PlanRow(BaseModel):
    """A plan in a list, without its steps."""

    id: Id
    title: str
    template: str
    goal: str
    target_date: date
    artist_id: Id | None
    status: PlanStatus
    progress: float = Field(description="0 to 1: done steps among those that were not dropped")
    done: int
    total: int
    overdue: int
    next_step: LateStep | None = Field(
        default=None, description="the open step that is due first; `days` below 0 is ahead"
    )
    days_left: int
    created: datetime
    updated: datetime


class PlanPublic(PlanRow):
    target: str = Field(default="", description="what the target date is, such as `Release day`")
    written_by: Literal["template", "model"] = "template"
    notes: list[str] = Field(default_factory=list, description="how the plan came about, one sentence each")
    late: list[LateStep]
    conflicts: list[PlanConflict]
    warnings: list[PlanWarning]
    unknowns: list[str]
    budget: Budget | None
    steps: list[StepPublic]


class MovedStep(BaseModel):
    step_id: Id
    title: str
    before: date
    after: date
    late: bool


class PlanPreview(BaseModel):
    """What another target date would do; nothing is written."""

    target_date: date
    days: int = Field(description="by how many the target moves; below 0: earlier")
    moves: list[MovedStep]
    stays: list[MovedStep] = Field(description="done, dropped, or dated by hand")
    late: list[LateStep]
    conflicts: list[PlanConflict]
    warnings: list[PlanWarning]


class TemplateStepPublic(BaseModel):
    key: str
    title: str
    owner: str
    effort: str
    reason: str
    depends_on: list[str]
    optional: bool = Field(description="enters a plan when its goal or profile speaks of it")
    lead: Lead


class TemplatePublic(BaseModel):
    id: str
    title: str
    summary: str
    goal: str = Field(description="an example, and the goal of a plan made without one")
    target: str
    days_before: int = Field(description="how far before the target date the first step lies")
    days_after: int
    budget: bool
    steps: list[TemplateStepPublic]


class TemplatesPublic(BaseModel):
    """All of them, in one page."""

    items: list[TemplatePublic]
    next: None = None


class PlanCreate(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"template": "release_single", "goal": "Release our next single", "target_date": "2027-04-16"}
        }
    )
    template: str = Field(min_length=1, max_length=60)
    goal: str = Field(default="", max_length=LONGEST_TEXT)
    target_date: date
    artist_id: Id | None = None
    title: str | None = Field(default=None, max_length=LONGEST_TITLE)


class PlanUpdate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"target_date": "2027-05-07"}})
    title: str | None = Field(default=None, min_length=1, max_length=LONGEST_TITLE)
    goal: str | None = Field(default=None, max_length=LONGEST_TEXT)
    target_date: date | None = Field(default=None, description="moves every open step that was not dated by hand")
    status: PlanStatus | None = None


class StepUpdate(BaseModel):
    """What is left out stays. `snoozed_until` null wakes a snoozed step."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "done"}})
    title: str | None = Field(default=None, min_length=1, max_length=LONGEST_STEP)
    due: date | None = None
    owner: str | None = Field(default=None, max_length=LONGEST_OWNER)
    effort: str | None = Field(default=None, max_length=LONGEST_EFFORT)
    reason: str | None = Field(default=None, max_length=LONGEST_TEXT)
    status: StepStatus | None = None
    snoozed_until: date | None = None


class StepCreate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"title": "Book the rehearsal room", "due": "2027-03-01"}})
    title: str = Field(min_length=1, max_length=LONGEST_STEP)
    due: date | None = Field(default=None, description="left out: the target date, and it moves with it")
    owner: str = Field(default="", max_length=LONGEST_OWNER)
    effort: str = Field(default="", max_length=LONGEST_EFFORT)
    reason: str = Field(default="", max_length=LONGEST_TEXT)


class CommentCreate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"text": "The studio can only do Tuesdays."}})
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)


class ProposalPublic(BaseModel):
    """One change that the chat proposes; `text` says it in a sentence. Nothing of it holds before it is accepted."""

    id: Id
    plan_id: Id
    plan_title: str
    message_id: Id | None
    kind: str
    step_id: Id | None
    step_title: str | None
    text: str
    change: dict[str, Any]
    reason: str
    status: ProposalStatus
    created: datetime


class Deadline(BaseModel):
    """Something due: an open step of a plan, or a date of a document that the user confirmed."""

    kind: Literal["step", "date"]
    id: Id
    plan_id: Id | None = None
    plan_title: str | None = None
    document_id: Id | None = None
    title: str
    day: date
    days_left: int = Field(description="below 0: so many days ago")
    overdue: bool
    artist_id: Id | None = None
    owner: str = ""
    page: int | None = None
    quote: str | None = None
    rule: str | None = None


class DeadlinesPublic(BaseModel):
    items: list[Deadline] = Field(description="what is overdue first, then by day")
    overdue: int
    next: Deadline | None = Field(default=None, description="the first that is not overdue")
    days: int
