"""More answers at once than the 40 that Gradio would run: the people of the load benchmark, at this module's application."""

from __future__ import annotations

import asyncio
import threading
from urllib.parse import urlsplit

from benchmarks.ui_load import MARK, visit
from benchmarks.ui_load_client import Plan, everybody
from tests.api.conftest import PASSWORD, Api

PEOPLE, GRADIO_STOPS_AT = 46, 40
SILENCE = 8.0  # seconds before an answer's first word, so that all of them are under way at the same time
HELLO = "Hello, how are you?"  # needs no search


def test_more_than_forty_answers_are_written_at_once(site: Api) -> None:
    site.llm.script(f"{MARK} and a good day to you.", first_token_seconds=SILENCE)
    hashed = site.services.users.add("crowd@example.com", PASSWORD)
    people = [hashed.id, *(site.services.users.add(f"crowd{n}@example.com", PASSWORD).id for n in range(15))]
    # Three each at most.
    secrets = [site.services.sessions.open_browser(people[n % 16], False)[0] for n in range(PEOPLE)]
    port = urlsplit(site.url).port or 0
    heartbeat, steps = visit(port, secrets[0])
    writing, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(0.1):
            writing.append(site.services.chat.writing())

    watch = threading.Thread(target=look)
    watch.start()
    outcome = asyncio.run(everybody(Plan(port, "ui", 0.0, MARK, secrets, steps, [HELLO] * PEOPLE, heartbeat)))
    done.set()
    watch.join()
    assert outcome.errors == {}
    assert max(writing) == PEOPLE > GRADIO_STOPS_AT
