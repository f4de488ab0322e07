"""The OpenAPI document says what is true of every route, completely, and its examples fit their shapes."""

from __future__ import annotations

import re
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.api.conftest import Api, upload
from tests.api.test_routes import OPEN

Document = dict[str, Any]
FAILURE = re.compile(r"#/components/responses/\w+")


@pytest.fixture
def document(user: httpx.Client) -> Document:
    found: Document = user.get("/api/openapi.json").json()
    return found


def operations(document: Document) -> list[tuple[str, str, Document]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_signed_in_users_read_it(anyone: httpx.Client, document: Document) -> None:
    assert anyone.get("/api/openapi.json").status_code == 401
    assert document["openapi"].startswith("3.1")
    assert {tag["name"] for tag in document["tags"]} == {
        tag for _, _, operation in operations(document) for tag in operation["tags"]
    }


def test_every_operation_has_a_name_a_summary_and_a_tag(document: Document) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(document):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), (method, path)
        assert operation["summary"], (method, path)
        assert len(operation["tags"]) == 1, (method, path)


def test_errors_have_the_one_shape_whatever_the_status(document: Document) -> None:
    assert "HTTPValidationError" not in str(document)
    for name, response in document["components"]["responses"].items():
        content = response["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ErrorShape"}, name
        assert set(content["example"]) == {"error", "detail", "request_id"}
    for method, path, operation in operations(document):
        assert "default" not in operation["responses"], "it would permit every status"
        failures = {int(status): one for status, one in operation["responses"].items() if int(status) >= 400}
        assert {400, 403, 500, 503} <= set(failures), (method, path)
        assert (413 in failures) == ("requestBody" in operation), (method, path)
        assert (404 in failures) or "{" not in path, (method, path)
        for status, response in failures.items():
            if (path, status) != ("/api/health", 503):  # there it is the report
                assert FAILURE.fullmatch(response["$ref"]), (method, path, status)
    for name in ("TooMany", "Unavailable"):
        assert "Retry-After" in document["components"]["responses"][name]["headers"]


def test_all_but_the_open_ones_need_a_sign_in_of_either_kind(document: Document) -> None:
    schemes = document["components"]["securitySchemes"]
    assert (schemes["bearer"]["scheme"], schemes["cookie"]["name"]) == ("bearer", "aim_session")
    for method, path, operation in operations(document):
        if path not in OPEN:
            assert operation["security"] == [{"bearer": []}, {"cookie": []}], (method, path)
            assert "401" in operation["responses"], (method, path)
        else:
            assert {} in operation.get("security", [{}]), (method, path)


def test_every_answer_and_body_has_an_example_that_fits(document: Document) -> None:
    def check(holder: Document, where: str) -> None:
        schema = {**holder["schema"], "components": document["components"]}
        target = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
        examples = [
            *([holder["example"]] if "example" in holder else []),
            *(one["value"] for one in holder.get("examples", {}).values()),
            *schema.get("examples", []),
            *target.get("examples", []),
            *([target["example"]] if "example" in target else []),
        ]
        assert examples, where
        for example in examples:
            jsonschema_rs.Draft202012Validator(schema).validate(example)

    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            if content is not None and int(status) < 300 and "Offered" not in str(content):
                check(content, f"{method} {path} {status}")
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None and "anyOf" not in body["schema"] and "ProfileShape" not in str(body):
            check(body, f"{method} {path} body")


def test_an_upload_is_a_form_with_a_file_and_its_place_is_told(
    api: Api, user: httpx.Client, document: Document, contract: Any
) -> None:
    operation = document["paths"]["/api/documents"]["post"]
    [kind] = operation["requestBody"]["content"]
    form = document["components"]["schemas"]["Body_upload_document"]
    assert (kind, set(form["properties"])) == ("multipart/form-data", {"file", "kb", "artist_id"})
    answer = upload(user, contract)
    assert answer.headers["location"] == f"/api/documents/{answer.json()['id']}"
    assert user.get(answer.headers["location"]).status_code == 200
    made = user.post("/api/conversations")
    assert user.get(made.headers["location"]).json()["id"] == made.json()["id"]


def test_asking_is_described_as_json_and_as_events(document: Document) -> None:
    operation = document["paths"]["/api/messages"]["post"]
    content = operation["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}
    assert re.findall(r"^event: (\w+)$", content["text/event-stream"]["example"], re.M) == [
        "intent", "sources", "token", "done",
    ]  # fmt: skip


def test_what_a_client_may_try_again_takes_a_key(document: Document) -> None:
    taking = {
        operation["operationId"]
        for _, _, operation in operations(document)
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
    }
    assert taking == {"upload_document", "create_note", "ask"}
