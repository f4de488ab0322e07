"""A plan for all artists on paper and behind a link: nothing of one artist's documents leaves with it, in any format."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.errors import Conflict, NotFound
from app.models import PlanStep
from app.principal import Principal
from app.services.exports.formats import FORMATS
from app.services.exports.plan_bounds import quoted_documents
from app.services.exports.shares import ShareRequest
from app.services.plans.shapes import PlanCreate
from app.services.services import Services
from tests.retrievers.library import artist, person, put
from tests.services.exports.papers import every_text, plain_text
from tests.services.plans.test_plans import CLAUSE, TARGET, contract

CANARY = "QUOLLBERRY"
OWN = f"Distribution agreement {CANARY}: deliver the master to the distributor at least sixty days before the release."
ALL = "Distribution agreement for everybody: deliver the master to the distributor at least fifty days before the release."


@pytest.fixture
def lena(services: Services) -> Principal:
    return person(services)


def made(services: Services, lena: Principal, artist_id: str | None = None) -> str:
    request = PlanCreate(template="release_single", goal="", target_date=TARGET, artist_id=artist_id)
    return asyncio.run(services.plans.create(lena, request)).id


def test_a_plan_of_all_artists_leaves_ones_papers_out(services: Services, lena: Principal) -> None:
    ferry = artist(services, lena)
    artist(services, lena, "Other")
    put(services, OWN, title=f"{CANARY} deal", owner=lena, artist_id=ferry)
    put(services, ALL, title="House deal", owner=lena)
    plan = services.plans.get(lena, made(services, lena))
    assert CANARY in plan.model_dump_json()  # its owner sees it in the plan
    for name in FORMATS:
        text = plain_text(services.exports.plan(lena, plan.id, name).data, name)
        assert CANARY not in text, name
    paper = services.exports.plan_paper(lena, plan.id)
    assert "left out of this copy" in " ".join(every_text(paper))
    assert "House deal" in " ".join(every_text(paper))
    _, secret = services.shares.create(lena, ShareRequest(kind="plan", id=plan.id))
    shown = " ".join(every_text(services.shares.open(secret, "203.0.113.9").paper))
    assert CANARY not in shown
    assert "House deal" in shown


def test_a_clause_that_the_plan_breaks_is_left_out_too(services: Services, lena: Principal) -> None:
    ferry = artist(services, lena)
    artist(services, lena, "Other")
    contract(services, lena, ferry, until="2099-01-01", days=190)
    plan = services.plans.get(lena, made(services, lena))
    assert CLAUSE in [one.quote for one in plan.conflicts]
    for name in FORMATS:
        text = plain_text(services.exports.plan(lena, plan.id, name).data, name)
        assert "sixty days before the release date" not in text, name
        assert "Label deal" not in text, name


def test_words_of_theirs_in_a_step_are_left_out_too(services: Services, lena: Principal) -> None:
    ferry = artist(services, lena)
    artist(services, lena, "Other")
    put(services, OWN, title=f"{CANARY} deal", owner=lena, artist_id=ferry)
    plan = services.plans.get(lena, made(services, lena))
    with services.db.session() as session:
        quoting = next(step for step in plan.steps if any(CANARY in one.quote for one in step.sources))
        row = session.get_one(PlanStep, quoting.id)
        row.reason = f"As it says: {OWN}"
        session.add(row)
    assert CANARY not in " ".join(every_text(services.exports.plan_paper(lena, plan.id)))


def test_an_artists_own_plan_and_that_of_somebody_with_one_artist_are_whole(
    services: Services, lena: Principal
) -> None:
    ferry = artist(services, lena)
    put(services, OWN, title=f"{CANARY} deal", owner=lena, artist_id=ferry)
    everybodys = made(services, lena)
    assert CANARY in " ".join(every_text(services.exports.plan_paper(lena, everybodys)))
    artist(services, lena, "Other")
    assert CANARY not in " ".join(every_text(services.exports.plan_paper(lena, everybodys)))
    own = " ".join(every_text(services.exports.plan_paper(lena, made(services, lena, ferry))))
    assert CANARY in own
    assert "left out of this copy" not in own


def test_what_goes_while_a_copy_is_made_is_not_handed_out(
    services: Services, lena: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = put(services, OWN, title=f"{CANARY} deal", owner=lena)
    plan = made(services, lena)
    paper = services.exports.plan_paper(lena, plan)
    assert paper.quotes == {document} == quoted_documents(services.plans.get(lena, plan).model_dump(mode="json"))
    _, secret = services.shares.create(lena, ShareRequest(kind="plan", id=plan))
    services.documents.delete(lena, document)
    monkeypatch.setattr(services.exports, "plan_paper", lambda *_, **__: replace(paper))  # read a moment before
    with pytest.raises(Conflict, match="deleted at this moment"):
        services.exports.plan(lena, plan, "md")
    with pytest.raises(NotFound, match="does not work"):
        services.shares.open(secret, "203.0.113.9")
