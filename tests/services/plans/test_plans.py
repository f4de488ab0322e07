"""The service of plans over real services: what a plan rests on, what contracts say against it, what nothing overwrites."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from app.config import SEED_DIR
from app.errors import Conflict, NotFound
from app.models import ACCEPTED, READY, AuditEvent, Document, DocumentInsight, ImportantDate, PlanProposal, PlanStep
from app.principal import Principal, local_operator, system
from app.services.plans.changes import Change
from app.services.plans.proposals import keep_proposals
from app.services.plans.shapes import CommentCreate, PlanCreate, PlanPublic, PlanUpdate, StepCreate, StepUpdate
from app.services.profiles import ProfileShape
from app.services.services import Services

TARGET = date.today() + timedelta(days=200)
CLAUSE = "The Distributor asks for delivery of audio, artwork and metadata at least sixty days before the release date."


@pytest.fixture
def user(services: Services) -> Principal:
    return new_user(services)


def new_user(services: Services) -> Principal:
    return local_operator(services.users.register(f"{uuid.uuid4().hex}@example.com", "three chords and the truth").id)


def make(services: Services, user: Principal, **fields: Any) -> PlanPublic:
    made = {"template": "release_single", "goal": "Release our next single", "target_date": TARGET, **fields}
    return asyncio.run(services.plans.create(user, PlanCreate.model_validate(made)))


def contract(services: Services, user: Principal, artist_id: str | None = None, **fact: Any) -> str:
    """A contract of the user's, read, with one fact."""
    kept = services.documents.note(user, "Label deal", f"{CLAUSE} The term is three years.", artist_id)
    services.ingestion.run_all()
    plain = {"kind": "delivery_lead_time", "name": "Delivery before release", "value": "60 days before release", "page": 1,
             "start": 0, "end": len(CLAUSE), "quote": CLAUSE, "by": "rules"}  # fmt: skip
    with services.db.session() as session:
        document = session.get_one(Document, kept.id)
        assert document.status == READY
        session.add(
            DocumentInsight(
                document_id=kept.id, version=1, stamp="t", kind="recording", facts=[{**plain, "days": 60, **fact}]
            )
        )
    return kept.id


def without_ids(plan: PlanPublic) -> dict[str, Any]:
    shown = plan.model_dump(mode="json", exclude={"id", "created", "updated", "next_step"})
    for step in shown["steps"]:
        del step["id"]
    return shown


def test_the_same_input_makes_the_same_plan(services: Services, user: Principal) -> None:
    contract(services, user)
    one, other = make(services, user), make(services, user)
    one.conflicts = other.conflicts = []  # they name the steps by their ids
    assert without_ids(one) == without_ids(other)


def test_a_step_rests_on_the_seed_passage_and_on_own_documents(services: Services, user: Principal) -> None:
    with (SEED_DIR / "release-planning.md").open("rb") as source:
        title = "Release planning: timelines, checklists and release week"
        services.documents.receive(
            system("seed"), kb="global", filename="release-planning.md", source=source, title=title
        )
    document = contract(services, user)
    plan = make(services, user)
    deliver = next(step for step in plan.steps if step.key == "deliver")
    assert deliver.lead is not None
    lead = deliver.lead.source
    assert (lead.kb, deliver.lead.days) == ("global", 42)
    page = services.documents.get(user, lead.document_id or "")
    assert page.title == lead.title
    assert lead in deliver.sources
    own = [source for source in deliver.sources if source.kb == "personal"]
    assert [source.document_id for source in own] == [document]
    assert "sixty days" in own[0].quote
    with services.db.reading() as session:
        rows = session.exec(
            select(AuditEvent).where(AuditEvent.object_id == plan.id, AuditEvent.action == "plan.sources")
        ).all()
        assert document in {read["document_id"] for read in rows[0].reads}
    services.documents.delete(user, document)
    again = services.plans.get(user, plan.id)
    assert "sixty" not in again.model_dump_json(), "what was deleted is quoted nowhere"
    assert again.conflicts == []


def test_a_plan_names_the_clause_that_it_breaks(services: Services, user: Principal) -> None:
    document = contract(services, user)
    plan = make(services, user)
    [conflict] = plan.conflicts
    assert (conflict.document_id, conflict.page, conflict.quote) == (document, 1, CLAUSE)
    assert conflict.needed == TARGET - timedelta(days=60)
    step = next(step for step in plan.steps if step.id == conflict.step_id)
    assert step.key == "deliver"
    assert make(services, new_user(services)).conflicts == [], "nobody else's contract counts"
    mended = services.plans.update_step(user, plan.id, step.id, StepUpdate(due=conflict.needed))
    assert mended.conflicts == []
    assert any("before “" in warning.text for warning in mended.warnings), "now it lies before what it needs"
    services.documents.update(user, document, standing="superseded")
    assert services.plans.get(user, make(services, user).id).conflicts == []


def test_another_artists_contract_is_not_read(services: Services, user: Principal) -> None:
    one, other = (services.artists.create(user, name).id for name in ("One", "Other"))
    contract(services, user, other)
    assert make(services, user, artist_id=one).conflicts == []
    assert "sixty days" not in make(services, user, artist_id=one).model_dump_json()
    assert len(make(services, user, artist_id=other).conflicts) == 1
    assert len(make(services, user).conflicts) == 1, "a plan for all artists is checked against all"


def test_a_clause_that_tells_too_little_is_an_open_question(services: Services, user: Principal) -> None:
    contract(services, user, kind="option_window", days=None)
    plan = make(services, user)
    assert plan.conflicts == []
    assert any("gives an option" in text for text in plan.unknowns)


def test_profile_and_goal_choose_steps_and_name_what_is_unknown(services: Services, user: Principal) -> None:
    bare = make(services, user)
    assert any("who listens" in text for text in bare.unknowns)
    assert "video" not in {step.key for step in bare.steps}
    services.profiles.put(user, ProfileShape(role="manager", audience="Night people", genres="Dub"))
    known = make(services, user, goal="Release a single with a video and a sample, for 2,000 euros")
    assert not any("who listens" in text for text in known.unknowns)
    assert {"video", "samples"} <= {step.key for step in known.steps}
    assert "manager" in {step.owner for step in known.steps}
    assert "manager" not in {step.owner for step in bare.steps}, "nobody has one by default"
    assert known.budget is not None
    assert (known.budget.total, known.budget.currency) == ("2000.00", "EUR")


def test_what_was_written_by_hand_stays(services: Services, user: Principal) -> None:
    plan = make(services, user)
    step = next(step for step in plan.steps if step.key == "press")
    due = step.due - timedelta(days=3)
    services.plans.update_step(user, plan.id, step.id, StepUpdate(title="Write to radio", due=due, owner="Me"))
    services.plans.comment(user, plan.id, step.id, CommentCreate(text="By post."))
    moved = services.plans.update(user, plan.id, PlanUpdate(target_date=TARGET + timedelta(days=30)))
    kept = next(one for one in moved.steps if one.id == step.id)
    assert (kept.title, kept.due, kept.owner, kept.edited) == ("Write to radio", due, "Me", ["title", "due", "owner"])
    assert [comment.text for comment in kept.comments] == ["By post."]
    added = services.plans.add_step(user, plan.id, StepCreate(title="Print posters"))
    own = next(one for one in added.steps if one.title == "Print posters")
    assert own.due == moved.target_date
    again = services.plans.update(user, plan.id, PlanUpdate(target_date=TARGET))
    assert next(one for one in again.steps if one.id == own.id).due == TARGET, "no day was chosen by hand"
    assert {one.due - two.due for one, two in zip(again.steps, plan.steps, strict=False) if one.key == two.key} <= {
        timedelta(0), timedelta(days=-3),
    }  # fmt: skip


def test_a_snoozed_step_sleeps_until_its_day(services: Services, user: Principal) -> None:
    plan = make(services, user, target_date=date.today() + timedelta(days=20))
    late = plan.late[0]
    asleep = services.plans.update_step(
        user, plan.id, late.step_id, StepUpdate(snoozed_until=date.today() + timedelta(days=2))
    )
    assert late.step_id not in {one.step_id for one in asleep.late}
    assert late.step_id not in {one.id for one in services.plans.deadlines(user).items}
    with services.db.session() as session:
        session.get_one(PlanStep, late.step_id).snoozed_until = date.today()
    awake = services.plans.get(user, plan.id)
    assert late.step_id in {one.step_id for one in awake.late}
    assert next(one for one in awake.steps if one.id == late.step_id).status == "open"
    woken = services.plans.update_step(
        user, plan.id, asleep.steps[-1].id, StepUpdate(snoozed_until=date.today() + timedelta(days=9))
    )
    woken = services.plans.update_step(user, plan.id, asleep.steps[-1].id, StepUpdate(snoozed_until=None))
    assert woken.steps[-1].status == "open"


def test_deadlines_hold_open_steps_and_confirmed_dates(services: Services, user: Principal) -> None:
    plan = make(services, user, target_date=date.today() + timedelta(days=30))
    with services.db.session() as session:
        for name, status, days in (("Confirmed", ACCEPTED, 5), ("Proposed", "proposed", 5), ("Past", ACCEPTED, -5)):
            day = date.today() + timedelta(days=days)
            session.add(
                ImportantDate(user_id=user.user_id, key=name, label=name, day=day, status=status, quote="The clause.")
            )
    found = services.plans.deadlines(user, days=60)
    dates = [one for one in found.items if one.kind == "date"]
    assert [(one.title, one.days_left, one.quote) for one in dates] == [("Confirmed", 5, "The clause.")]
    assert found.overdue == len(plan.late) == sum(one.overdue for one in found.items)
    assert found.next is not None
    assert found.next.day >= date.today()
    assert [one.title for one in services.plans.deadlines(new_user(services)).items] == []
    services.plans.update(user, plan.id, PlanUpdate(status="dropped"))
    assert [one.title for one in services.plans.deadlines(user).items] == ["Confirmed"]


def propose(services: Services, user: Principal, *changes: Change) -> list[str]:
    with services.db.session() as session:
        keep_proposals(session, user.user_id, None, changes)
    with services.db.reading() as session:
        rows = session.exec(select(PlanProposal).order_by(col(PlanProposal.created))).all()
        return [row.id for row in rows if row.plan_id in {change.plan_id for change in changes}]


def test_proposals_are_accepted_one_by_one(services: Services, user: Principal) -> None:
    plan = make(services, user)
    later = (TARGET + timedelta(days=14)).isoformat()
    ids = propose(
        services, user, Change(plan.id, "move_target", None, {"target_date": later}), Change(plan.id, "done", "artwork"),
        Change(plan.id, "add_step", None, {"title": "Order stickers"}, "They sell."), Change(plan.id, "drop", "press"),
    )  # fmt: skip
    texts = [one.text for one in services.plans.proposals(user, plan.id).items]
    assert "14 days later" in texts[0]
    assert services.plans.get(user, plan.id) == plan, "nothing holds before it is accepted"
    moved = services.plans.accept(user, plan.id, ids[0])
    assert moved.target_date.isoformat() == later
    assert [one.status for one in services.plans.proposals(user, plan.id).items] == ["accepted", *["proposed"] * 3]
    services.plans.accept(user, plan.id, ids[1])
    added = services.plans.accept(user, plan.id, ids[2])
    assert next(step for step in added.steps if step.key == "artwork").status == "done"
    assert next(step for step in added.steps if step.title == "Order stickers").reason == "They sell."
    assert services.plans.decline(user, plan.id, ids[3]).status == "declined"
    assert next(step for step in added.steps if step.key == "press").status == "open"
    with pytest.raises(Conflict):
        services.plans.accept(user, plan.id, ids[3])


def test_a_proposal_is_nobody_elses_and_is_kept_once(services: Services, user: Principal) -> None:
    plan, stranger = make(services, user), new_user(services)
    other = make(services, stranger)
    [proposal] = propose(services, user, Change(plan.id, "done", "artwork"))
    for plan_id in (plan.id, other.id):
        with pytest.raises(NotFound):
            services.plans.accept(stranger, plan_id, proposal)
    assert propose(services, stranger, Change(plan.id, "done", "press")) == [proposal], "not for another's plan"
    assert len(propose(services, user, Change(plan.id, "done", "artwork"))) == 1, "the same thing is proposed once"
    assert services.plans.proposals(stranger).items == []
    step = next(step for step in plan.steps if step.key == "artwork")
    services.plans.delete_step(user, plan.id, step.id)
    [again] = [one.id for one in services.plans.proposals(user, plan.id).items]
    with pytest.raises(Conflict):
        services.plans.accept(user, plan.id, again)


def test_a_proposal_that_repeats_a_document_goes_with_it(services: Services, user: Principal) -> None:
    document, plan = contract(services, user), make(services, user)
    own = Change(plan.id, "drop", "press", {}, "It is too much work for now.")
    propose(services, user, Change(plan.id, "done", "artwork", {}, f"It says: {CLAUSE}"), own)
    services.documents.delete(user, document)
    assert [one.kind for one in services.plans.proposals(user, plan.id).items] == ["drop"]
