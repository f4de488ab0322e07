"""The language model by choice: sealed in SQL, in force in every process without a restart, tested before it is chosen."""

from __future__ import annotations

import asyncio
import logging
import re
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from sqlalchemy import delete
from sqlmodel import select

from app.archive import backup, restore
from app.auth.secrets import load_secret
from app.config import LLMSettings
from app.db import Database
from app.errors import AppError, Forbidden
from app.llms import OPENAI_URL, chat_model
from app.models import AuditEvent, ModelChoice
from app.principal import Principal
from app.services import model_choices, model_probe
from app.services.answering import NO_MODEL
from app.services.model_choices import KEY_LOST, Choices, Vault
from app.services.model_slot import ModelSlot
from app.services.models import NONE_SET_UP, ModelsPublic, ModelTry, ModelUpdate
from app.services.services import Services
from app.services.shapes import AskRequest
from tests.conftest import settings_in
from tests.llm_calls import LONG, QUESTION
from tests.log_canaries import CANARIES
from tests.openai_server import OpenAIServer
from tests.retrievers.library import person, put

KEY = CANARIES["provider key"]
MINE = "The Manager takes a commission of seventeen percent of gross income."
ASKED = "What commission does my manager take?"


@pytest.fixture(autouse=True)
def _nothing_chosen(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(model_choices, "OLLAMA", "http://127.0.0.1:1")  # whatever runs on this machine
    yield
    with services.db.session() as session:
        session.execute(delete(ModelChoice))
    services.model.refresh()


@pytest.fixture
def admin(services: Services) -> Principal:
    return person(services, "admin")


def save(services: Services, admin: Principal, **values: Any) -> ModelsPublic:
    return asyncio.run(services.models.change(admin, ModelUpdate.model_validate(values)))


def test(services: Services, admin: Principal, **values: Any) -> model_probe.Tried:
    return asyncio.run(services.models.test(admin, ModelTry.model_validate(values)))


test.__test__ = False  # type: ignore[attr-defined]  # it asks the service to test


def at(server: OpenAIServer, **values: Any) -> dict[str, Any]:
    return {"provider": "compatible", "base_url": server.base_url, "model": "tiny-chat", **values}


def answer(services: Services, asker: Principal, text: str = ASKED) -> str:
    return asyncio.run(services.chat.answer(asker, AskRequest(text=text))).text


def test_a_choice_is_in_force_at_once_and_the_settings_again(services: Services, openai_server: OpenAIServer) -> None:
    admin, lena = person(services, "admin"), person(services)
    put(services, MINE, owner=lena)
    assert answer(services, lena).startswith(NO_MODEL)
    openai_server.script("Seventeen percent [P1].", key=KEY)
    found = save(services, admin, **at(openai_server, key=KEY))
    assert found.in_force == f"Answers are written by tiny-chat at 127.0.0.1:{openai_server.port}."
    assert (found.choice.key_set, found.works, found.settings) == (True, True, NONE_SET_UP)
    assert KEY not in found.model_dump_json()
    assert answer(services, lena) == "Seventeen percent [P1]."
    parts = asyncio.run(services.health.report())["components"]
    assert parts["language_model"]["status"] == "ok"
    save(services, admin, provider="compatible", base_url="http://127.0.0.1:1/v1")
    parts = asyncio.run(services.health.report())["components"]
    assert parts["language_model"]["status"] == "down", "what is remembered for a minute was another model's"
    assert save(services, admin, provider="none").in_force == NONE_SET_UP
    assert answer(services, lena).startswith(NO_MODEL)
    save(services, admin, **at(openai_server))
    openai_server.script()
    assert "[P1]" in answer(services, lena)
    assert save(services, admin, provider="settings").in_force == NONE_SET_UP
    assert asyncio.run(services.health.report())["components"]["language_model"]["status"] == "off"


def test_the_key_stands_nowhere_in_clear(
    services: Services, admin: Principal, openai_server: OpenAIServer, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Not in the database or its log, not in a record, not in a sentence made of what the provider said."""
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    sink = logger.add(lines.append, level="TRACE", format="{message} {extra} {exception}")
    openai_server.script(key="another")  # quotes the key it refuses
    save(services, admin, **at(openai_server, key=KEY))
    said = test(services, admin, **at(openai_server))
    assert (said.works, said.about) == (False, "key")
    assert KEY not in said.model_dump_json()
    with pytest.raises(AppError) as caught:
        asyncio.run(services.model.get().complete(QUESTION, seconds=5, max_tokens=5))  # type: ignore[union-attr]
    assert KEY not in caught.value.sentence
    logger.remove(sink)
    assert KEY not in "".join(lines) + caplog.text
    folder = services.settings.data.dir
    files = [folder / f"ai_manager.db{end}" for end in ("", "-wal")]
    assert all(KEY.encode() not in file.read_bytes() for file in files if file.exists())
    archive = tmp_path / "all.tar.gz"
    backup(services.settings, archive)
    with tarfile.open(archive) as opened:
        names = opened.getnames()
        held = {name: member.read() for name in names if (member := opened.extractfile(name)) is not None}
    assert "secrets/models.key" in names
    assert all(KEY.encode() not in content for content in held.values())
    _restored_elsewhere(archive, tmp_path / "again", services)
    assert (folder / "secrets" / "models.key").stat().st_mode & 0o777 == 0o600


def _restored_elsewhere(archive: Path, folder: Path, services: Services) -> None:
    settings = settings_in(folder, llm={"provider": "none"})
    restore(settings, archive)
    with closing(Database(settings.database_url)) as db:
        vault = Vault(folder / "secrets" / "models.key", load_secret)
        model = Choices(db, settings.llm, vault).current().model
        assert model is not None
        assert model.settings.api_key is not None
        assert model.settings.api_key.get_secret_value() == KEY


def test_a_key_opens_for_its_own_address_alone(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "models.key", load_secret)
    sealed = vault.seal(KEY, "https://one.example:443")
    assert vault.open(sealed, "https://one.example:443") == KEY
    assert vault.seal(KEY, "https://one.example:443") != sealed
    with pytest.raises(AppError, match="cannot be read"):
        vault.open(sealed, "https://another.example:443")


def test_a_key_is_kept_for_its_own_address_alone(
    services: Services, admin: Principal, openai_server: OpenAIServer
) -> None:
    openai_server.script(key=KEY)
    save(services, admin, **at(openai_server, key=KEY))
    assert save(services, admin, **at(openai_server, model="other")).choice.key_set
    assert test(services, admin, **at(openai_server)).works
    with OpenAIServer() as thief:
        assert test(services, admin, **at(thief)).works
        assert all(KEY not in str(request.headers) for request in thief.requests)
        assert not save(services, admin, **at(thief)).choice.key_set
    save(services, admin, **at(openai_server, key=KEY))
    assert not save(services, admin, **at(openai_server, key="")).choice.key_set


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_a_lost_secret_is_said_and_the_sources_speak(
    services: Services, admin: Principal, openai_server: OpenAIServer, harm: str
) -> None:
    lena, file = person(services), services.settings.data.dir / "secrets" / "models.key"
    put(services, MINE, owner=lena)
    save(services, admin, **at(openai_server, key=KEY))
    kept = file.read_bytes()
    file.unlink() if harm == "lost" else file.write_bytes(b"x")
    started = ModelSlot(services.db, services.models._choices)  # as a start does
    why = started.why_none()
    assert why is not None
    assert "paste the key again" in why
    assert started.get() is None
    assert (why == KEY_LOST) == (harm == "lost")
    assert file.exists() == (harm == "damaged"), "nothing new is made in its place"
    services.model._take(started.current)
    assert answer(services, lena).startswith(f"{why} These are the sources' own words.")
    assert answer(services, lena, "Write me a bio") == f"Writing and feedback need a language model. {why}"
    parts = asyncio.run(services.health.report())["components"]
    assert (parts["language_model"]["status"], parts["language_model"]["detail"]) == ("down", why)
    file.write_bytes(kept)


def test_another_process_learns_of_a_choice(services: Services, admin: Principal, openai_server: OpenAIServer) -> None:
    """A second database of its own and a second slot over the same file, as another process has them."""
    with closing(Database(services.settings.database_url)) as db:
        vault = Vault(services.settings.data.dir / "secrets" / "models.key", load_secret)
        other = ModelSlot(db, Choices(db, services.settings.llm, vault))
        save(services, admin, **at(openai_server, key=KEY))
        assert asyncio.run(other.grant()).model is None, "it looks every few seconds, not for each question"
        other._looked -= 3
        grant = asyncio.run(other.grant())
        assert grant.model is not None
        assert grant.name() == "tiny-chat"
        assert asyncio.run(grant.model.complete(QUESTION, seconds=5, max_tokens=9))
        assert openai_server.chats[-1].headers["authorization"] == f"Bearer {KEY}"
        save(services, admin, provider="settings")
        assert other.grant_now().model is not None
        other._looked -= 3
        assert other.grant_now().model is None


def test_a_database_that_does_not_answer_leaves_the_choice_in_force(
    services: Services, admin: Principal, openai_server: OpenAIServer, tmp_path: Path
) -> None:
    with closing(Database(f"sqlite:///{tmp_path / 'other.db'}")) as db:
        db.migrate()
        slot = ModelSlot(db, Choices(db, services.settings.llm, Vault(tmp_path / "models.key", load_secret)))
        held = slot.current
        with db.session() as session:
            session.connection().exec_driver_sql("DROP TABLE model_choices")
        slot.refresh()
        assert slot.current is held


def test_an_answer_ends_with_the_model_it_began_with(
    services: Services, admin: Principal, openai_server: OpenAIServer
) -> None:
    openai_server.script(LONG, token_seconds=0.005)
    with OpenAIServer() as second:

        async def change_while_it_streams() -> tuple[str, bool, bool]:
            await services.models.change(admin, ModelUpdate.model_validate(at(openai_server)))
            grant, old = await services.model.grant(), services.model.get()
            assert grant.model is not None
            assert old is not None
            parts = []
            async for delta in grant.model.stream(QUESTION):
                parts.append(delta)
                if len(parts) == 3:
                    await services.models.change(admin, ModelUpdate.model_validate(at(second)))
                    await asyncio.sleep(0.05)
            closed = not old._lanes._lanes
            later = await services.model.grant()
            assert later.model is not None
            said = await later.model.complete(QUESTION, seconds=5, max_tokens=9)
            return "".join(parts), closed, bool(said)

        told, closed, said = asyncio.run(change_while_it_streams())
        assert told == LONG
        assert closed, "the old connections are closed with the last answer"
        assert said
        assert len(second.chats) == 1


def test_an_idle_model_that_was_replaced_is_closed(
    services: Services, admin: Principal, openai_server: OpenAIServer
) -> None:
    async def replace() -> bool:
        await services.models.change(admin, ModelUpdate.model_validate(at(openai_server)))
        old = services.model.get()
        assert old is not None
        await old.check()
        await services.models.change(admin, ModelUpdate(provider="none"))
        await asyncio.sleep(0.1)
        return not old._lanes._lanes

    assert asyncio.run(replace())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"provider": "openai"}, "OpenAI needs a key"),
        ({"provider": "openai", "key": "two words"}, "no spaces"),
        ({"provider": "openai", "key": "line\nend"}, "no spaces"),
        ({"provider": "compatible"}, "Type the address"),
        ({"provider": "compatible", "base_url": "ftp://there/v1"}, "Type the address"),
        ({"provider": "compatible", "base_url": "file:///etc/passwd"}, "Type the address"),
        ({"provider": "compatible", "base_url": "http://name:word@there/v1"}, "Type the address"),
        ({"provider": "compatible", "base_url": "http://there:99999/v1"}, "Type the address"),
        ({"provider": "compatible", "base_url": "http://the re/v1"}, "Type the address"),
        ({"provider": "ollama", "model": "a\tb"}, "holds characters"),
        ({"provider": "ollama", "monthly_cap": 5, "cap_unit": "money"}, "needs prices"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    services: Services, admin: Principal, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(AppError, match=words) as caught:
        save(services, admin, **values)
    assert caught.value.status == 422
    assert services.models._choices.row() is None


@pytest.mark.parametrize(
    ("behaviour", "about", "words"),
    [
        ({}, "fine", r"tiny-chat at 127\.0\.0\.1:\d+ answered in \d+\.\d seconds"),
        ({"key": "other"}, "key", "refused the key. Copy it anew"),
        ({"status": 404}, "model", "does not know the model tiny-chat. Choose one of those"),
        ({"status": 404, "times": 9}, "model", "knows neither this address nor the model"),
        ({"status": 402}, "credit", "no credit left"),
        ({"status": 403}, "forbidden", "may not use tiny-chat"),
        ({"status": 429}, "limit", "used up"),
        ({"status": 400}, "request", "refused a short question"),
        ({"status": 500}, "other", "reported an error"),
        ({"html": True}, "protocol", "does not speak the OpenAI protocol"),
        ({"hang": True}, "slow", "Nothing came from"),
        ({"empty": True}, "fine", "sent no words"),
        ({"redirect": "http://127.0.0.1:1/v1"}, "elsewhere", "sends on to another address, which is not followed"),
    ],
)
def test_the_test_says_what_came(
    services: Services, admin: Principal, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch,
    behaviour: dict[str, Any], about: str, words: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(model_probe, "TRY_SECONDS", 0.5 if "hang" in behaviour else 15.0)
    openai_server.script(**behaviour)
    said = test(services, admin, **at(openai_server))
    assert (said.about, said.works) == (about, about == "fine")
    assert re.search(words, said.sentence), said.sentence
    assert services.models._choices.row() is None, "nothing is saved"


def test_a_dead_address_and_an_open_name(services: Services, admin: Principal, openai_server: OpenAIServer) -> None:
    openai_server.script(models=["first-chat", "second-chat"])
    said = test(services, admin, **at(openai_server, model=None))
    assert (said.model, said.models) == ("first-chat", ["first-chat", "second-chat"])
    openai_server.script(models=[])
    assert "offers no model yet" in test(services, admin, **at(openai_server, model=None)).sentence
    openai_server.stop()
    assert "Nothing answers at 127.0.0.1" in test(services, admin, **at(openai_server)).sentence
    assert test(services, admin, provider="none").works


def test_a_redirect_takes_the_key_nowhere(services: Services, admin: Principal, openai_server: OpenAIServer) -> None:
    with OpenAIServer() as thief:
        openai_server.script(redirect=f"{thief.base_url}/chat/completions")
        said = test(services, admin, **at(openai_server, key=KEY))
        assert said.about == "elsewhere"
        assert thief.requests == []


@pytest.mark.parametrize(
    ("configured", "key", "sent"),
    [
        ({}, "sk-zqxproviderkey4711", "sk-zqxproviderkey4711"),
        ({"api_key": "of-the-settings"}, None, "of-the-settings"),
        ({"api_key": "of-the-settings"}, "sk-zqxproviderkey4711", "sk-zqxproviderkey4711"),
        ({"api_key": "of-another", "base_url": "http://127.0.0.1:9/v1"}, None, None),
    ],
)
def test_openai_is_asked_at_its_own_address(
    services: Services, configured: dict[str, str], key: str | None, sent: str | None
) -> None:
    choices = Choices(
        services.db, LLMSettings.model_validate({**configured, "max_tokens": 77}), services.models._choices.vault
    )
    settings = choices.settings_of("openai", None, "gpt-4o", key)
    assert (settings.api_key.get_secret_value() if settings.api_key else None) == sent
    assert choices.openai_key_is_set() == ("api_key" in configured and "base_url" not in configured)
    assert (settings.provider, settings.base_url, settings.model, settings.max_tokens) == ("openai", None, "gpt-4o", 77)
    if sent is not None:
        model = chat_model(settings)
        assert model is not None
        assert model.settings.base_url == OPENAI_URL


def test_what_is_not_encrypted_on_its_way_is_said(services: Services, admin: Principal) -> None:
    assert save(services, admin, provider="compatible", base_url="http://127.0.0.1:9/v1").notes == []
    assert save(services, admin, provider="compatible", base_url="https://models.example/v1").notes == []
    [note] = save(services, admin, provider="compatible", base_url="http://10.1.2.3/v1").notes
    assert note.startswith("What goes to 10.1.2.3 is not encrypted")


def test_ollama_is_found_where_it_runs(services: Services, admin: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = [b'{"models": [{"name": "llama3.2:3b"}, {"name": 7}]}', b"[]", b"<html>"]

    class Tags(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(replies.pop(0))

        def log_message(self, format: str, *args: object) -> None:
            pass

    assert not asyncio.run(services.models.look(admin)).ollama.found
    with HTTPServer(("127.0.0.1", 0), Tags) as server:
        monkeypatch.setattr(model_choices, "OLLAMA", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found = [asyncio.run(services.models.look(admin)).ollama for _ in range(3)]
        server.shutdown()
        thread.join(5)
    assert [(one.found, one.models) for one in found] == [(True, ["llama3.2:3b"]), (False, []), (False, [])]
    model = save(services, admin, provider="ollama", model="llama3.2:3b")
    assert model.in_force == f"Answers are written by llama3.2:3b at 127.0.0.1:{server.server_port}."


def test_everybody_else_is_refused_and_all_is_audited(services: Services, admin: Principal) -> None:
    lena = person(services)
    for work in (
        lambda who: services.models.look(who),
        lambda who: services.models.change(who, ModelUpdate(provider="none")),
        lambda who: services.models.test(who, ModelTry(provider="none")),
    ):
        with pytest.raises(Forbidden):
            asyncio.run(work(lena))
        asyncio.run(work(admin))
    with services.db.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.user_id.in_([lena.user_id, admin.user_id]))).all()  # type: ignore[attr-defined]
    actions = ["models.read", "models.update", "models.test"]
    assert [(row.action, row.outcome) for row in rows if row.user_id == lena.user_id] == [
        (one, "refused") for one in actions
    ]
    assert [(row.action, row.outcome) for row in rows if row.user_id == admin.user_id] == [
        (one, "granted") for one in actions
    ]
