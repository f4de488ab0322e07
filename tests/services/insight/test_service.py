"""Documents that are read after ingestion, over real services: rows, versions, owners, and what answers are told."""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from sqlmodel import select

from app.errors import NotFound
from app.models import KB, AuditEvent, DocumentInsight, ImportantDate
from app.principal import Principal, local_operator
from app.services.insight import reader as reader_module
from app.services.insight.kinds import GUIDE
from app.services.insight.reading import STAMP, read
from app.services.insight.shapes import InsightPublic
from app.services.services import Services
from tests.services.insight.texts import MANAGEMENT


@dataclass(frozen=True)
class Desk:
    services: Services
    me: Principal

    def work(self) -> None:
        self.services.ingestion.run_all()
        while self.services.reader.step():
            pass

    def add(
        self, text: str = MANAGEMENT, title: str = "Deal", artist_id: str | None = None, kb: KB = "personal"
    ) -> str:
        source = io.BytesIO(f"{text}\n{uuid.uuid4()}".encode())
        kept = self.services.documents.receive(
            self.me,
            kb=kb,
            filename=f"{title}.txt",
            source=source,
            artist_id=artist_id,
        )
        self.work()
        return str(kept.id)

    def insight(self, document_id: str) -> InsightPublic:
        return self.services.insight.get(self.me, document_id)

    def dates(self, **which: object) -> dict[str, tuple[date, str]]:
        rows = self.services.dates.list(self.me, **which).items  # type: ignore[arg-type]
        return {row.label: (row.day, row.status) for row in rows}


@pytest.fixture
def desk(services: Services) -> Desk:
    user = services.users.add(f"{uuid.uuid4().hex}@example.com", "three chords and the truth")
    return Desk(services, local_operator(user.id))


FUTURE = MANAGEMENT.replace("29 February 2028", "30 June 2090").replace("for two years from its date and", "and")


def test_a_document_tells_its_profile_and_the_list_its_kind(desk: Desk) -> None:
    document_id = desk.add()
    found = desk.insight(document_id)
    assert (found.read, found.kind, found.label, found.contract) == (True, "management", "Management agreement", True)
    assert {fact.kind for fact in found.facts} >= {"party", "money", "rate", "territory", "date"}
    assert all(fact.chunk_id for fact in found.facts)
    assert "not legal advice" in found.note
    [listed] = desk.services.documents.list(desk.me, kb="personal").items
    assert listed.insight is not None
    assert (listed.insight.label, listed.insight.warnings) == ("Management agreement", 0)


def test_until_it_is_read_a_document_says_so(desk: Desk) -> None:
    kept = desk.services.documents.note(desk.me, "Deal", MANAGEMENT)
    desk.services.ingestion.run_all()
    found = desk.services.insight.get(desk.me, kept.id)
    assert (found.read, found.facts, found.dates) == (False, [], [])


def test_what_was_confirmed_or_put_away_stays_when_the_document_is_read_again(desk: Desk) -> None:
    document_id = desk.add(FUTURE)
    end, notice = (
        next(one for one in desk.insight(document_id).dates if one.label == label)
        for label in ("End of the term", "Last day to give notice")
    )
    desk.services.dates.update(desk.me, end.id, status="accepted", label="Ends")
    desk.services.dates.update(desk.me, notice.id, status="declined")
    with desk.services.db.session() as session:
        session.get_one(DocumentInsight, document_id).stamp = "0.rules"  # as other rules left it
    desk.work()
    with desk.services.db.reading() as session:
        assert session.get_one(DocumentInsight, document_id).stamp.startswith(STAMP)
    assert desk.dates() == {"Ends": (end.day, "accepted"), "Last day to give notice": (notice.day, "declined")}


def test_a_new_version_proposes_its_own_dates_and_tells_which_ones_are_gone(desk: Desk) -> None:
    document_id = desk.add(FUTURE)
    dates = {one.label: one for one in desk.insight(document_id).dates}
    desk.services.dates.update(desk.me, dates["End of the term"].id, status="accepted")
    source = io.BytesIO(FUTURE.replace("30 June 2090", "31 July 2091").encode())
    desk.services.documents.replace(desk.me, document_id, filename="Deal.txt", source=source)
    desk.work()
    found = {(one.label, one.day, one.status): one for one in desk.insight(document_id).dates}
    assert found["End of the term", date(2090, 6, 30), "accepted"].changed
    assert not found["End of the term", date(2091, 7, 31), "proposed"].changed
    assert ("Last day to give notice", date(2091, 6, 1), "proposed") in found
    assert len(found) == 3  # the old proposal went


def test_past_days_and_days_without_a_meaning_are_told_and_not_proposed(desk: Desk) -> None:
    document_id = desk.add("Letter\n\nDear all, the show is on 3 May 2019. I remember 4 May 2090 well.")
    found = desk.insight(document_id)
    assert {fact.day for fact in found.facts if fact.kind == "date"} == {date(2019, 5, 3), date(2090, 5, 4)}
    assert found.dates == []


def test_whatever_goes_wrong_with_one_document_the_next_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = read

    def trips(document_id: str, title: str, *rest: object) -> object:
        if title == "Bad":
            raise RecursionError
        return reading(document_id, title, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reader_module, "read", trips)
    bad, good = desk.add(title="Bad"), desk.add(title="Good")
    assert (desk.insight(bad).read, desk.insight(bad).facts) == (True, [])
    assert desk.insight(good).facts
    assert desk.services.documents.get(desk.me, bad).status == "ready"
    assert not desk.services.reader.step()


def test_nothing_is_written_of_a_document_that_changed_meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = read
    kept = desk.services.documents.note(desk.me, "Deal", FUTURE)
    desk.services.ingestion.run_all()

    def deleted_meanwhile(document_id: str, *rest: object) -> object:
        desk.services.documents.delete(desk.me, document_id)
        return reading(document_id, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reader_module, "read", deleted_meanwhile)
    assert desk.services.reader.step()
    with desk.services.db.reading() as session:
        assert session.get(DocumentInsight, kept.id) is None
        assert session.exec(select(ImportantDate).where(ImportantDate.document_id == kept.id)).first() is None


def test_two_documents_about_one_deal_that_disagree_are_named_in_both(desk: Desk) -> None:
    one, other = desk.add(title="Deal signed"), desk.add(MANAGEMENT.replace("20 %", "18 %"), "Deal draft")
    for mine, theirs, title in ((one, other, "Deal draft"), (other, one, "Deal signed")):
        [warning] = desk.insight(mine).warnings
        assert warning.code == "disagrees"
        assert warning.text.startswith("Commission: ")
        assert warning.other is not None
        assert (warning.other.document_id, warning.other.title) == (theirs, title)
        assert warning.other.chunk_id
    desk.services.documents.update(desk.me, other, standing="superseded")
    assert desk.insight(one).warnings == []
    desk.services.documents.update(desk.me, other, standing="draft")
    desk.services.documents.delete(desk.me, other)
    assert desk.insight(one).warnings == []


def test_a_list_tells_which_documents_disagree_until_they_do_not(desk: Desk) -> None:
    one, other = desk.add(title="Deal signed"), desk.add(MANAGEMENT.replace("20 %", "18 %"), "Deal draft")
    desk.add("Letter\n\nDear all, thank you.", "Letter")

    def told() -> dict[str, tuple[int, list[tuple[str, str]]]]:
        listed = [found for found in desk.services.documents.list(desk.me, kb="personal").items if found.insight]
        assert listed == [desk.services.documents.get(desk.me, found.id) for found in listed]
        return {
            found.id: (found.insight.warnings, [(at.document_id, at.title) for at in found.insight.disagrees_with])
            for found in listed
            if found.insight and found.insight.kind == "management"
        }

    assert told() == {one: (1, [(other, "Deal draft")]), other: (1, [(one, "Deal signed")])}
    changed = desk.services.documents.update(desk.me, other, standing="superseded")
    assert changed.insight is not None
    assert changed.insight.disagrees_with == []
    assert told() == {one: (0, []), other: (0, [])}
    desk.services.documents.update(desk.me, other, standing="draft", title="Deal")
    assert told()[one] == (1, [(other, "Deal")])
    desk.services.documents.delete(desk.me, other)
    assert told() == {one: (0, [])}


def test_documents_of_different_artists_and_owners_are_not_compared(desk: Desk) -> None:
    artists = [desk.services.artists.create(desk.me, name).id for name in ("Night Ferry", "Paper Kite")]
    stranger = desk.services.users.add(f"{uuid.uuid4().hex}@example.com", "three chords and the truth")
    mine = desk.add(artist_id=artists[0])
    desk.add(MANAGEMENT.replace("20 %", "18 %"), artist_id=artists[1])
    theirs = replace(desk, me=local_operator(stranger.id)).add(MANAGEMENT.replace("20 %", "17 %"))
    assert desk.insight(mine).warnings == []
    for_all = desk.add(MANAGEMENT.replace("20 %", "16 %"))
    assert [one.other.document_id for one in desk.insight(mine).warnings if one.other] == [for_all]
    assert len(desk.insight(for_all).warnings) == 2, "with either artist's"
    listed = {one.id: one.insight for one in desk.services.documents.list(desk.me, kb="personal").items}
    brief = listed[mine]
    assert brief is not None
    assert [one.document_id for one in brief.disagrees_with] == [for_all]
    with pytest.raises(NotFound):
        desk.insight(theirs)


def test_documents_are_listed_by_what_they_were_read_as(desk: Desk) -> None:
    stranger = desk.services.users.add(f"{uuid.uuid4().hex}@example.com", "three chords and the truth")
    replace(desk, me=local_operator(stranger.id)).add(title="Theirs")
    deals = [desk.add(title=f"Deal {number}") for number in (1, 2, 3)]
    sheet = desk.add("Split sheet\nSong: Night Bus\nFirst Writer: 60 %\nSecond Writer: 40 %", "Night Bus")
    other = desk.add("Call them on Tuesday.", "Deal with it")
    desk.services.documents.note(desk.me, "Deal 4", MANAGEMENT)  # not read yet

    def listed(**asked: Any) -> list[str]:
        return [one.id for one in desk.services.documents.list(desk.me, kb="personal", **asked).items]

    assert listed(document_kind="management") == deals[::-1]
    assert listed(document_kind="contract") == deals[::-1], "agreements of every kind"
    assert (listed(document_kind="split_sheet"), listed(document_kind="other")) == ([sheet], [other])
    assert listed(document_kind="recording") == []
    assert listed(document_kind="management", q="deal 2") == [deals[1]]
    first = desk.services.documents.list(desk.me, kb="personal", document_kind="contract", limit=2)
    assert [one.id for one in first.items] == [deals[2], deals[1]]
    assert listed(document_kind="contract", after=first.next) == [deals[0]]
    desk.services.documents.replace(
        desk.me, deals[0], filename="Deal 1.txt", source=io.BytesIO(b"Set list\n\nOne song.")
    )
    assert deals[0] in listed(document_kind="contract"), "the version before answers until then"
    desk.work()
    assert deals[0] not in listed(document_kind="contract")
    assert listed(document_kind="set_list") == [deals[0]]


def test_dates_go_with_the_documents_artist(desk: Desk) -> None:
    one, other = (desk.services.artists.create(desk.me, name).id for name in ("Night Ferry", "Paper Kite"))
    document_id = desk.add(FUTURE, artist_id=one)
    assert len(desk.dates(artist_id=one)) == 2
    assert desk.dates(artist_id=other) == {}
    desk.services.documents.update(desk.me, document_id, artist_id=other)
    desk.work()
    assert desk.dates(artist_id=one) == {}
    assert len(desk.dates(artist_id=other)) == 2


def test_industry_documents_are_guides_and_propose_nothing(services: Services) -> None:
    user = services.users.add(f"{uuid.uuid4().hex}@example.com", "three chords and the truth", role="admin")
    admin = Desk(services, local_operator(user.id, "admin"))
    found = admin.insight(admin.add(FUTURE, kb="global"))
    assert (found.kind, found.facts, found.dates) == (GUIDE, [], [])
    assert admin.dates() == {}


def test_who_read_what_a_document_says_is_audited(desk: Desk) -> None:
    document_id = desk.add(FUTURE)
    desk.insight(document_id)
    desk.dates()
    with desk.services.db.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.user_id == desk.me.user_id)).all()
    read = {row.action: row.reads for row in rows}
    assert read["document.insight"][0]["document_id"] == document_id
    assert read["document.insight"][0]["chunk_ids"]
    assert read["date.list"] == [{"document_id": document_id, "chunk_ids": []}]


def test_answers_are_told_kind_parties_and_dates_of_their_sources_documents(desk: Desk) -> None:
    document_id = desk.add()
    told = desk.services.insight.as_section(desk.me, [document_id])
    assert told is not None
    assert told[1].startswith(
        '"Deal": management agreement; Artist: Night Ferry Music; Manager: Harbour Management Ltd;'
    )
    assert "End of the term: 29 February 2028" in told[1]
    stranger = desk.services.users.add(f"{uuid.uuid4().hex}@example.com", "three chords and the truth")
    assert desk.services.insight.as_section(local_operator(stranger.id), [document_id]) is None


def test_of_a_queue_that_is_empty_nothing_is_read(desk: Desk) -> None:
    desk.work()
    assert not desk.services.reader.step()
