"""What the tests of plans in a browser share: a visitor's plans over REST, and rows that would take a contract to make."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from app.models import READY, Conversation, Document, DocumentInsight, ImportantDate, Message, PlanProposal
from app.services.insight.reading import STAMP
from tests.api.conftest import Api
from tests.ui.chromium import Visitor

QUOTE = "Masters shall be delivered no later than two hundred (200) days before the release date."


def in_days(days: int) -> date:
    return date.today() + timedelta(days=days)


def call(person: Visitor, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """A request of `person` with the session cookie; the JSON of the answer, which must be a good one."""
    answer = person.page.request.fetch(
        f"{person.url}/api{path}", method=method, data=body, headers={"origin": person.url}
    )
    assert answer.ok, answer.text()
    return answer.json() if answer.status != 204 else None


def make_plan(person: Visitor, days: int = 120, **fields: Any) -> dict[str, Any]:
    body = {"template": "release_single", "goal": "Reach more listeners", "target_date": in_days(days).isoformat()}
    plan: dict[str, Any] = call(person, "POST", "/plans", {**body, **fields})
    return plan


def add_contract(site: Api, person: Visitor) -> str:
    """A contract that asks for delivery 200 days ahead, as reading it would leave it; its id."""
    fact = {
        "kind": "delivery_lead_time", "name": "Delivery", "value": "200 days", "days": 200, "page": 3, "start": 0, "end": len(QUOTE),
        "quote": QUOTE, "by": "rules",
    }  # fmt: skip
    with site.services.db.session() as session:
        paper = Document(
            kb="personal", user_id=person.user.id, title="Distribution agreement", filename="a.txt", suffix=".txt",
            status=READY, pages=3, chunks=1,
        )  # fmt: skip
        session.add(paper)
        session.flush()
        session.add(
            DocumentInsight(
                document_id=paper.id, version=paper.version, stamp=f"{STAMP}.rules", kind="distribution", facts=[fact]
            )
        )
        return paper.id


def add_date(site: Api, person: Visitor, label: str, days: int, **more: Any) -> str:
    """A date that waits to be confirmed; its id."""
    with site.services.db.session() as session:
        row = ImportantDate(user_id=person.user.id, key=label, label=label, day=in_days(days), **more)
        session.add(row)
        return row.id


def add_answer(site: Api, person: Visitor, question: str) -> tuple[str, int]:
    """A conversation of one question and its answer; the ids of both, the answer's as its message."""
    with site.services.db.session() as session:
        place = Conversation(user_id=person.user.id, title=question[:50])
        session.add(place)
        session.flush()
        session.add(Message(conversation_id=place.id or 0, role="user", text=question))
        session.flush()
        answer = Message(conversation_id=place.id or 0, role="assistant", text="Begin with the master.", state="direct")
        session.add(answer)
        session.flush()
        return str(place.id), answer.id or 0


def propose(site: Api, plan: dict[str, Any], step: dict[str, Any], message_id: int | None = None) -> str:
    """That `step` be put three days later; the proposal's id."""
    due = date.fromisoformat(step["due"]) + timedelta(days=3)
    with site.services.db.session() as session:
        row = PlanProposal(
            plan_id=plan["id"], message_id=message_id, kind="move_step", step_key=step["key"],
            change={"due": due.isoformat()}, reason="You asked for more time.",
        )  # fmt: skip
        session.add(row)
        return row.id
