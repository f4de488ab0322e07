"""B1, B11: every route with an id, asked with Alice's by everybody who is not Alice. The list is the application's own."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from app.principal import local_operator
from tests.security.town import CANARY, Person, Town, digest, random_id
from tests.security.verdicts import (
    BESIDE,
    BODIES,
    CARRIERS,
    FORBIDDEN,
    NAMING,
    PATHS,
    PLACES,
    PLAIN,
    ROUTES,
    VALID,
)  # fmt: skip

THEIRS = [route for route, verdict in ROUTES.items() if verdict == "theirs"]
WITH_ID = [route for route in ROUTES if ROUTES[route] in ("theirs", "admin") and "{" in route]
MALFORMED = (
    "0", "-1", "*", "null", "true", "%00", "..%2f..", "%2e%2e", "x" * 300, "%F0%9F%8E%B5", "1%20OR%201=1", "9" * 25, "%7B%7D",
    "%25", "4%00", "[]", "1,2", "%0d%0aX: 1",
)  # fmt: skip
ROUNDS = 6  # of the timing, per route


def table(town: Town) -> set[str]:
    """Method and path of every route of the parent application; Gradio's own are swept elsewhere."""
    found = set()
    for context in iter_route_contexts(list(town.app.routes)):
        if not isinstance(context.original_route, Mount):
            found |= {f"{method} {context.path}" for method in getattr(context, "methods", None) or {"WEBSOCKET"}}
    return found


def fields(town: Town) -> dict[tuple[str, str], Any]:
    """Every field of every query, header and body that the OpenAPI document tells of, paths left out."""
    document = town.bob.client.get("/api/openapi.json").json()
    found: dict[tuple[str, str], Any] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            route = f"{method.upper()} {path}"
            for parameter in operation.get("parameters", []):
                if parameter["in"] != "path":
                    found[route, parameter["name"]] = parameter["in"]
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                for name in _properties(content["schema"], document):
                    found[route, name] = kind
    return found


def _properties(schema: dict[str, Any], document: dict[str, Any]) -> set[str]:
    """Names in a body's schema, however deep."""
    if "$ref" in schema:
        return _properties(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
    names = set(schema.get("properties", {}))
    for inner in [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("allOf", [])]:
        names |= _properties(inner, document)
    return names | (_properties(schema["items"], document) if "items" in schema else set())


def ask(who: Person | httpx.Client, route: str, identifier: str) -> httpx.Response:
    """With `identifier` in the last place of the path; what comes before it is the asker's own."""
    method, path = route.split(" ")
    client, email = (who.client, who.email) if isinstance(who, Person) else (who, "nobody@example.com")
    body = {name: email if value == "{email}" else value for name, value in BODIES.get(route, {}).items()}
    last = named(route)[-1] if named(route) else None
    own = who.ids if isinstance(who, Person) else {}
    places = {name: identifier if name == last else own.get(PATHS[name], identifier) for name in named(route)} | PLACES
    address = re.sub(r"\{(\w+)\}", lambda found: places[found[1]], path)
    if "file" in body:
        return client.request(method, address, files={"file": ("new.txt", body["file"].encode())})
    return client.request(method, address, json=body or None)


def kind_of(route: str) -> str:
    return PATHS[named(route)[-1]]


def named(route: str) -> list[str]:
    """The parameters of its path that name something of somebody's."""
    return [name for name in re.findall(r"\{(\w+)\}", route) if name not in PLACES]


def told(answer: httpx.Response) -> tuple[int, Any]:
    """Status and body without what differs for each request."""
    body = answer.json() if answer.content else None
    if isinstance(body, dict):
        body.pop("request_id", None)
    return answer.status_code, body


def test_every_route_has_its_verdict(town: Town) -> None:
    assert table(town) == set(ROUTES)
    for route, verdict in ROUTES.items():
        names = re.findall(r"\{(\w+)\}", route)
        assert verdict == "page" or set(names) <= {*PATHS, *PLACES}, route
        assert verdict in ("theirs", "admin", "page") if names else verdict != "theirs", route


def test_every_field_is_known(town: Town) -> None:
    found = fields(town)
    assert {name for _, name in found} <= NAMING | PLAIN
    assert {key for key in found if key[1] in NAMING} == set(CARRIERS)


@pytest.mark.parametrize("route", WITH_ID)
def test_what_is_anothers_looks_like_what_is_nobodys(town: Town, route: str) -> None:
    kind, before = kind_of(route), digest(town.services)
    foreign, nobodys = (told(ask(town.bob, route, one)) for one in (town.alice.ids[kind], random_id(kind)))
    assert foreign == nobodys
    assert foreign[0] == (403 if ROUTES[route] == "admin" else 404), foreign
    for who in (town.anon, town.ex):
        for one in (town.alice.ids[kind], random_id(kind)):
            assert ask(who, route, one).status_code == 401
    for one in MALFORMED:
        answer = ask(town.bob, route, one)
        assert answer.status_code in ((403, 404) if ROUTES[route] == "admin" else (404,)), (one, answer.text)
    assert digest(town.services) == before


@pytest.mark.parametrize("route", [route for route in THEIRS if route.startswith("GET")])
def test_their_owner_gets_them(town: Town, route: str) -> None:
    """Else the refusals above would show nothing."""
    answer = ask(town.alice, route, town.alice.ids[kind_of(route)])
    if route.endswith(".png"):  # hers is a text; pictures are asked for in tests/api/test_pages.py
        assert (answer.status_code, answer.json()["error"]) == (404, "no_picture")
        return
    assert answer.status_code == 200, answer.text
    assert CANARY in answer.text.lower() or town.alice.ids["chunk"] in answer.text


def test_foreign_and_unknown_take_the_same_time(town: Town, record_property: Callable[[str, object], None]) -> None:
    ratios = {}
    for route in THEIRS:
        kind = kind_of(route)
        times: dict[str, list[float]] = {"foreign": [], "nobodys": []}
        for _ in range(ROUNDS):
            for name, one in (("foreign", town.alice.ids[kind]), ("nobodys", random_id(kind))):
                start = time.perf_counter()
                ask(town.bob, route, one)
                times[name].append(time.perf_counter() - start)
        ratios[route] = statistics.median(times["foreign"]) / statistics.median(times["nobodys"])
    middle = statistics.median(ratios.values())
    record_property(
        "foreign to unknown, median time", f"{middle:.2f}, {min(ratios.values()):.2f}-{max(ratios.values()):.2f}"
    )
    assert 0.7 < middle < 1.4, ratios  # loose: two cores, many neighbours


@pytest.mark.parametrize("route", [route for route, verdict in ROUTES.items() if verdict == "own" and "GET" in route])
def test_lists_hold_nothing_of_others(town: Town, route: str) -> None:
    answer = town.bob.client.get(route.removeprefix("GET "))
    assert answer.status_code == 200, answer.text
    assert CANARY.encode() not in answer.content.lower()
    assert town.alice.email.encode() not in answer.content
    # These hold what Bob himself typed above and elsewhere, ids among it.
    typed = route in ("GET /api/audit", "GET /api/audit.csv", "GET /api/account/export", "GET /api/conversations")
    for one in () if typed else town.alice.ids.values():
        assert len(one) < 5 or one.encode() not in answer.content, one


def test_admin_routes_are_for_admins(town: Town) -> None:
    before = digest(town.services)
    for route in (route for route, verdict in ROUTES.items() if verdict == "admin"):
        for who, status in ((town.bob, 403), (town.anon, 401), (town.ex, 401)):
            assert ask(who, route, town.bob.id).status_code == status, route
    assert digest(town.services) == before
    assert town.admin.client.get("/api/admin/users").status_code == 200


# Ids in queries and bodies (B12)


def carry(town: Town, route: str, field: str, value: str) -> httpx.Response:
    """Bob's request with somebody's id in one field, valid in everything else."""
    method, path = route.split(" ")
    path = re.sub(r"\{(\w+)\}", lambda found: PLACES.get(found[1]) or town.bob.ids[PATHS[found[1]]], path)
    if method == "GET":
        return town.bob.client.get(path, params={field: value})
    given: Any = [town.bob.ids["document"], value] if field == "documents" else value
    if route == "POST /api/documents":
        return town.bob.client.post(path, files={"file": ("one.txt", b"Some text.")}, data={field: given})
    words = {
        "template": "release_single",
        "target_date": "2027-06-04",
        "query": "What commission?",
        "text": f"What does my manager take? {random_id('x')}",
        "title": "One",
        "label": "One",
        "day": "2025-05-01",
        "metric": "streams",
        "value": "9",
        "csv": "date,streams\n2025-06-01,9",
    }
    wanted = {name for name in words if (route, name) in fields(town)}
    return town.bob.client.request(
        method,
        path,
        json={
            **VALID.get(route, {}),
            **{name: words[name] for name in wanted},
            **BESIDE.get((route, field), {}),
            field: given,
        },  # fmt: skip
    )


@pytest.mark.parametrize(("route", "field"), [key for key, kind in CARRIERS.items() if kind])
def test_a_field_that_names_anothers_is_refused_as_an_unknown_one(town: Town, route: str, field: str) -> None:
    kind, before = CARRIERS[route, field] or "", digest(town.services)
    prompts = len(town.api.llm.requests)
    foreign, nobodys = (told(carry(town, route, field, one)) for one in (town.alice.ids[kind], random_id(kind)))
    assert foreign == nobodys
    assert foreign[0] == (403 if (route, field) in FORBIDDEN else 404), foreign
    assert len(town.api.llm.requests) == prompts, "the language model was told nothing"
    assert digest(town.services) == before
    rows = town.services.access_log.list(local_operator(town.bob.id), limit=2).items
    assert [row.outcome for row in rows] == ["refused"] * 2, "noted, the one as the other"


@pytest.mark.parametrize(("route", "field"), [key for key, kind in CARRIERS.items() if kind is None])
def test_a_place_in_a_list_moves_in_ones_own_list_alone(town: Town, route: str, field: str) -> None:
    for value in ("0", town.alice.ids["message"], "999999999"):
        answer = carry(town, route, field, value)
        assert answer.status_code == 200
        assert CANARY not in answer.text.lower()
