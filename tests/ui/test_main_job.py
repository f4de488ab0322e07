"""The whole main job as a person does it: register, add a contract, ask for its governing law, see the page, sign out.

Everything is real: the server is a process of its own, the browser is Chromium, the contract is a PDF.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.config import ROOT
from tests.documents import SHARED, make_contract_pdf
from tests.openai_replies import LABEL, Body, default_reply
from tests.openai_server import OpenAIServer
from tests.processes import told_address
from tests.ui.chromium import Witness

START_SECONDS, READY_SECONDS = 90, 90
PASSWORD = "three chords and the truth"
QUESTION = "What is the governing law of my contract?"


@dataclass(frozen=True)
class Contract:
    file: Path
    law: str  # words of its governing-law clause
    page: int


@pytest.fixture(scope="module")
def llm() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.script(reply=answer_from_the_clause, token_seconds=0.02)
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, models_dir: Path, llm: OpenAIServer) -> Iterator[str]:
    """The address of a running server with an empty data folder."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "models").symlink_to(models_dir, target_is_directory=True)
    log = (folder / "serve.log").open("wb")
    outside = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIM_", "OPENAI_", "QDRANT_", "DATABASE_"))
    }
    environment = {
        **outside,
        "AIM_DATA__DIR": str(folder),
        "OPENAI_BASE_URL": llm.base_url,
        "AIM_LLM__MODEL": "tiny-chat",
    }
    command = [sys.executable, "-m", "app", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield told_address(process, folder / "serve.log", START_SECONDS)
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    real = next((SHARED / "contracts" / "pdf").glob("TEARDROPGOLF*ENDORSEMENT*.pdf"), None)
    if real is not None:
        return Contract(real, "Commonwealth of Virginia", 6)
    return Contract(make_contract_pdf(tmp_path / "management.pdf"), "laws of England and Wales", 3)


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desktop", "phone"])
def test_a_newcomer_gets_a_cited_answer_from_a_contract(
    browser: Browser, server: str, contract: Contract, size: tuple[int, int]
) -> None:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page, witness = context.new_page(), Witness(server)
    witness.watch(page)

    page.goto(server)
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail").fill(f"lena{size[0]}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="What are you?")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Skip all").click()
    expect(page.get_by_role("heading", name="Ask your manager")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("You have no documents of your own yet")).to_be_visible()

    page.locator("#chat-drop input[type=file]").set_input_files(contract.file)
    expect(page.locator("#chat-drop li")).to_contain_text(re.compile(r"Ready: \d+ pages"), timeout=READY_SECONDS * 1000)
    expect(page.get_by_text("You have no documents of your own yet")).to_be_hidden()

    page.get_by_role("textbox", name="Your question").fill(QUESTION)
    page.get_by_role("textbox", name="Your question").press("Enter")
    answer = page.get_by_role("log")
    expect(answer).to_contain_text(re.compile(rf"{contract.law}.*\[P\d\]", re.DOTALL), timeout=30_000)
    source = answer.locator("details.source").first
    expect(source.locator("summary")).to_contain_text(f"{contract.file.stem} page {contract.page}")
    source.locator("summary").click()
    expect(source.locator("blockquote")).to_contain_text(contract.law)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()

    page.reload()
    expect(answer.locator("details.source summary").first).to_contain_text(f"page {contract.page}", timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"

    if size[0] < 600:
        page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Knowledge").click()
    expect(page.locator("#own")).to_contain_text(
        re.compile(rf"{re.escape(contract.file.stem)}.*Ready", re.DOTALL), timeout=20_000
    )
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"

    if size[0] < 600:
        page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{server}/app/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert witness.seen == []
    context.close()


def answer_from_the_clause(body: Body) -> str:
    """What a careful model would say: the sentence on governing law among the sources, with the label of its source."""
    prompt = str(body["messages"][-1]["content"])
    labels = [*LABEL.finditer(prompt)]
    for label, following in zip(labels, [*labels[1:], None], strict=True):
        passage = " ".join(prompt[label.end() : following.start() if following else None].split())
        if clause := re.search(r"[^.]*\bgoverned\b[^.]*\.", passage):
            return f"It says: “{clause.group().strip()}” [{label.group(1)}]."
    return default_reply(body)
