"""Pages: who may see them, that it is written down, what is kept and for how long, and how many are drawn at once."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from app.errors import NotFound, TooMany, Unavailable
from app.indexes import page_lane
from app.indexes.page_lane import EACH, WAITING, Kept, Places
from app.indexes.page_pictures import Picture, draw_page
from app.models import AuditEvent, Chunk, Document
from app.principal import Principal, local_operator, system
from app.services import pages as module
from app.services.pages import Asked, PageService
from app.services.services import Services
from tests.documents import make_contract_pdf

LAW = "governed by the laws of England and Wales"
TEXT = "The term is two years.\n\nThe commission is seventeen and a half percent of gross income."


@pytest.fixture(scope="module")
def anna(services: Services) -> Principal:
    return local_operator(services.users.add("anna.pages@example.com", "three chords and the truth").id)


@pytest.fixture(scope="module")
def ben(services: Services) -> Principal:
    return local_operator(services.users.add("ben.pages@example.com", "three chords and the truth").id)


def keep(services: Services, who: Principal, name: str, data: bytes, **options: str) -> str:
    made = services.documents.receive(who, kb=options.get("kb", "personal"), filename=name, source=io.BytesIO(data))  # type: ignore[arg-type]
    while services.ingestion.run_once():
        pass
    return made.id


@pytest.fixture(scope="module")
def deal(services: Services, anna: Principal, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Anna's contract of three pages."""
    return keep(services, anna, "deal.pdf", make_contract_pdf(tmp_path_factory.mktemp("pdf") / "deal.pdf").read_bytes())


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that a child was started for."""
    asked: list[Path] = []

    def draw(path: Path, *rest: Any) -> Picture:
        asked.append(path)
        return draw_page(path, *rest)

    monkeypatch.setattr(module, "draw_page", draw)
    return asked


def chunks(services: Services, document: str, page: int) -> list[Chunk]:
    with services.db.reading() as session:
        query = select(Chunk).where(Chunk.document_id == document, Chunk.page == page).order_by(col(Chunk.number))
        return list(session.exec(query).all())


def last_event(services: Services, who: Principal) -> AuditEvent:
    with services.db.reading() as session:
        rows = select(AuditEvent).where(AuditEvent.user_id == who.user_id).order_by(col(AuditEvent.id).desc())
        return session.exec(rows).first()  # type: ignore[return-value]


def test_the_cited_words_are_marked_within_the_page_as_it_was_read(
    services: Services, anna: Principal, deal: str
) -> None:
    [first, *_] = chunks(services, deal, 3)
    start = first.start + first.text.index(LAW)
    page = services.pages.text(anna, deal, 3, Asked([first.id], start, start + len(LAW)))
    around, quote = page.marks
    assert (page.page, page.pages, page.picture, page.title) == (3, 3, True, "deal")
    assert page.text[quote.start : quote.end] == LAW
    assert page.text[around.start : around.end] == first.text
    assert (around.quote, quote.quote) == (False, True)
    assert services.pages.text(anna, deal, 3, Asked([first.id])).marks[0].quote, (
        "the passage itself where no words are named"
    )


def test_a_page_whole_whatever_it_was_cut_into(services: Services, anna: Principal) -> None:
    lines = "\n\n".join(f"Clause {number}. {TEXT}" for number in range(60))
    document = keep(services, anna, "long.txt", lines.encode())
    assert len(chunks(services, document, 1)) > 3
    page = services.pages.text(anna, document, 1)
    assert page.text.split() == lines.split()
    for chunk in chunks(services, document, 1):
        assert page.text[chunk.start : chunk.end] == chunk.text
    assert not page.picture
    with pytest.raises(NotFound, match=r"ask for the page without \.png") as told:
        services.pages.picture(anna, document, 1)
    assert told.value.code == "no_picture"


@pytest.mark.parametrize("way", ["text", "picture"])
def test_what_is_not_ones_own_is_nobodys_and_noted(
    services: Services, anna: Principal, ben: Principal, deal: str, drawn: list[Path], way: str
) -> None:
    ask = getattr(services.pages, way)
    sentences = set()
    for document in (deal, "2f5f6c1e-3f0a-4a34-9d7d-0a3f2f3b1c11"):
        with pytest.raises(NotFound) as told:
            ask(ben, document, 1)
        sentences.add((told.value.sentence, told.value.code))
        assert last_event(services, ben).outcome == "refused"
    assert len(sentences) == 1
    assert drawn == []


@pytest.mark.parametrize("way", ["text", "picture"])
def test_a_passage_of_another_document_is_nobodys(
    services: Services, anna: Principal, ben: Principal, deal: str, drawn: list[Path], way: str
) -> None:
    mine = keep(services, ben, "mine.pdf", make_contract_pdf(services.settings.data.dir / "mine.pdf").read_bytes())
    sentences = set()
    for chunk in (chunks(services, deal, 1)[0].id, "2f5f6c1e-3f0a-4a34-9d7d-0a3f2f3b1c11"):
        with pytest.raises(NotFound) as told:
            getattr(services.pages, way)(ben, mine, 1, Asked([chunk]))
        sentences.add((told.value.sentence, told.value.code))
    assert sentences == {(module.NO_PASSAGE, "no_passage")}
    assert drawn == []


def test_industry_documents_are_everybodys(services: Services, ben: Principal) -> None:
    document = keep(services, system("pages"), "guide.md", TEXT.encode(), kb="global")
    assert services.pages.text(ben, document, 1).kb == "global"


def test_every_reading_is_written_down_with_what_was_read(
    services: Services, anna: Principal, deal: str, drawn: list[Path]
) -> None:
    for ask in (services.pages.text, services.pages.picture, services.pages.picture):
        before = last_event(services, anna).id
        ask(anna, deal, 2)
        event = last_event(services, anna)
        assert event.id != before, "also when the picture was kept from before"
        assert (event.action, event.outcome, event.object_id) == ("document.page", "granted", deal)
        assert event.reads == [{"document_id": deal, "chunk_ids": [chunk.id for chunk in chunks(services, deal, 2)]}]
    assert len(drawn) == 1


def test_pages_beyond_the_last_are_not_there(services: Services, anna: Principal, deal: str, drawn: list[Path]) -> None:
    for ask in (services.pages.text, services.pages.picture):
        with pytest.raises(NotFound, match="no page 4; its last one is 3"):
            ask(anna, deal, 4)
    assert drawn == []


def test_a_picture_is_drawn_once_for_a_page_a_version_and_its_marks(
    services: Services, anna: Principal, drawn: list[Path]
) -> None:
    path = make_contract_pdf(services.settings.data.dir / "once.pdf")
    document = keep(services, anna, "once.pdf", path.read_bytes() + b"\n%once")
    [chunk, *_] = chunks(services, document, 1)
    asks = [(1, Asked()), (2, Asked()), (1, Asked([chunk.id])), (1, Asked([chunk.id], 3, 9))]
    seen = [services.pages.picture(anna, document, page, asked) for page, asked in asks * 2]
    assert len(drawn) == 4
    assert seen[:4] == seen[4:]
    assert len({one.data for one in seen}) == 4
    newer = services.settings.data.dir / "uploads" / f"{document}.newer"
    newer.write_bytes(path.read_bytes())
    with services.db.session() as session:
        session.get_one(Document, document).file = newer.name
    services.pages.picture(anna, document, 1)
    assert drawn[4:] == [newer]


def test_pictures_go_with_their_document(services: Services, anna: Principal, drawn: list[Path]) -> None:
    pdf = make_contract_pdf(services.settings.data.dir / "gone.pdf").read_bytes()
    one, two = (keep(services, anna, f"gone{n}.pdf", pdf + b"\n%" + str(n).encode()) for n in (1, 2))
    for document in (one, two):
        services.pages.picture(anna, document, 1)
    kept = services.pages._kept
    services.documents.delete(anna, one)
    assert one not in kept.documents(), "at once"
    with pytest.raises(NotFound):
        services.pages.picture(anna, one, 1)
    with services.db.session() as session:  # as another process does, or the deletion of an account
        session.delete(session.get_one(Document, two))
    services.pages.picture(anna, keep(services, anna, "gone3.pdf", pdf + b"\n%3"), 1)
    assert two not in kept.documents()


def test_a_document_that_was_not_read_says_so(services: Services, anna: Principal) -> None:
    waiting = services.documents.note(anna, "Later", "Text that nobody has read yet.").id
    assert services.pages.text(anna, waiting, 1).note == module.NOT_READ
    while services.ingestion.run_once():
        pass
    assert services.pages.text(anna, waiting, 1).note is None
    failed = keep(services, anna, "broken.pdf", b"%PDF-1.4 nothing at all")
    assert "damaged" in (services.pages.text(anna, failed, 1).note or "")


def test_a_file_that_is_gone_is_told(services: Services, anna: Principal) -> None:
    pdf = make_contract_pdf(services.settings.data.dir / "lost.pdf").read_bytes()
    document = keep(services, anna, "lost.pdf", pdf + b"\n%lost")
    (services.settings.data.dir / "uploads" / document).unlink()
    with pytest.raises(NotFound, match="file of this document is not here"):
        services.pages.picture(anna, document, 1)


def test_pictures_are_kept_for_a_while_and_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    kept, picture = Kept(), Picture(b"x" * (page_lane.CACHE_BYTES // 3), 1, 0, None)
    for number in range(4):
        kept.put((str(number),), picture)
    assert kept.documents() == {"1", "2", "3"}
    kept.get(("1",))
    kept.put(("5",), picture)
    assert kept.documents() == {"1", "3", "5"}, "the one that nobody asked for went"
    now = page_lane.CACHE_SECONDS + 1
    assert kept.get(("1",)) is None
    assert kept.documents() == set()


def wait_in_line(places: Places, stack: ExitStack, users: Sequence[str]) -> None:
    """A thread for each, which holds or waits for a place until the stack closes."""
    leave = threading.Event()

    def hold(user: str) -> None:
        with places.one(user):
            leave.wait(20)

    line = [threading.Thread(target=hold, args=(user,)) for user in users]
    for thread in line:
        thread.start()
        stack.callback(thread.join)
    stack.callback(leave.set)


def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        threading.Event().wait(0.01)
    pytest.fail("it never came")


def test_one_user_and_all_together_wait_in_bounded_queues() -> None:
    places = Places()
    with ExitStack() as stack:
        wait_in_line(places, stack, [f"user{number // EACH}" for number in range(WAITING)])
        until(lambda: places._asked.total() == WAITING)
        with pytest.raises(TooMany), places.one("user0"):
            pass
        with pytest.raises(Unavailable), places.one("somebody"):
            pass
    with places.one("user0"):
        assert places._asked == {"user0": 1}


def test_the_service_has_no_way_around_the_grant() -> None:
    assert {name for name in vars(PageService) if not name.startswith("_")} == {"text", "picture", "forget"}
