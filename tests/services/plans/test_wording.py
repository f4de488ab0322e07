"""The language model words a plan within its structure: it writes no day, and whatever it gets wrong leaves the template."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from app.principal import Principal, local_operator
from app.services.plans.fences import FenceFilter
from app.services.plans.making import draft_plan
from app.services.plans.shapes import PlanCreate, PlanPublic
from app.services.plans.templates import templates
from app.services.plans.wording import Wording, word
from app.services.profiles import ProfileShape
from app.services.services import Services
from app.services.shapes import AskRequest, MessagePublic
from tests.openai_replies import default_reply
from tests.openai_server import OpenAIServer

TARGET = date.today() + timedelta(days=200)
World = tuple[Services, OpenAIServer]


@pytest.fixture
def world(services_with_model: World) -> Iterator[World]:
    services_with_model[1].script()
    yield services_with_model
    services_with_model[1].script()


@pytest.fixture
def user(world: World) -> Principal:
    return local_operator(world[0].users.register(f"{uuid.uuid4().hex}@example.com", "three chords and the truth").id)


def make(world: World, user: Principal, goal: str = "Release our next single") -> PlanPublic:
    made = PlanCreate(template="release_single", goal=goal, target_date=TARGET)
    return asyncio.run(world[0].plans.create(user, made))


def days(plan: PlanPublic) -> dict[str, date]:
    return {step.key: step.due for step in plan.steps}


def reply(**said: Any) -> str:
    return f"Here it is:\n```json\n{json.dumps(said)}\n```"


def test_words_and_choice_are_the_models_days_are_not(world: World, user: Principal) -> None:
    services, server = world
    server.script("I would rather talk.")
    plain = make(world, user)
    server.script(
        reply(
            steps=[
                {"key": "press", "title": "Send the single to dub radio", "reason": "Dub radio plays it first."},
                {"key": "pitch", "title": "Pitch it on 3 March"},
                {"key": "clips", "reason": "You have 14 days for it."},
                {"key": "nowhere", "title": "Nothing"},
            ],
            leave_out=["second_wave", "deliver", "release"],
            bring_in=["video", "nowhere"],
            add=[
                {
                    "title": "Ask the sound system crew to play it",
                    "reason": "They are the audience.",
                    "before": "press",
                },
                {"title": "Pay 500 euros", "reason": "So.", "before": "press"},
            ],
        )
    )
    worded = make(world, user)
    steps = {step.key: step for step in worded.steps}
    assert worded.written_by == "model"
    assert steps["press"].title == "Send the single to dub radio"
    before = {step.key: step for step in plain.steps}
    assert steps["pitch"].title == before["pitch"].title, "it named a day"
    assert steps["clips"].reason == before["clips"].reason, "it named days that nobody told it"
    assert "second_wave" not in steps
    assert {"deliver", "release", "video"} <= set(steps), "what contracts are measured by stays"
    added = [step for step in worded.steps if step.by == "model"]
    assert [step.title for step in added] == ["Ask the sound system crew to play it"]
    assert added[0].due == steps["press"].due
    assert added[0].key in steps["press"].depends_on
    same = {key: day for key, day in days(worded).items() if key in days(plain)}
    assert same == {key: day for key, day in days(plain).items() if key in same}
    assert all(steps[key].due <= step.due for step in worded.steps for key in step.depends_on)


@pytest.mark.parametrize(
    "behaviour",
    [
        {"reply": "I would rather talk."}, {"reply": "{}"}, {"reply": '{"steps": "none"}'}, {"status": 500, "times": 9},
        {"garbage": True}, {"empty": True}, {"reply": '{"steps": [{"key": 5}]}'},
    ],
)  # fmt: skip
def test_whatever_fails_leaves_the_template(world: World, user: Principal, behaviour: dict[str, Any]) -> None:
    world[1].script(**behaviour)
    plan = make(world, user)
    words, _ = draft_plan(templates()["release_single"], "Release our next single", TARGET, ProfileShape())
    assert [(step.key, step.title, step.reason, step.due) for step in plan.steps] == [
        (step.key, step.title, step.reason, step.due) for step in sorted(words.steps, key=lambda one: one.due)
    ]
    assert plan.written_by == "template"


def test_the_model_is_told_the_goal_and_no_days(world: World, user: Principal) -> None:
    world[0].profiles.put(user, ProfileShape(genres="Dub", bio="Two people and a drum machine."))
    make(world, user, "Release “Harbour Lights” quietly")
    said = world[1].chats[-1].body["messages"]
    assert "Harbour Lights" in said[1]["content"]
    assert "drum machine" in said[1]["content"]
    assert TARGET.isoformat() not in said[1]["content"]
    assert "do not do it" in said[0]["content"]


def test_at_most_a_quarter_is_left_out() -> None:
    draft, others = draft_plan(templates()["marketing_campaign"], "", TARGET, ProfileShape())
    count = len(draft.steps)
    every = [step.key for step in draft.steps]
    left = word(draft, Wording(leave_out=every), others, "")
    assert count - int(count * 0.25) <= len(left.steps) < count
    keys = {step.key for step in left.steps}
    assert all(set(step.needs) <= keys for step in left.steps)


# The chat


def ask(world: World, user: Principal, text: str) -> MessagePublic:
    return asyncio.run(world[0].chat.answer(user, AskRequest(text=text)))


def block(*changes: dict[str, Any]) -> str:
    return f"I propose this.\n```plan-changes\n{json.dumps(changes)}\n```\nTell me what you think."


def test_the_chat_knows_the_plans_and_what_it_proposes_is_kept_apart(world: World, user: Principal) -> None:
    services, server = world
    plan = make(world, user)
    ref = plan.id[:8]
    server.script(
        block(
            {"plan": ref, "kind": "move_step", "step": "press", "days": -7, "reason": "Radio asks for more time."},
            {"plan": ref, "kind": "done", "step": "artwork"},
            {"plan": ref, "kind": "move_target", "date": "2031-01-01"},
            {"plan": "00000000", "kind": "done", "step": "press"},
            {"plan": ref, "kind": "burn", "step": "press"},
            {"plan": ref, "kind": "done", "step": "nowhere"},
            {"plan": ref, "kind": "move_step", "step": "press", "days": 99999},
        )
    )
    message = ask(world, user, "Hello, thank you! How are you?")
    assert "plan-changes" not in message.text
    assert message.text.startswith("I propose this.")
    assert message.text.endswith("Tell me what you think.")
    prompt = server.chats[-1].body["messages"][-1]["content"]
    assert "The user's open plans" in prompt
    assert ref in prompt
    assert "press: Send the single to radio and press; due" in prompt
    kept = services.plans.proposals(user, message_id=message.id).items
    assert [(one.kind, one.step_title) for one in kept] == [
        ("move_step", "Send the single to radio and press"),
        ("done", "Finish the artwork and get the permission for pictures in writing"),
    ]
    assert kept[0].change == {"due": (TARGET - timedelta(days=42)).isoformat()}
    assert kept[0].reason == "Radio asks for more time."
    assert services.plans.get(user, plan.id).steps == plan.steps
    other = local_operator(services.users.register(f"{uuid.uuid4().hex}@example.com", "three chords and the truth").id)
    ask(world, other, "Hello, thank you! How are you?")
    assert ref not in json.dumps(server.chats[-1].body)


def test_a_day_that_the_user_named_may_be_proposed(world: World, user: Principal) -> None:
    plan = make(world, user)
    day = (TARGET + timedelta(days=21)).isoformat()
    world[1].script(block({"plan": plan.id[:8], "kind": "move_target", "date": day}))
    message = ask(world, user, f"Would {day} be a nicer day for the release?")
    assert [one.change for one in world[0].plans.proposals(user, message_id=message.id).items] == [{"target_date": day}]


def test_the_rules_propose_too(world: World, user: Principal) -> None:
    plan = make(world, user)
    world[1].script(default_reply)
    message = ask(world, user, "Push the release by two weeks")
    [proposal] = world[0].plans.proposals(user, message_id=message.id).items
    assert proposal.change == {"target_date": (TARGET + timedelta(days=14)).isoformat()}
    assert world[0].plans.accept(user, plan.id, proposal.id).target_date == TARGET + timedelta(days=14)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_fenced_block_is_taken_out_of_pieces_of_any_size(size: int) -> None:
    text = 'Yes ``` no\n```python\nx\n```\nthen\n\n```plan-changes\n[{"a": "`b`"}]\n```\nafter ``'
    fence = FenceFilter("plan-changes")
    shown = "".join(fence.feed(text[at : at + size]) for at in range(0, len(text), size)) + fence.flush()
    assert shown.split() == "Yes ``` no ```python x ``` then after ``".split()
    assert fence.blocks == ['[{"a": "`b`"}]']


def test_a_block_that_is_cut_short_is_not_shown() -> None:
    fence = FenceFilter("plan-changes")
    assert fence.feed("Yes.\n```plan-changes\n[{") + fence.flush() == "Yes."
    assert fence.blocks == ["[{"]
