from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.response.schema import Response
from llama_index.core.query_engine import RouterQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore
from sqlmodel import col, select

import app
from app import main
from app.errors import AppError, NotFound
from app.indexes.edge_engine import FolderHeld
from app.models import FAILED, READY, AuditEvent
from app.notebook import Manager, files_of, open_manager
from app.services.answering import NO_MODEL
from app.services.services import Services
from tests.documents import make_contract_pdf
from tests.retrievers.library import artist

LENA, OMAR = "lena@example.com", "omar@example.com"
PASSWORD = "three chords and the truth"
QUESTION = "What commission does my manager take?"
GUIDE = "# Managers\n\nA manager usually takes a commission of fifteen to twenty percent of gross income.\n"


@pytest.fixture(scope="module")
def manager(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Manager:
    folder = tmp_path_factory.mktemp("papers")
    (folder / "guide.md").write_text(GUIDE, encoding="utf-8")
    made = Manager(services)
    for email in (LENA, OMAR):
        services.users.add(email, PASSWORD)
    [contract] = made.ingest(make_contract_pdf(folder / "contract.pdf"), user=LENA)
    [guide] = made.ingest([folder / "guide.md"], kb="global")
    assert (contract.status, contract.kb, contract.pages) == (READY, "personal", 3)
    assert (guide.status, guide.kb) == (READY, "global")
    return made


def kbs(nodes: Any) -> set[str]:
    return {node.node.metadata["kb"] for node in nodes}


def test_the_retriever_is_llama_indexs(manager: Manager) -> None:
    retriever = manager.retriever(user=LENA)
    assert isinstance(retriever, BaseRetriever)
    nodes = retriever.retrieve(QUESTION)
    assert kbs(nodes) == {"personal", "global"}
    [best] = [node for node in nodes if "seventeen and a half percent" in node.text]
    assert (best.node.metadata["title"], best.node.metadata["page"]) == ("contract", 2)
    again = asyncio.run(retriever.aretrieve(QUESTION))
    assert [node.node.node_id for node in again] == [node.node.node_id for node in nodes]


def test_another_user_and_nobody_see_the_industry_alone(manager: Manager) -> None:
    assert kbs(manager.retriever(user=OMAR).retrieve(QUESTION)) == {"global"}
    assert kbs(manager.retriever().retrieve(QUESTION)) == {"global"}
    assert kbs(manager.retriever(user=LENA, intent="global").retrieve(QUESTION)) == {"global"}
    assert len(manager.retriever(user=LENA, top_k=1).retrieve(QUESTION)) == 1


def test_the_query_engine_is_llama_indexs_router(manager: Manager) -> None:
    engine = manager.query_engine(user=LENA)
    assert isinstance(engine, RouterQueryEngine)
    response = engine.query(QUESTION)
    assert isinstance(response, Response)
    assert str(response).startswith(NO_MODEL.strip())
    assert "seventeen and a half percent" in str(response)
    assert "[P1]" in str(response)
    assert kbs(response.source_nodes) == {"personal", "global"}
    assert "selector_result" in (response.metadata or {})


def test_an_engine_may_be_asked_again_and_inside_a_running_loop(manager: Manager) -> None:
    engine = manager.query_engine(user=LENA)

    async def cell() -> tuple[str, str]:
        return str(engine.query("Hello")), str(engine.query(QUESTION))

    hello, answer = asyncio.run(cell())
    assert hello.startswith("Hello!")
    assert "[P1]" in answer


WAYS: tuple[Callable[[Manager], list[NodeWithScore]], ...] = (
    lambda manager: manager.retriever(user=LENA).retrieve(QUESTION),
    lambda manager: asyncio.run(manager.retriever(user=LENA).aretrieve(QUESTION)),
    lambda manager: manager.query_engine(user=LENA).query(QUESTION).source_nodes,
)


def reads(manager: Manager, user_id: str) -> list[AuditEvent]:
    with manager.services.db.reading() as session:
        query = select(AuditEvent).where(AuditEvent.user_id == user_id, AuditEvent.action == "notebook.read")
        return list(session.exec(query.order_by(col(AuditEvent.id))).all())


def test_what_is_read_is_audited_whatever_the_way(manager: Manager) -> None:
    lena = manager.services.users.by_email(LENA).id
    for read in WAYS:
        before = len(reads(manager, lena))
        found = {node.node.node_id for node in read(manager)}
        [row] = reads(manager, lena)[before:]
        assert {chunk_id for one in row.reads for chunk_id in one["chunk_ids"]} == found
        assert (row.door, row.outcome) == ("operator", "granted")
        assert row.question_digest == manager.services.audit.digest(QUESTION)


def test_no_audit_no_passages(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(manager.services.audit, "record", broken)
    for read in WAYS:
        with pytest.raises(OSError, match="full"):
            read(manager)


def test_an_artists_name_limits_what_is_searched(manager: Manager, tmp_path: Path) -> None:
    principal = manager.principal(OMAR)
    assert principal is not None
    artist(manager.services, principal, "Night Ferry")
    artist(manager.services, principal, "Paper Kite")
    shares = {"Night Ferry": 9, "Paper Kite": 8}
    texts = {name: f"{name} pays the manager a commission of {share} percent." for name, share in shares.items()}
    for name, text in texts.items():
        (file := tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        manager.ingest(file, user=OMAR, artist=name.upper())
    nodes = manager.retriever(user=OMAR, artist="night ferry").retrieve(QUESTION)
    own = [node.text for node in nodes if node.node.metadata["kb"] == "personal"]
    assert own == [texts["Night Ferry"]]
    for door in (manager.retriever, manager.query_engine):
        with pytest.raises(NotFound, match="no artist named 'Nobody'"):
            door(OMAR, artist="Nobody")


def test_what_cannot_be_read_says_why(manager: Manager, tmp_path: Path) -> None:
    (file := tmp_path / "blank.txt").write_text(" \n ", encoding="utf-8")
    [row] = manager.ingest(file, user=LENA)
    assert row.status == FAILED
    assert row.reason
    assert row.reason.endswith(".")


def test_who_and_what_must_be_there(manager: Manager, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="users add"):
        manager.retriever(user="nobody@example.com")
    with pytest.raises(NotFound, match="check the path"):
        manager.ingest(tmp_path / "gone.pdf", user=LENA)
    with pytest.raises(AppError, match="name one with user="):
        manager.ingest(tmp_path)


def test_folders_are_walked_and_hidden_files_left_out(tmp_path: Path) -> None:
    (tmp_path / "deals" / "old").mkdir(parents=True)
    for name in ("deals/b.txt", "deals/a.txt", "deals/old/c.txt", "deals/.hidden", "one.txt"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    found = files_of([tmp_path / "deals", str(tmp_path / "one.txt")])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "deals/a.txt",
        "deals/b.txt",
        "deals/old/c.txt",
        "one.txt",
    ]
    assert files_of(str(tmp_path / "one.txt")) == [tmp_path / "one.txt"]


def test_open_manager_opens_a_data_folder_and_lets_it_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (seed := tmp_path / "seed").mkdir()
    (seed / "managers.md").write_text(GUIDE, encoding="utf-8")
    monkeypatch.setattr(main, "SEED_DIR", seed)
    rows = [{"name": "bm25", "provider": "bm25", "model": "english", "enabled": True}]
    sections: dict[str, Any] = {
        "data": {"dir": str(tmp_path / "data")},
        "embeddings": rows,
        "llm": {"provider": "none"},
    }
    with app.open_manager(**sections) as manager:
        nodes = manager.retriever().retrieve("What does a manager take?")
        assert [node.node.metadata["title"] for node in nodes] == ["Managers"], "the seed is ready when it opens"
        with pytest.raises(FolderHeld, match="in use"):
            open_manager(**sections)
    with open_manager(**sections) as again:
        assert len(again.retriever().retrieve("What does a manager take?")) == 1
