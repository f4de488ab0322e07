"""Plan templates: YAML files beside this module. A new template is one more file.

`days` of a step counts from the target date (negative: before it), so does its `window` [earliest, latest]. The figure is
from `source`, an entry of the file's `sources`: a passage of the starter knowledge base, quoted word for word, or a public
guideline with its address.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.errors import NotFound
from app.services.plans.shapes import Lead, Source, TemplatePublic, TemplateStepPublic

FOLDER = Path(__file__).parent / "templates"
# Topics of the starter knowledge base that figures are from -> their titles.
TOPICS = {
    "audience-growth": "Audience growth: how to build a fanbase that lasts",
    "career-development": "Career development: artist path, 12-month plan, income and markets",
    "contracts": "Recording contracts: deal types and what the clauses mean",
    "distribution": "Digital distribution: fees, codes, delivery and content identification",
    "marketing": "Music marketing: audience, channels, playlists and budget",
    "networking-and-events": "Industry events and networking: choosing, preparing and following up",
    "management-and-commissions": "Artist management: commission, term, sunset clauses and the team",
    "press-kit": "Press kit: what belongs in an EPK and how to send it",
    "producers": "Producers: fees, points, beat licences and pricing",
    "publishing": "Music publishing: deal types, shares and reversion",
    "release-planning": "Release planning: timelines, checklists and release week",
    "rights-organisations": "Rights organisations: PROs, CMOs, The MLC, SoundExchange and PPL",
    "team-and-hiring": "Team building: which team members to hire and when",
    "touring": "Touring: deals, budgets, merchandise, tax and permits",
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TemplateSource(_Part):
    """A passage of `topic`, a file of data/seed; or a public guideline, by its title and address."""

    topic: str | None = None
    heading: str = ""
    quote: str = ""
    title: str = ""
    url: str | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.topic is not None and not (self.topic in TOPICS and self.heading and self.quote and not self.url):
            raise ValueError("a passage of the starter knowledge is named by topic, heading and quote")
        if self.topic is None and not (self.title and self.url):
            raise ValueError("a guideline is named by title and address")
        return self


class TemplateStep(_Part):
    """`when`: words of the goal or profile that bring an optional step in. `marks` say what the step is to a contract."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")
    title: str
    days: int
    window: tuple[int, int]
    owner: str
    effort: str
    reason: str
    source: str
    needs: tuple[str, ...] = ()
    search: str = ""
    unknown: str = ""
    known_when: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


class TemplateBudgetRow(_Part):
    item: str
    share: int = Field(ge=1, le=100)
    note: str = ""


class TemplateBudget(_Part):
    source: str
    note: str = ""
    rows: tuple[TemplateBudgetRow, ...]


class Template(_Part):
    id: str
    title: str
    summary: str
    goal: str
    target: str
    needs_profile: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()
    sources: dict[str, TemplateSource]
    budget: TemplateBudget | None = None
    steps: tuple[TemplateStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        """Whatever a template gets wrong stops the first start with it, not somebody's plan."""
        seen: dict[str, TemplateStep] = {}
        for step in self.steps:
            if step.key in seen:
                raise ValueError(f"two steps are called {step.key}")
            if not step.window[0] <= step.days <= step.window[1]:
                raise ValueError(f"{step.key} lies outside its window")
            if step.source not in self.sources:
                raise ValueError(f"{step.key} names no source of this file")
            for key in step.needs:
                if key not in seen:
                    raise ValueError(f"{step.key} needs {key}, which does not stand before it")
                if seen[key].days > step.days:
                    raise ValueError(f"{step.key} is due before {key}, which it needs")
            seen[step.key] = step
        if all(step.when for step in self.steps):
            raise ValueError("a template needs a step that is always in the plan")
        if self.budget is not None:
            if self.budget.source not in self.sources:
                raise ValueError("the budget names no source of this file")
            if sum(row.share for row in self.budget.rows) != 100:
                raise ValueError("the shares of the budget do not add up to 100")
        return self


@cache
def templates() -> dict[str, Template]:
    """Every template by its id, in the order of their files' names."""
    found = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        template = Template.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        if template.id != file.stem:
            raise ValueError(f"{file.name} calls itself {template.id}")
        found[template.id] = template
    return found


def template(template_id: str) -> Template:
    """Raises `NotFound` with the ids there are."""
    if (found := templates().get(template_id)) is None:
        raise NotFound(f"There is no such plan template; choose one of {', '.join(templates())}.")
    return found


def chosen_steps(chosen: Template, about: str) -> list[TemplateStep]:
    """The steps of a plan whose goal and profile are `about`: the optional ones when a word of theirs occurs in it.

    What needed a step that stays out needs what that one needed.
    """
    said = f" {' '.join(about.casefold().split())} "
    kept: list[TemplateStep] = []
    instead: dict[str, tuple[str, ...]] = {}
    for step in chosen.steps:
        needs = tuple(dict.fromkeys(other for key in step.needs for other in instead.get(key, (key,))))
        if step.when and not any(word.casefold() in said for word in step.when):
            instead[step.key] = needs
        else:
            kept.append(step.model_copy(update={"needs": needs}))
    return kept


def as_source(source: TemplateSource) -> Source:
    title = TOPICS[source.topic] if source.topic else source.title
    return Source(title=title, heading=source.heading, quote=source.quote, url=source.url)


def lead_of(chosen: Template, step: TemplateStep) -> Lead:
    return Lead(days=-step.days, source=as_source(chosen.sources[step.source]))


def template_public(chosen: Template) -> TemplatePublic:
    days = [step.days for step in chosen.steps]
    steps = [
        TemplateStepPublic(
            key=step.key, title=step.title, owner=step.owner, effort=step.effort, reason=step.reason,
            depends_on=list(step.needs), optional=bool(step.when), lead=lead_of(chosen, step),
        )
        for step in chosen.steps
    ]  # fmt: skip
    return TemplatePublic(
        id=chosen.id, title=chosen.title, summary=chosen.summary, goal=chosen.goal, target=chosen.target,
        days_before=max(0, -min(days)), days_after=max(0, max(days)), budget=chosen.budget is not None, steps=steps,
    )  # fmt: skip
