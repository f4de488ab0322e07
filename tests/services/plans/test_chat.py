"""Without a language model the chat answers about plans by rules, and proposes what a message asks for."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date, timedelta

import pytest

from app.principal import Principal, local_operator
from app.services.plans.shapes import PlanCreate, PlanPublic, PlanUpdate, StepUpdate
from app.services.services import Services
from app.services.shapes import AskRequest, MessagePublic

TARGET = date.today() + timedelta(days=60)


@pytest.fixture
def user(services: Services) -> Principal:
    return local_operator(services.users.register(f"{uuid.uuid4().hex}@example.com", "three chords and the truth").id)


def make(services: Services, user: Principal) -> PlanPublic:
    made = PlanCreate(template="release_single", goal="Release Harbour Lights", target_date=TARGET)
    return asyncio.run(services.plans.create(user, made))


def ask(services: Services, user: Principal, text: str) -> MessagePublic:
    return asyncio.run(services.chat.answer(user, AskRequest(text=text)))


def test_a_change_is_proposed_in_words_and_kept(services: Services, user: Principal) -> None:
    plan = make(services, user)
    later = TARGET + timedelta(days=14)
    message = ask(services, user, "Push the release by two weeks. The artwork is done.")
    assert message.state == "direct"
    assert message.citations == []
    assert f"{later.day} {later:%B %Y} (14 days later)" in message.text
    assert "nothing changes before you accept it" in message.text
    kept = services.plans.proposals(user, message_id=message.id).items
    assert [one.kind for one in kept] == ["move_target", "done"]
    assert services.plans.get(user, plan.id).target_date == TARGET
    for one in kept:
        services.plans.accept(user, plan.id, one.id)
    changed = services.plans.get(user, plan.id)
    assert changed.target_date == later
    assert changed.done == 1


def test_what_is_next_is_told_from_the_plan(services: Services, user: Principal) -> None:
    plan = make(services, user)
    for step in plan.late[:2]:
        services.plans.update_step(user, plan.id, step.step_id, StepUpdate(status="done"))
    message = ask(services, user, "What is next in my plan?")
    assert "2 of 20 steps done" in message.text.replace(str(plan.total), "20")
    left = services.plans.get(user, plan.id)
    assert left.next_step is not None
    assert left.next_step.title in message.text
    services.plans.update(user, plan.id, PlanUpdate(status="done"))
    assert left.next_step.title not in ask(services, user, "What is next in my plan?").text


def test_nobody_hears_of_anothers_plans(services: Services, user: Principal) -> None:
    make(services, user)
    stranger = local_operator(
        services.users.register(f"{uuid.uuid4().hex}@example.com", "three chords and the truth").id
    )
    for text in ("Push the release by two weeks", "What is next in my plan?"):
        message = ask(services, stranger, text)
        assert "Harbour" not in message.text
        assert services.plans.proposals(stranger, message_id=message.id).items == []
    assert services.plans.asked(stranger, None, "Hello").section is None


def test_an_artists_plans_stay_with_the_artist(services: Services, user: Principal) -> None:
    one, other = (services.artists.create(user, name).id for name in ("One", "Other"))
    made = PlanCreate(template="release_single", goal="Release Harbour Lights", target_date=TARGET, artist_id=one)
    asyncio.run(services.plans.create(user, made))
    assert services.plans.asked(user, other, "Hello").section is None
    section = services.plans.asked(user, one, "Hello").section
    assert section is not None
    assert "Harbour Lights" in section[1]
