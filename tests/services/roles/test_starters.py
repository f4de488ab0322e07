"""Each starter question of each role finds something in the starter knowledge: nobody begins with "nothing covers this"."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.main import build_services
from app.services.roles.roles import load_roles
from app.services.services import Services
from app.services.shapes import AskRequest
from tests.conftest import settings_in
from tests.retrievers.library import person

pytestmark = pytest.mark.slow
QUESTIONS = sorted({question for role in load_roles() for question in role.starters})


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Services]:
    made = build_services(settings_in(tmp_path_factory.mktemp("seeded"), models_dir, llm={"provider": "none"}))
    while made.ingestion.back_fill():
        pass
    made.ingestion.run_all()
    yield made
    made.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_finds_something(seeded: Services, question: str) -> None:
    answer = asyncio.run(seeded.chat.answer(person(seeded), AskRequest(text=question)))
    assert answer.citations, answer.text
