"""The alarm of the second check: for what a broken filter let through, and not for what comes and goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger

from app.models import Document
from app.principal import TenantFilter
from app.retrievers.check import check
from app.services.services import Services
from tests.retrievers.library import artist, chunk_ids, person, put

ALARM = "passages dropped by the SQL check"


@pytest.fixture
def alarms() -> Iterator[list[str]]:
    heard: list[str] = []
    sink = logger.add(lambda message: heard.append(message.record["message"]), level="WARNING")
    yield heard
    logger.remove(sink)


def test_what_comes_and_goes_is_no_alarm(services: Services, alarms: list[str]) -> None:
    lena = person(services)
    ferry, other = artist(services, lena), artist(services, lena, "Other")
    going, moved = put(services, "It goes.", owner=lena), put(services, "It moved.", owner=lena, artist_id=other)
    ids = [*chunk_ids(services, going), *chunk_ids(services, moved)]
    with services.db.session() as session:
        session.get_one(Document, going).status = "deleting"
    assert check(services.db, TenantFilter.for_principal(lena, artist_id=ferry), None, [*ids, "never-was"]) == {}
    assert alarms == []


def test_somebody_elses_is(services: Services, alarms: list[str]) -> None:
    lena, mara = person(services), person(services)
    ids = list(chunk_ids(services, put(services, "Hers alone.", owner=mara)))
    assert check(services.db, TenantFilter.for_principal(lena), None, ids) == {}
    assert check(services.db, None, None, ids) == {}
    assert alarms == [ALARM, ALARM]
