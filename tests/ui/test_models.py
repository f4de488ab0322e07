"""The language model on the admin page, in Chromium: choosing, testing, saving, the month, on a desktop and on a phone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import gradio as gr
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import delete

from app.models import ModelChoice, Usage, now
from app.services import model_choices
from app.services.services import Services
from app.ui import knowledge
from app.ui.models import build_models
from app.ui.shared import header
from tests.api.conftest import Api
from tests.log_canaries import CANARIES
from tests.security.served import served
from tests.ui.chromium import PHONE, Visitor
from tests.ui.conftest import Visit

KEY = CANARIES["provider key"]
PAGE = "knowledge"  # where the panel stands in these tests


def page_of_models(services: Services) -> None:
    header("Knowledge")
    with gr.Column(elem_id="knowledge-page"):
        build_models(services)


@pytest.fixture(autouse=True)
def _as_configured(site: Api) -> Iterator[None]:
    yield
    site.llm.script()
    with site.services.db.session() as session:
        session.execute(delete(ModelChoice))
    site.services.model.refresh()


@pytest.fixture(scope="module")
def ollama() -> Iterator[str]:
    """What Ollama answers on this machine."""

    class Tags(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"models": [{"name": "llama3.2:3b"}, {"name": "qwen3:8b"}]}')

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Tags)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, models_dir: Path, ollama: str) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knowledge, "build", page_of_models)
        patch.setattr(model_choices, "OLLAMA", ollama)
        with served(tmp_path_factory.mktemp("data"), models_dir) as made:
            yield made


def opened(page: Page) -> Page:
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    return page


def refused(person: Visitor, *statuses: int) -> None:
    """The browser itself writes to the console what a request was refused with: these, and nothing else."""
    assert [re.findall(r"status of (\d+)", said)[0] for said in person.witness.seen] == [str(one) for one in statuses]
    person.witness.seen.clear()


def choose(page: Page, title: str) -> None:
    page.get_by_role("radio", name=re.compile(title)).check()


def address(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Address")


def test_a_model_is_tested_chosen_and_in_force(site: Api, visitor: Visit) -> None:
    site.llm.script(key=KEY, models=["tiny-chat", "other-chat"])
    admin = visitor(role="admin")
    page = opened(admin.open(PAGE))
    expect(page.get_by_text(f"Answers are written by tiny-chat at 127.0.0.1:{site.llm.port}.")).to_have_count(2)
    expect(page.get_by_role("radio", name="As in config.yaml")).to_be_checked()
    expect(address(page)).to_be_hidden()

    choose(page, "Another address")
    address(page).fill(site.llm.base_url)
    page.get_by_label("Key", exact=True).fill("sk-not-that-one")
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("refused the key")).to_be_visible()
    page.get_by_label("Key", exact=True).fill(KEY)
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text(re.compile(r"tiny-chat at 127.0.0.1:\d+ answered in .* seconds"))).to_be_visible()
    page.get_by_role("button", name="other-chat").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value("other-chat")
    page.get_by_label("At most").fill("2.000.000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It is in force now.")).to_be_visible()
    expect(page.locator(".now")).to_have_text(f"Answers are written by other-chat at 127.0.0.1:{site.llm.port}.")
    expect(page.locator(".used")).to_contain_text("of 2,000,000 tokens at most")

    opened(admin.open(PAGE))
    expect(address(page)).to_have_value(site.llm.base_url)
    expect(page.get_by_label("Key", exact=True)).to_have_value("")
    expect(page.get_by_text("A key is kept, sealed.")).to_be_visible()
    assert KEY not in page.content()
    assert not admin.scrolls_sideways()
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text(re.compile("other-chat at .* answered"))).to_be_visible()


def test_on_a_phone_ollama_is_found_and_chosen_by_keyboard(site: Api, visitor: Visit) -> None:
    admin = visitor(PHONE, role="admin")
    page = opened(admin.open(PAGE))
    expect(page.get_by_role("radio", name="Ollama")).to_have_accessible_description(re.compile("Found, with 2 models"))
    page.get_by_role("radio", name="As in config.yaml").focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    expect(page.get_by_role("radio", name="Ollama")).to_be_checked()
    expect(page.get_by_role("textbox", name="Key")).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Model")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Model")).to_have_value("qwen3:8b")
    assert not admin.scrolls_sideways()
    page.get_by_role("textbox", name="Model").press("Enter")
    expect(page.get_by_text("Saved. It is in force now.")).to_be_visible()
    expect(page.locator(".now")).to_contain_text("Answers are written by qwen3:8b at 127.0.0.1:")


def test_a_month_that_is_used_up_is_shown_and_said(site: Api, visitor: Visit) -> None:
    with site.services.db.session() as session:
        session.execute(delete(Usage))
        session.add(Usage(day=now().date(), model="tiny-chat", tokens_in=900, tokens_out=100))
    admin = visitor(role="admin")
    page = opened(admin.open(PAGE))
    page.get_by_label("At most").fill("4000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    page.get_by_label("At most").fill("lots")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("“lots” is no amount")).to_be_visible()
    page.get_by_label("At most").fill("1 000")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".now")).to_contain_text("The month's limit for the language model is used up")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    page.get_by_label("Counted in").select_option("money")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("A limit in money needs prices")).to_be_visible()
    page.get_by_text("Prices, for what it costs").click()
    page.get_by_label("Read", exact=True).fill("0,15")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It is in force now.")).to_be_visible()
    expect(page.get_by_label("Read", exact=True)).to_have_value("0.15")
    refused(admin, 422)


def test_what_cannot_be_used_is_said_and_the_key_goes_nowhere_else(site: Api, visitor: Visit) -> None:
    site.llm.script(key=KEY)
    admin = visitor(role="admin")
    page = opened(admin.open(PAGE))
    choose(page, "OpenAI")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("OpenAI needs a key")).to_be_visible()
    choose(page, "Another address")
    address(page).fill("ftp://example.org")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Type the address of the server")).to_be_visible()
    address(page).fill(site.llm.base_url)
    page.get_by_role("textbox", name="Key").fill(KEY)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("A key is kept, sealed.")).to_be_visible()
    address(page).fill("http://10.1.2.3:8000/v1")
    expect(page.get_by_text("A key is kept, sealed.")).to_be_hidden()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("What goes to 10.1.2.3:8000 is not encrypted on its way")).to_be_visible()
    choose(page, "As in config.yaml")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"Answers are written by tiny-chat at 127.0.0.1:{site.llm.port}.")).to_have_count(2)
    refused(admin, 422, 422)


def test_a_user_is_told_that_it_is_for_admins(site: Api, visitor: Visit) -> None:
    person = visitor()
    page = person.open(PAGE)
    expect(page.get_by_text("This is for admins; ask one of them.")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_hidden()
    refused(person, 403)
