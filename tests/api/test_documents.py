"""Documents over REST: what is taken, what is refused, who may do what with them."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx
import pytest

from app.api.limits import SMALL_BYTES
from tests.api.conftest import MAX_BYTES, Api, assert_error, upload, wait_ready
from tests.documents import make_docx


def write(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


@pytest.fixture
def document(user: httpx.Client, tmp_path: Path) -> str:
    file = write(tmp_path, "terms.txt", f"Clause {uuid.uuid4()}".encode())
    identifier: str = upload(user, file).json()["id"]
    return identifier


@pytest.mark.parametrize(
    ("name", "content", "code"), [("song.mp3", b"ID3", "unknown_type"), ("empty.txt", b"", "empty")]
)
def test_a_file_that_cannot_be_read_is_refused(
    user: httpx.Client, tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    assert_error(upload(user, write(tmp_path, name, content)), 415, code)
    assert user.get("/api/documents?kb=personal").json()["items"] == []


def test_an_upload_names_its_missing_or_wrong_field(user: httpx.Client, tmp_path: Path) -> None:
    missing = user.post("/api/documents", data={"kb": "personal"})
    assert assert_error(missing, 422, "invalid_request") == "The field 'file' is missing; send it."
    wrong = upload(user, write(tmp_path, "a.txt", b"text"), kb="theirs")
    assert assert_error(wrong, 422, "invalid_request") == "The field 'kb' must be 'personal' or 'global'."


def test_a_word_file_becomes_ready_too(user: httpx.Client, tmp_path: Path) -> None:
    file = make_docx(tmp_path / "bio.docx", ["Night Ferry is a singer from Bristol."], {0: "Biography"})
    assert wait_ready(user, upload(user, file).json()["id"])["status"] == "ready"


def test_the_same_file_twice_is_one_document(user: httpx.Client, stranger: httpx.Client, contract: Path) -> None:
    first = upload(user, contract).json()["id"]
    assert upload(user, contract).json()["id"] == first
    assert upload(stranger, contract).json()["id"] != first


def test_a_note_is_a_document(user: httpx.Client) -> None:
    received = user.post("/api/documents/notes", json={"title": "Call", "text": "They offer 18 percent."})
    assert received.status_code == 202
    ready = wait_ready(user, received.json()["id"])
    assert (ready["title"], ready["status"]) == ("Call", "ready")


def test_the_list_goes_on_where_it_stopped(user: httpx.Client) -> None:
    made = [
        user.post("/api/documents/notes", json={"title": f"Note {number}", "text": f"Text {number}"}).json()["id"]
        for number in range(3)
    ]
    first = user.get("/api/documents", params={"kb": "personal", "limit": 2}).json()
    rest = user.get("/api/documents", params={"kb": "personal", "limit": 2, "after": first["next"]}).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None
    assert user.get("/api/documents?limit=100000").status_code == 200


def test_times_are_utc(user: httpx.Client, document: str) -> None:
    created = user.get(f"/api/documents/{document}").json()["created"]
    assert created.endswith(("Z", "+00:00")), created


def test_title_and_standing_change(user: httpx.Client, document: str) -> None:
    body = {"title": "Final", "standing": "signed"}
    assert user.patch(f"/api/documents/{document}", json=body).status_code == 200
    changed = user.get(f"/api/documents/{document}").json()
    assert (changed["title"], changed["standing"]) == ("Final", "signed")
    assert_error(user.patch(f"/api/documents/{document}", json={"standing": "maybe"}), 422, "standing")


def test_the_file_comes_back_as_an_attachment(user: httpx.Client, tmp_path: Path) -> None:
    content = b"<script>alert(1)</script>"
    identifier = upload(user, write(tmp_path, "Vertr\u00e4ge \u2013 1.txt", content)).json()["id"]
    answer = user.get(f"/api/documents/{identifier}/file")
    assert answer.content == content
    assert answer.headers["content-disposition"].startswith("attachment; filename*=utf-8''Vertr%C3%A4ge")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_a_deleted_document_is_gone_at_once(user: httpx.Client, document: str) -> None:
    gone = user.delete(f"/api/documents/{document}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert_error(user.get(f"/api/documents/{document}"), 404, "not_found")
    assert user.get("/api/documents?kb=personal").json()["items"] == []


def test_only_a_failed_document_is_tried_again(user: httpx.Client, tmp_path: Path) -> None:
    broken = wait_ready(user, upload(user, write(tmp_path, "broken.pdf", b"%PDF-1.7 nothing more")).json()["id"])
    assert broken["status"] == "failed"
    assert broken["reason"].endswith(".")
    again = user.post(f"/api/documents/{broken['id']}/retry")
    assert (again.status_code, again.json()["status"]) == (202, "stored")
    ready = wait_ready(user, user.post("/api/documents/notes", json={"title": "A", "text": "B"}).json()["id"])
    assert_error(user.post(f"/api/documents/{ready['id']}/retry"), 409, "not_failed")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"title": "mine"}),
        ("DELETE", "", None),
        ("POST", "/retry", None),
        ("GET", "/file", None),
    ],
)
def test_a_foreign_document_and_an_unknown_one_are_the_same(
    user: httpx.Client, stranger: httpx.Client, document: str, method: str, path: str, body: object
) -> None:
    foreign = stranger.request(method, f"/api/documents/{document}{path}", json=body)
    unknown = stranger.request(method, f"/api/documents/{uuid.uuid4()}{path}", json=body)
    assert assert_error(foreign, 404, "not_found") == assert_error(unknown, 404, "not_found")
    assert user.get(f"/api/documents/{document}").json()["title"] == "terms"


def test_the_industry_base_is_written_by_admins_and_read_by_all(
    user: httpx.Client, admin: httpx.Client, tmp_path: Path
) -> None:
    file = write(tmp_path, "guide.md", b"# Sync\n\nA sync licence pairs a song with a film.")
    assert_error(upload(user, file, kb="global"), 403, "forbidden")
    shared = upload(admin, file, kb="global").json()
    assert wait_ready(user, shared["id"])["kb"] == "global"
    assert user.get("/api/documents?kb=personal").json()["items"] == []
    assert shared["id"] in {one["id"] for one in user.get("/api/documents?kb=global").json()["items"]}
    assert_error(user.delete(f"/api/documents/{shared['id']}"), 403, "forbidden")
    assert admin.delete(f"/api/documents/{shared['id']}").status_code == 204


def test_a_file_may_be_larger_than_other_bodies(user: httpx.Client, tmp_path: Path) -> None:
    file = write(tmp_path, "large.pdf", b"%PDF-1.7" + b" " * SMALL_BYTES)
    assert upload(user, file).status_code == 202


def test_a_file_above_the_limit_is_refused_and_nothing_is_kept(api: Api, user: httpx.Client, tmp_path: Path) -> None:
    file = write(tmp_path, "long.txt", b"a" * (MAX_BYTES + 1))  # the form still passes: the service counts the file
    assert_error(upload(user, file), 413, "too_large")
    assert user.get("/api/documents?kb=personal").json()["items"] == []
    assert not list((api.services.settings.data.dir / "uploads").glob("*.part"))


def test_a_new_version_replaces_the_file_and_the_old_answers_until_then(user: httpx.Client, tmp_path: Path) -> None:
    file = write(tmp_path, "terms.txt", f"The option is two albums. {uuid.uuid4()}".encode())
    identifier = wait_ready(user, upload(user, file).json()["id"])["id"]
    content = f"The option is four albums. {uuid.uuid4()}".encode()
    answer = user.put(f"/api/documents/{identifier}/file", files={"file": ("terms 2.txt", content)})
    assert answer.status_code == 202
    assert (answer.json()["id"], answer.json()["answers"]) == (identifier, True)
    ready = wait_ready(user, identifier)
    assert (ready["status"], ready["filename"], ready["version"]) == ("ready", "terms 2.txt", 2)
    assert user.get(f"/api/documents/{identifier}/file").content == content
    hits = user.post("/api/search", json={"query": "option albums", "documents": [identifier]}).json()["hits"]
    assert [hit["text"].startswith("The option is four albums.") for hit in hits] == [True]


def test_a_new_version_may_be_as_large_as_an_upload_and_no_larger(
    user: httpx.Client, stranger: httpx.Client, document: str, tmp_path: Path
) -> None:
    path = f"/api/documents/{document}/file"
    text = (b"A clause of the deal. " * 60_000)[: SMALL_BYTES + 1000]
    assert user.put(path, files={"file": ("long.txt", text)}).status_code == 202
    huge = user.put(path, files={"file": ("long.txt", b"x" * (MAX_BYTES + 2_000_000))})
    assert_error(huge, 413, "too_large")
    assert_error(stranger.put(path, files={"file": ("a.txt", b"theirs")}), 404, "not_found")
    user.post(f"/api/documents/{document}/cancel")


def test_what_is_ready_cannot_be_cancelled(user: httpx.Client, stranger: httpx.Client, document: str) -> None:
    wait_ready(user, document)
    assert_error(user.post(f"/api/documents/{document}/cancel"), 409, "not_running")
    assert_error(stranger.post(f"/api/documents/{document}/cancel"), 404, "not_found")
