from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from sqlmodel import col, select

from app.errors import NotFound, Unauthorized, Unavailable
from app.models import AuditEvent, Document, Trace
from app.principal import Principal, system
from app.services.services import Services
from app.services.shapes import SearchAnswer, SearchRequest
from tests.retrievers.library import artist, change, chunk_ids, person, put

QUESTION = "What commission does my manager take?"
CONTRACT = "The Manager takes a commission of seventeen percent of gross income."
INDUSTRY = "A manager usually takes a commission of fifteen to twenty percent of gross income."


@dataclass
class Scene:
    services: Services
    lena: Principal
    contract: str
    industry: str

    def search(
        self, asker: Principal | None, query: str = QUESTION, scores: bool = False, **values: Any
    ) -> SearchAnswer:
        request = SearchRequest.model_validate({"query": query, **values})
        return asyncio.run(self.services.search.search(asker, request, scores=scores))


@pytest.fixture(scope="module")
def scene(services: Services) -> Scene:
    lena = person(services)
    return Scene(
        services,
        lena,
        contract=put(services, CONTRACT, title="Harbour Lane", owner=lena, standing="signed"),
        industry=put(services, INDUSTRY, title="Managers"),
    )


def found(answer: SearchAnswer) -> set[str]:
    return {hit.document_id for hit in answer.hits}


def test_hits_say_where_they_are_from(scene: Scene) -> None:
    answer = scene.search(scene.lena)
    assert (answer.intent, answer.direct, answer.kbs) == ("personal", False, ["personal", "global"])
    assert answer.missing == []
    assert answer.milliseconds > 0
    [mine] = [hit for hit in answer.hits if hit.document_id == scene.contract]
    assert [mine.chunk_id] == chunk_ids(scene.services, scene.contract)
    assert (mine.title, mine.kb, mine.page, mine.standing) == ("Harbour Lane", "personal", 1, "signed")
    assert (mine.text, mine.start, mine.end) == (CONTRACT, 0, len(CONTRACT))
    assert set(mine.ranks) == {"minilm", "bm25"}
    assert all(rank >= 1 for rank in mine.ranks.values())
    assert scene.industry in found(answer)


def test_scores_stay_inside_unless_asked_for(scene: Scene) -> None:
    assert {hit.score for hit in scene.search(scene.lena).hits} == {None}
    scores = [hit.score for hit in scene.search(scene.lena, scores=True).hits]
    assert all(score is not None and 0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]


def test_a_search_finds_only_ones_own(scene: Scene) -> None:
    stranger = person(scene.services)
    assert scene.contract not in found(scene.search(stranger))
    assert scene.contract not in found(scene.search(stranger, CONTRACT, intent="personal"))
    assert scene.industry in found(scene.search(stranger))


def test_somebody_unknown_searches_the_industry_alone(scene: Scene) -> None:
    answer = scene.search(None)
    assert answer.kbs == ["global"]
    assert {hit.kb for hit in answer.hits} == {"global"}


def test_the_system_has_no_documents_of_its_own(scene: Scene) -> None:
    with pytest.raises(Unauthorized):
        scene.search(system("worker"))


def test_a_chosen_intent_is_obeyed(scene: Scene) -> None:
    answer = scene.search(scene.lena, intent="global")
    assert (answer.intent, answer.kbs) == ("global", ["global"])
    assert {hit.kb for hit in answer.hits} == {"global"}


def test_top_k_is_the_number_of_hits(scene: Scene) -> None:
    for top_k in (1, 2):
        assert len(scene.search(scene.lena, top_k=top_k).hits) == top_k


def test_a_search_shows_what_an_answer_would_not_use(scene: Scene) -> None:
    far = "How do I prune an apple tree in winter?"
    assert scene.search(scene.lena, far).hits
    scope = scene.services.search.scope(scene.lena, None, None)
    assert scene.services.search.retriever(scope, "hybrid").search(far).passages == []


def test_small_talk_is_searched_for_all_the_same(scene: Scene) -> None:
    answer = scene.search(scene.lena, "Hello")
    assert answer.direct
    assert answer.kbs == ["global"]


@pytest.mark.parametrize(
    ("own", "shared", "intent"), [(True, False, "personal"), (False, True, "global"), (True, True, "hybrid")]
)
def test_named_documents_set_the_limits_and_the_intent(scene: Scene, own: bool, shared: bool, intent: str) -> None:
    put(scene.services, CONTRACT.replace("seventeen", "eighteen"), owner=scene.lena)
    named = [scene.contract] * own + [scene.industry] * shared
    answer = scene.search(scene.lena, documents=named)
    assert found(answer) == set(named)
    assert answer.intent == intent


def test_named_documents_are_read_however_far_the_question_is(scene: Scene) -> None:
    scope = scene.services.search.scope(scene.lena, [scene.contract], None)
    retrieval = scene.services.search.retriever(scope, "personal").search("How do I prune an apple tree?")
    assert [passage.document.id for passage in retrieval.passages] == [scene.contract]


def test_no_named_documents_mean_all(scene: Scene) -> None:
    assert found(scene.search(scene.lena, documents=[])) >= {scene.contract, scene.industry}


def test_unknown_and_not_yours_look_the_same(scene: Scene) -> None:
    stranger = person(scene.services)
    gone = put(scene.services, INDUSTRY)
    change(scene.services, gone, status="deleting")
    theirs = artist(scene.services, scene.lena)
    askers: list[Principal | None] = [stranger, None]
    for asker in askers:
        for documents in ([scene.contract], ["unknown"], [gone], [scene.industry, scene.contract]):
            with pytest.raises(NotFound, match="There is no such document."):
                scene.search(asker, documents=documents)
        for artist_id in (theirs, "unknown"):
            with pytest.raises(NotFound, match="There is no such artist."):
                scene.search(asker, artist_id=artist_id)


def test_an_artist_limits_what_is_ones_own(scene: Scene) -> None:
    mara = person(scene.services)
    ferry, kite = artist(scene.services, mara, "Night Ferry"), artist(scene.services, mara, "Paper Kite")
    hers = put(scene.services, CONTRACT, owner=mara, artist_id=ferry)
    his = put(scene.services, CONTRACT, owner=mara, artist_id=kite)
    for_all = put(scene.services, CONTRACT.replace("seventeen", "nineteen"), owner=mara)
    answer = scene.search(mara, artist_id=ferry)
    assert found(answer) >= {hers, for_all, scene.industry}
    assert his not in found(answer)
    with scene.services.db.reading() as session:
        assert session.get_one(Trace, answer.trace_id).artist_id == ferry


def test_trace_and_audit_are_kept_together(scene: Scene) -> None:
    mara = person(scene.services)
    mine = put(scene.services, CONTRACT, owner=mara)
    answer = scene.search(mara, top_k=2)
    with scene.services.db.reading() as session:
        trace = session.get_one(Trace, answer.trace_id)
        [row] = session.exec(select(AuditEvent).where(AuditEvent.user_id == mara.user_id)).all()
    assert (trace.user_id, trace.body["question"], trace.body["kbs"]) == (mara.user_id, QUESTION, answer.kbs)
    assert (row.action, row.object_id, row.outcome) == ("search", trace.id, "granted")
    assert row.question_digest == scene.services.audit.digest(QUESTION)
    assert {"document_id": mine, "chunk_ids": chunk_ids(scene.services, mine)} in row.reads
    assert sum(len(one["chunk_ids"]) for one in row.reads) == len(answer.hits) == 2
    assert "commission" not in str(row.model_dump())


def test_somebody_unknown_leaves_an_audit_row_and_no_trace(scene: Scene) -> None:
    answer = scene.search(None, "What are mechanical royalties?")
    with scene.services.db.reading() as session:
        assert session.get(Trace, answer.trace_id) is None
        [row] = session.exec(select(AuditEvent).where(AuditEvent.object_id == answer.trace_id)).all()
    assert (row.user_id, row.door) == ("anonymous", "anonymous")


def test_no_audit_no_hits(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise Unavailable("The disk is full.")

    mara = person(scene.services)
    monkeypatch.setattr(scene.services.audit, "record", full)
    with pytest.raises(Unavailable):
        scene.search(mara)
    with scene.services.db.reading() as session:
        assert session.exec(select(Trace).where(Trace.user_id == mara.user_id)).all() == [], "neither without the other"


def test_a_document_being_deleted_is_not_found_any_more(scene: Scene) -> None:
    mara = person(scene.services)
    document = put(scene.services, CONTRACT, owner=mara)
    assert document in found(scene.search(mara))
    scene.services.documents.delete(mara, document)
    assert document not in found(scene.search(mara))
    scene.services.ingestion.run_all()
    with scene.services.db.reading() as session:
        assert session.exec(select(Document.id).where(col(Document.id) == document)).all() == []
