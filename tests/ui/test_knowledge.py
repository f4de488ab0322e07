"""The knowledge page over real services: one's own documents with their state, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest

from app.errors import NotFound
from app.principal import Principal, system
from app.services.services import Services
from app.ui.knowledge import KnowledgeHandlers, KnowledgePage, _lay_out
from tests.ui.support import asked_by, laid_out, new_user

Handlers = tuple[KnowledgeHandlers, KnowledgePage]


@pytest.fixture(scope="module")
def knowledge(services: Services) -> Handlers:
    page = laid_out(lambda: _lay_out(services))
    return KnowledgeHandlers(services, page), page


@pytest.fixture
def alice(services: Services) -> Iterator[Principal]:
    principal = new_user(services)
    yield principal
    for document in services.documents.list(principal, kb="personal").items:
        services.documents.delete(principal, document.id)


def act(knowledge: Handlers, principal: object, action: str, document: str) -> dict[Any, Any]:
    event = gr.EventData(None, {"action": action, "id": document})
    return asyncio.run(knowledge[0].acted(event, asked_by(principal)))


def test_a_document_shows_its_state_and_the_page_looks_again_until_it_is_done(
    knowledge: Handlers, services: Services, alice: Principal
) -> None:
    services.documents.note(alice, "Bio of Night Ferry", "Night Ferry plays the harp in Bristol.")
    waiting = asyncio.run(knowledge[0].looked(asked_by(alice)))
    assert "Waiting" in waiting[knowledge[1].own]
    assert waiting[knowledge[1].timer]["active"] is True
    while services.ingestion.run_once():
        pass
    done = asyncio.run(knowledge[0].looked(asked_by(alice)))
    assert "Ready" in done[knowledge[1].own]
    assert done[knowledge[1].timer]["active"] is False


def test_the_industry_base_is_listed_for_everyone_and_can_only_be_read(
    knowledge: Handlers, services: Services, alice: Principal
) -> None:
    import io

    services.documents.receive(
        system("test"), kb="global", filename="Royalties.txt", source=io.BytesIO(b"Who pays whom.")
    )
    view = asyncio.run(knowledge[0].opened(asked_by(alice)))
    assert "Royalties" in view[knowledge[1].industry]
    assert "<button" not in view[knowledge[1].industry]
    assert "Royalties" not in view[knowledge[1].own]


def test_deleting_takes_a_document_off_the_list(knowledge: Handlers, services: Services, alice: Principal) -> None:
    document = services.documents.note(alice, "Old bio", "I play the flute.")
    assert "Old bio" in asyncio.run(knowledge[0].looked(asked_by(alice)))[knowledge[1].own]
    assert "Old bio" not in act(knowledge, alice, "delete", document.id)[knowledge[1].own]


@pytest.mark.parametrize("action", ["delete", "retry"])
def test_another_users_document_is_not_there(
    knowledge: Handlers, services: Services, alice: Principal, action: str
) -> None:
    document = services.documents.note(alice, "Private", "Nobody else's.")
    bob = new_user(services)
    assert "Private" not in asyncio.run(knowledge[0].looked(asked_by(bob)))[knowledge[1].own]
    with pytest.raises(NotFound):
        act(knowledge, bob, action, document.id)
    assert services.documents.get(alice, document.id).title == "Private"


@pytest.mark.parametrize("event", [{}, {"action": "promote", "id": "x"}, {"action": None}, {"action": ["delete"]}])
def test_what_no_button_sends_does_nothing(knowledge: Handlers, alice: Principal, event: dict[str, Any]) -> None:
    view = asyncio.run(knowledge[0].acted(gr.EventData(None, event), asked_by(alice)))
    assert "no documents yet" in view[knowledge[1].own]


@pytest.mark.parametrize("handler", ["opened", "looked", "acted"])
def test_every_handler_refuses_whoever_is_not_signed_in(knowledge: Handlers, handler: str) -> None:
    event = [gr.EventData(None, {"action": "delete", "id": "x"})] if handler == "acted" else []
    with pytest.raises(gr.Error, match="sign in"):
        asyncio.run(getattr(knowledge[0], handler)(*event, asked_by(None)))
