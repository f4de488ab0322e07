"""The account over REST: everything out, everything gone."""

from __future__ import annotations

import io
import json
import uuid
from pathlib import Path
from zipfile import ZipFile

import httpx

from tests.api.conftest import PASSWORD, Api, assert_error, upload, wait_ready


def files_with(folder: Path, words: list[str]) -> set[str]:
    """The files below the data folder that hold one of the words; the shared model files are no data."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "models" not in path.relative_to(folder).parts
        if any(word.encode() in path.read_bytes().lower() for word in words)
    }


def canary() -> str:
    return f"canary{uuid.uuid4().hex}"


def test_the_archive_is_a_zip_of_ones_own(user: httpx.Client, stranger: httpx.Client, api: Api, tmp_path: Path) -> None:
    mine, theirs = tmp_path / f"{canary()}.txt", tmp_path / f"{canary()}.txt"
    for client, file in ((user, mine), (stranger, theirs)):
        file.write_text(f"The manager receives 17 percent. {file.stem}")
        wait_ready(client, upload(client, file).json()["id"])
    user.post("/api/messages", json={"text": "What does my manager receive?"})
    answer = user.get("/api/account/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="ai-manager-2')
    assert answer.headers["content-disposition"].endswith('.zip"')
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.content)
    archive = ZipFile(io.BytesIO(answer.content))
    names = set(archive.namelist())
    assert {"account.json", "profile.json", "artists.json", "documents.json", "traces.json", "audit.json"} <= names
    (document,) = json.loads(archive.read("documents.json"))
    assert archive.read(document["file"]) == mine.read_bytes()
    (talk,) = (json.loads(archive.read(name)) for name in names if name.startswith("conversations/"))
    assert [message["role"] for message in talk["messages"]] == ["user", "assistant"]
    assert talk["messages"][1]["citations"][0]["document_id"] == document["id"]
    assert theirs.stem.encode() not in b"".join(archive.read(name) for name in names)
    assert not list((api.services.settings.data.dir / "tmp").glob("export-*"))


def test_nothing_is_deleted_without_a_word_of_confirmation(user: httpx.Client, anyone: httpx.Client) -> None:
    sentence = assert_error(user.delete("/api/account"), 422, "confirm")
    assert "add ?confirm=true" in sentence
    assert_error(user.delete("/api/account?confirm=false"), 422, "confirm")
    assert_error(user.delete("/api/account?confirm=perhaps"), 422, "invalid_request")
    assert anyone.delete("/api/account?confirm=true").status_code == 401
    assert user.get("/api/profile").status_code == 200


def test_a_deleted_account_leaves_no_byte_behind(
    api: Api, user: httpx.Client, anyone: httpx.Client, tmp_path: Path
) -> None:
    folder = api.services.settings.data.dir
    client, account = api.register()
    words = [canary() for _ in range(5)]
    name, bio, content, question, title = words
    words.append(account["email"])
    with client:
        artist = client.post("/api/artists", json={"name": name}).json()["id"]
        client.put("/api/profile", json={"bio": bio})
        file = tmp_path / f"{content}.txt"
        file.write_text(f"The manager receives 17 percent of {content}. " * 50)
        document = wait_ready(client, upload(client, file, artist_id=artist).json()["id"])
        client.post("/api/messages", json={"text": f"What does the manager receive of {question}?"})
        client.post("/api/conversations", json={"title": title})
        second = anyone.post("/api/auth/token", json={"email": account["email"], "password": PASSWORD}).json()
        waiting = upload(client, make(tmp_path, f"{content} " * 2000)).json()["id"]
        assert files_with(folder, words) >= {f"uploads/{document['id']}", f"uploads/{waiting}"}
        kept = user.post("/api/conversations", json={"title": "mine"}).json()["id"]

        gone = client.delete("/api/account?confirm=true")
        assert (gone.status_code, gone.content) == (204, b"")
        assert files_with(folder, words) == set()

        for token in (account["access_token"], second["access_token"]):
            assert anyone.get("/api/profile", headers={"Authorization": f"Bearer {token}"}).status_code == 401
        assert anyone.post("/api/auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 401
        refused = anyone.post("/api/auth/token", json={"email": account["email"], "password": PASSWORD})
        assert_error(refused, 401, "wrong_credentials")
    assert user.get(f"/api/conversations/{kept}").json()["title"] == "mine"


def test_a_browser_loses_its_cookie_with_the_account(api: Api) -> None:
    client, account = api.register()
    client.close()
    user = api.services.users.by_email(account["email"])
    secret, _ = api.services.sessions.open_browser(user.id, trusted=True)
    with api.client(Cookie=f"aim_session={secret}", Origin=api.url) as browser:
        gone = browser.delete("/api/account?confirm=true")
        assert gone.status_code == 204
        assert 'aim_session=""' in gone.headers["set-cookie"]
        assert browser.get("/api/profile").status_code == 401
    with api.client(Cookie=f"aim_session={secret}", Origin="https://evil.example") as elsewhere:
        assert elsewhere.delete("/api/account?confirm=true").status_code in (401, 403)


def make(folder: Path, text: str) -> Path:
    file = folder / f"{uuid.uuid4().hex}.txt"
    file.write_text(text)
    return file
