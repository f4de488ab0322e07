"""B6: no address leads to a file but the owner's own routes."""

from __future__ import annotations

import http.client
import io
import zipfile
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.conftest import ROOT
from tests.security.town import CANARY, Town

DOORS = (
    "/app/gradio_api/file=", "/app/gradio_api/file/", "/app/file=", "/app/file/", "/file=", "/gradio_api/file=",
    "/app/gradio_api/proxy=", "/app/gradio_api/stream/", "/app/gradio_api/custom_component/", "/app/gradio_api/upload/",
    "/app/static/", "/app/assets/", "/static/", "/api/documents/", "/app/gradio_api/vibe-code/", "/uploads/", "/data/",
)  # fmt: skip


def raw(town: Town, target: str, authorization: str | None) -> tuple[int, bytes]:
    """A GET whose target goes out byte for byte: no client tidies it up."""
    where = urlsplit(town.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    try:
        connection.putrequest("GET", target, skip_accept_encoding=True)
        if authorization:
            connection.putheader("Authorization", authorization)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def spellings(path: Path | str) -> list[str]:
    plain = str(path).lstrip("/")
    up = "../" * 12
    return [
        f"/{plain}", plain, f"{up}{plain}", quote(up, safe="") + plain, up.replace(".", "%2e") + plain,
        up.replace("/", "%2f") + plain, quote(quote(up, safe=""), safe="") + plain, "....//" * 12 + plain,
        f"/{plain}%00.png", f"/{plain}%00", up.replace("/", "%5c") + plain, f"file:///{plain}", f"%2f{plain}",
    ]  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_no_path_leads_to_a_file_of_the_data_folder(town: Town, door: str, tmp_path: Path) -> None:
    link = town.folder / "tmp" / "link.txt"
    link.unlink(missing_ok=True)
    link.symlink_to(town.folder / "ai_manager.db")
    vectors = next(path for path in (town.folder / "vectors").rglob("*") if path.is_file())
    secret = next((town.folder / "secrets").iterdir())
    upload = town.folder / "uploads" / town.alice.ids["document"]
    bob = town.bob.client.headers["authorization"]
    for path in (
        town.folder / "ai_manager.db",
        ROOT / ".env",
        ROOT / "config.yaml",
        vectors,
        secret,
        upload,
        link,
        "/etc/passwd",
    ):
        for spelling in spellings(path):
            for who, allowed in ((bob, {400, 403, 404}), (None, {400, 401, 403, 404})):
                status, body = raw(town, door + spelling, who)
                assert status in allowed, (door + spelling, status)
                for content in (CANARY.encode(), b"SQLite format 3", b"root:", b"embeddings:"):
                    assert content not in body.lower()
    link.unlink()


def test_an_upload_and_an_export_are_their_owners_alone(town: Town) -> None:
    address = f"/api/documents/{town.alice.ids['document']}/file"
    assert CANARY.encode() in town.alice.client.get(address).content.lower(), "the owner gets it"
    for who, status in ((town.bob, 404), (town.admin, 404), (town.ex, 401)):
        answer = who.client.get(address)
        assert (answer.status_code, CANARY.encode() in answer.content.lower()) == (status, False)
    assert town.anon.get(address).status_code == town.anon.get("/api/account/export").status_code == 401
    assert town.ex.client.get("/api/account/export").status_code == 401


def test_an_archive_asked_for_as_somebody_else_is_ones_own(town: Town) -> None:
    """B15: whatever a request adds to its address, and for admins too."""
    for query in ("", f"?user={town.alice.id}", f"?user_id={town.alice.id}", "?all=true", "?user=*"):
        for who in (town.bob, town.admin):
            answer = who.client.get(f"/api/account/export{query}")
            with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                content = b"".join(archive.read(name) for name in archive.namelist()).lower()
            assert who.email.encode() in content
            assert CANARY.encode() not in content
            assert town.alice.email.encode() not in content


def test_the_log_of_others_is_for_admins_whose_look_is_in_it(town: Town) -> None:
    """B15. What Bob tried with Alice's ids stands in his own log, as refusals of his."""
    assert town.bob.client.get("/api/audit", params={"user": town.alice.id}).status_code == 403
    rows = town.bob.client.get("/api/audit?limit=200").json()["items"]
    assert all(row["user_id"] == town.bob.id or row["object_id"] == town.bob.id for row in rows)
    assert town.admin.client.get("/api/audit", params={"user": town.alice.id}).json()["items"]
    looks = town.admin.client.get("/api/audit", params={"user": town.admin.id, "action": "audit.read"}).json()["items"]
    assert town.alice.id in {row["object_id"] for row in looks}
    town.admin.client.get("/api/admin/users")
    newest = town.admin.client.get("/api/audit", params={"user": town.admin.id}).json()["items"]
    assert "list_users" in {row["action"] for row in newest}
