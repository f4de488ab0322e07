"""E1 and E5: a user's words and secrets go through every door of the running program at DEBUG, and no log holds one.

The plugin `tests.log_canaries` sweeps what the whole suite logs; here is the one test that brings every canary everywhere.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.config import ROOT
from app.models import AuditEvent
from tests.documents import make_pdf
from tests.log_canaries import CANARIES, COMMON, encoded, kinds_in, sweep_files
from tests.security.deployed import Site, new_email, settled

C = CANARIES
QUESTION = f"What is the term of my {C['question']} agreement?"
TEXT = f"The term of the agreement about {C['document text']} is five years."


def test_e1_no_door_lets_a_secret_into_any_log(site: Site, tmp_path: Path) -> None:
    email, secrets = new_email(), []
    with site.client() as anyone:
        pair = anyone.post("/api/auth/register", json={"email": email, "password": C["password"]}).json()
        secrets += [pair["access_token"], pair["refresh_token"]]
        secrets += strangers_at_the_door(site, anyone, email, pair["refresh_token"])
    # What was rotated above is void; a new sign-in goes on.
    with site.client() as anyone:
        pair = anyone.post("/api/auth/token", json={"email": email, "password": C["password"]}).json()
    secrets += [pair["access_token"], pair["refresh_token"]]
    with site.client(Authorization=f"Bearer {pair['access_token']}") as client:
        by_rest(client, site, tmp_path)
    secrets.append(by_gradio(site, email))
    site.llm.script()

    found = sweep_files(site.folder) + [f"terminal: {kind}" for kind in kinds_in(site.output)]
    assert found == []
    logs = b"".join(path.read_bytes() for path in (site.folder / "logs").iterdir()) + site.output
    assert len(logs) > 100_000
    assert b"sqlalchemy.engine" in logs, "libraries were heard"
    assert b"httpx" in logs
    for secret in secrets:
        assert not [form for form in encoded(secret) if form in logs]
    with sqlite3.connect(f"file:{site.folder / 'ai_manager.db'}?mode=ro", uri=True) as database:
        rows = database.execute(f"SELECT * FROM {AuditEvent.__tablename__}").fetchall()
    assert len(rows) > 20
    assert kinds_in(json.dumps(rows, default=str).encode()) == []


def strangers_at_the_door(site: Site, anyone: httpx.Client, email: str, refresh: str) -> list[str]:
    """Wrong and throttled sign-ins, forms, tokens and providers; what was handed out on the way."""
    for _ in range(8):
        refused = anyone.post("/api/auth/token", json={"email": C["e-mail"], "password": C["password"] + "!"})
    assert refused.status_code == 429
    for path in ("/login", "/register"):
        anyone.post(path, data={"email": email, "password": C["password"] + "x", "next": f"/app/?q={C['question']}"})
    anyone.post("/api/auth/register", json={"email": email, "password": C["password"]})  # taken
    anyone.post("/api/auth/register", content=f'{{"email": "{C["e-mail"]}", "pass'.encode())
    renewed = anyone.post("/api/auth/refresh", json={"refresh_token": refresh}).json()
    anyone.post("/api/auth/refresh", json={"refresh_token": refresh + "x"})
    anyone.get(f"/api/{C['title']}?q={C['question']}", headers={"Authorization": f"Bearer {renewed['access_token']}x"})
    anyone.get(f"/{C['file name']}.txt", headers={"X-Request-ID": C["question"], "User-Agent": C["answer"]})
    site.oidc.email = C["e-mail"]
    led = anyone.get("/login/oidc/corp", follow_redirects=False)
    assert led.status_code == 303, led.text
    anyone.get(f"/login/oidc/corp/callback?state={C['question']}&code={C['client secret']}")
    site.oidc.failing = {"/token"}
    with httpx.Client(follow_redirects=True, trust_env=False, timeout=30, base_url=site.url) as browser:
        browser.get("/login/oidc/corp")
    site.oidc.failing = set()
    return [renewed["access_token"], renewed["refresh_token"]]


def by_rest(client: httpx.Client, site: Site, tmp_path: Path) -> None:
    """Documents that are read and one that is not, questions that are answered and some that are not, errors of all kinds."""
    assert client.put("/api/profile", json={"artist_name": C["artist"], "bio": C["profile"]}).status_code == 200
    artist = client.post("/api/artists", json={"name": C["artist"]}).json()["id"]
    client.post(f"/api/artists/{artist}/handover", json={"email": C["e-mail"]})
    files = {
        f"{C['file name']}.txt": TEXT.encode(),
        f"{C['file name']}.pdf": b"%PDF-1.7\n" + C["document text"].encode() * 20,  # fails in the reader
        f"{C['file name']}.exe": b"MZ" + C["document text"].encode(),  # is refused
        f"{C['file name']}2.pdf": make_pdf(tmp_path / "x.pdf", [TEXT]).read_bytes(),
    }
    taken = {name: client.post("/api/documents", files={"file": (name, body)}).json() for name, body in files.items()}
    ids = {name: document["id"] for name, document in taken.items() if "id" in document}
    assert [settled(client, one)["status"] for one in ids.values()] == ["ready", "failed", "ready"]
    document = ids[f"{C['file name']}.txt"]
    client.patch(f"/api/documents/{document}", json={"title": C["title"]})
    client.post(f"/api/documents/{ids[C['file name'] + '.pdf']}/retry")
    client.get(f"/api/documents/{document}/file")
    client.get(f"/api/documents/{C['title']}", params={"after": C["question"]})
    client.patch(f"/api/documents/{document}", json={"standing": C["title"]})
    client.post("/api/search", json={"query": QUESTION})
    client.post("/api/search", json={"query": QUESTION, "intent": C["question"]})
    client.post("/api/search", content=f'{{"query": "{C["question"]}'.encode())
    site.answers(f"It says {C['answer']} [P1].")
    answer = client.post("/api/messages", json={"text": QUESTION}).json()
    assert C["answer"] in answer["text"]
    assert C["provider key"] in site.llm.chats[-1].headers["authorization"]
    client.patch(f"/api/conversations/{answer['conversation']}", json={"title": C["title"]})
    client.get(f"/api/messages/{answer['id']}/trace")
    client.post(f"/api/messages/{answer['id']}/feedback", json={"rating": -1, "reason": C["answer"]})
    client.post("/api/messages", json={"text": QUESTION, "stream": True}, headers={"Idempotency-Key": C["question"]})
    for broken in ({"status": 500, "times": 9}, {"status": 401, "times": 9}, {"html": True}, {"garbage": True},
                   {"stream_error": True}, {"empty": True}, {"die_after": 3}):  # fmt: skip
        site.llm.script(reply=f"{C['answer']} " * 20, **broken)
        client.post("/api/messages", json={"text": QUESTION, "stream": True})
        client.post("/api/search", json={"query": f"{QUESTION} {broken}"})
    site.llm.script()
    client.post("/api/auth/password", json={"old_password": C["password"] + "!", "new_password": C["password"] + "?"})
    client.get("/api/account/export")


def by_gradio(site: Site, email: str) -> str:
    """Every event of the pages with a canary in every place, also where only a choice may stand; the cookie's secret."""
    with site.client(Origin=site.url) as browser:
        browser.post("/login", data={"email": email, "password": C["password"]})
        config = browser.get("/app/config").json()
        for event in config["dependencies"]:
            data = [C["question"] for _ in event["inputs"]]
            body = {
                "session_hash": f"tab{event['id']}",
                "fn_index": event["id"],
                "data": data,
                "event_data": {"id": C["title"]},
            }
            if browser.post("/app/gradio_api/queue/join", json=body).status_code != 200:
                continue
            with browser.stream(
                "GET", "/app/gradio_api/queue/data", params={"session_hash": f"tab{event['id']}"}
            ) as heard:
                for line in heard.iter_lines():
                    if "close_stream" in line or "process_completed" in line:
                        break
        return browser.cookies["aim_session"]


@pytest.mark.slow
def test_e1_nor_does_the_command_line(site: Site, tmp_path: Path) -> None:
    """In a data folder of its own, with the starter knowledge: a minute."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "models").symlink_to((site.folder / "models").resolve(), target_is_directory=True)
    (tmp_path / f"{C['file name']}.md").write_text(TEXT)

    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "app", *arguments], cwd=ROOT, env={**site.environment, "AIM_DATA__DIR": str(folder)},
            input=given.encode(), capture_output=True, timeout=300, check=False,
        )  # fmt: skip

    site.answers(f"It says {C['answer']} [P1].")
    ran = [run("users", "add", C["e-mail"], given=C["password"] + "\n")]
    ran.append(run("users", "reset-password", C["e-mail"], given="short\n"))
    ran.append(run("ingest", str(tmp_path / f"{C['file name']}.md"), "--user", C["e-mail"]))
    ran.append(run("ask", QUESTION, "--user", C["e-mail"]))
    site.llm.script()
    assert [one.returncode for one in ran] == [0, 1, 0, 0], [one.stderr for one in ran]
    assert C["answer"] in ran[-1].stdout.decode()
    for one in ran:
        assert C["password"].encode() not in one.stdout + one.stderr
        assert b"Traceback" not in one.stderr
    assert (folder / "logs" / "ai_manager.log").stat().st_size > 1000
    assert sweep_files(tmp_path) == []


FORGED = '"}\r\n{"level": "CRITICAL", "event": "forged"}\x1b[2J\x1b]0;forged\x07\u2028forged'


def test_e5_no_name_can_forge_a_record_or_steer_a_terminal(site: Site) -> None:
    with site.register() as client:
        client.put("/api/profile", json={"artist_name": FORGED})
        client.post("/api/artists", json={"name": FORGED})
        client.post("/api/conversations", json={"title": FORGED})
        client.post("/api/documents/notes", json={"title": FORGED, "text": "Nothing."})
        client.post("/api/documents", files={"file": (f"{FORGED}.txt", b"Nothing.")})
        client.post("/api/documents", files={"file": (f"{FORGED}.pdf", b"%PDF-1.7 nothing")})
        for path in ("/api/documents/%22%7D%0d%0aforged", "/api/audit?user=%0d%0aforged", "/%1b%5b2Jforged"):
            client.get(path)
        client.get("/api/documents", headers={"X-Request-ID": '"} {"event": "forged"}', "User-Agent": "\x1b[2Jforged"})
        client.request("FORGED", "/api/documents")
    with site.client() as anyone:
        anyone.post("/api/auth/token", json={"email": f"{FORGED}@example.com", "password": FORGED})
        anyone.post("/login", data={"email": FORGED, "password": FORGED, "next": FORGED})
    records = 0
    for file in (site.folder / "logs").iterdir():
        text = file.read_text(encoding="utf-8")
        assert "forged" not in text.lower()
        for line in text.splitlines()[:-1]:
            assert {"at", "level", "event", "module"} <= set(json.loads(line))
            records += 1
    assert records > 100
    shown = site.output.decode()
    assert "forged" not in shown.lower()
    assert "\x1b" not in shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", shown)


@pytest.mark.parametrize("kind", sorted(CANARIES))
def test_e1_the_sweep_sees_every_canary_however_it_is_written(kind: str, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number, form in enumerate(encoded(CANARIES[kind])):
        (tmp_path / "logs" / f"ai_manager.{number}.log").write_bytes(b'{"event": "x", "a": "' + form + b'"}\n')
    found = sweep_files(tmp_path)
    shutil.rmtree(tmp_path / "logs")  # the sweep at the end of the run would find them too
    assert len([one for one in found if one.endswith(f": {kind}")]) == len(encoded(CANARIES[kind]))
    assert not [one for one in found if CANARIES[kind] in one], "the line itself is not shown"


def test_e1_the_sweep_sees_what_looks_like_a_secret() -> None:
    shapes = {
        "JWT": b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.x", "bearer": b"Authorization: Bearer abcdefghijklmnopqrst",
        "session cookie": b"aim_session=abcdefghijklmnopqrst", "refresh token": b"a" * 22 + b"." + b"b" * 43,
        "provider key": b"sk-abcd", "password hash": b"$argon2id$v=19", "e-mail": b"dana%40example.com",
    }  # fmt: skip
    for kind, text in shapes.items():
        assert kind in kinds_in(b"{" + text + b"}")
    assert (
        kinds_in(b'{"event": "request", "user_id": "28f4b985-6410-4d2c-8b04-631ae6829789", "route": "/api/documents"}')
        == []
    )
    assert kinds_in(COMMON["password"][0].encode()) == ["password"]
