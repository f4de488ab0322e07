"""Requests made up from the OpenAPI document, right and wrong ones, against the served application: nothing answers 5xx or
anything that the document does not tell.

Signed in as a user and as an admin, and anonymous. Operations that end the sign-in they are sent with (`ENDING`) get a
new account for each call. In half of the calls a path names something real, else whatever was made up.
"""

from __future__ import annotations

import asyncio
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis.configuration import set_hypothesis_home_dir
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi import checks

from app import __version__
from app.api import description
from app.api.router import api_router
from app.auth.tokens import Tokens
from app.main import build_services
from app.services.services import Services
from app.services.throttle import Throttle
from app.services.users import UserService
from tests.api.conftest import make_app, serve
from tests.conftest import settings_in
from tests.openai_server import OpenAIServer

PASSWORD = "three chords and the truth"
ENDING = {"delete_account", "sign_out", "change_password", "set_password", "end_sessions", "end_session"}
OPEN = {"get_health", "register", "sign_in", "refresh_tokens", "sign_out"}
QUICK, SLOW = 2, 25  # requests made up at random for each operation; the slow run adds every limit of every field
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.allow_header_conformance,
    checks.unsupported_method,
]


@dataclass
class Caller:
    """One account, or nobody, and how it sends what was made up."""

    url: str
    services: Services
    tokens: Tokens
    role: str

    def __post_init__(self) -> None:
        self.session = httpx.Client(timeout=60)
        self.email, self.headers = self.new_account() if self.role != "anonymous" else ("", {})

    def new_account(self) -> tuple[str, dict[str, str]]:
        """Its address, and the header that it signs its requests with."""
        role: Any = self.role
        email = f"{uuid.uuid4().hex}@example.com"
        user = self.services.users.add(email, PASSWORD, role)
        sign_in, _ = self.services.sessions.open_api(user.id)
        return email, {"Authorization": f"Bearer {self.tokens.issue(user.id, sign_in.id)[0]}"}

    def post(self, path: str, **body: Any) -> Any:
        answer = self.session.post(f"{self.url}/api{path}", json=body, headers=self.headers)
        assert answer.is_success, answer.text
        return answer.json()

    def make_real(self, path: str) -> dict[str, str]:
        """Something of one's own for each parameter of this path."""
        real: dict[str, str] = {}
        if "document_id" in path:
            real["document_id"] = self.post("/documents/notes", title="Note", text=f"A deal {uuid.uuid4()}.")["id"]
        if "artist_id" in path:
            real["artist_id"] = self.post("/artists", name="The Night Shift")["id"]
        if "figure_id" in path:
            figure = {"day": "2026-03-01", "metric": "streams", "value": 7, "platform": uuid.uuid4().hex}
            real["figure_id"] = self.post("/growth", **figure)["id"]
        if "note_id" in path:
            real["note_id"] = self.post("/profile/notes", text=f"I play drum {uuid.uuid4()}.")["id"]
        if "conversation_id" in path:
            real["conversation_id"] = self.post("/conversations")["id"]
        if "message_id" in path:
            real["message_id"] = self.post("/messages", text="What does the deal say?")["id"]
        if "user_id" in path:
            real["user_id"] = self.services.users.add(f"{uuid.uuid4().hex}@example.com", PASSWORD).id
        if "session_id" in path:
            listed = self.session.get(f"{self.url}/api/account/sessions", headers=self.headers).json()
            real["session_id"] = listed["items"][0]["id"]
        if "offer_id" in path:
            real["offer_id"] = self._offer()
        return real

    def _offer(self) -> str:
        giver = Caller(self.url, self.services, self.tokens, "user")
        artist = giver.post("/artists", name="The Night Shift")["id"]
        giver.post(f"/artists/{artist}/handover", email=self.email)
        giver.session.close()
        offers = self.session.get(f"{self.url}/api/artists/offers?limit=200", headers=self.headers).json()
        return str(offers["items"][-1]["id"])

    def check(self, case: schemathesis.Case[Any]) -> None:
        name = case.operation.definition.raw["operationId"]
        signed_in = self.role != "anonymous"
        if signed_in and case.path_parameters and zlib.crc32(repr(case.path_parameters).encode("utf-8", "replace")) % 2:
            case.path_parameters |= self.make_real(case.operation.path)
        headers = self.new_account()[1] if signed_in and name in ENDING else self.headers
        answer = case.call(base_url=self.url, headers=headers, timeout=60)
        case.validate_response(answer, checks=CHECKS if signed_in else CHECKS[:-2])
        if not signed_in and name not in OPEN:
            assert answer.status_code in (401, 403, 404)  # 403: a made-up cookie from no page; 404: no address of ours


World = Callable[[str], Caller]


@pytest.fixture(scope="module", autouse=True)
def _nothing_in_the_tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hypothesis keeps what it reads out of source files; not in the project."""
    set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))
    yield
    set_hypothesis_home_dir(None)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[World]:
    with OpenAIServer() as llm:
        made_settings = settings_in(
            tmp_path_factory.mktemp("schemathesis"),
            models_dir,
            llm={"provider": "openai_like", "base_url": llm.base_url, "model": "tiny-chat", "retries": 0},
            quotas={"documents": 1_000_000, "concurrent_answers": 1000},
            auth={"access_minutes": 600},
        )
        made = build_services(made_settings, seed=False)
        ticks = iter(range(0, 10**12, 10_000))  # each look at the clock is hours later: no failure is remembered
        unhurried = Throttle(clock=lambda: float(next(ticks)))
        services = replace(made, users=UserService(made.db, made.audit, made_settings.auth, throttle=unhurried))
        try:
            app = asyncio.run(make_app(made_settings, services))
            with serve(app) as url:
                callers: dict[str, Caller] = {}

                def caller(role: str) -> Caller:
                    if role not in callers:
                        callers[role] = Caller(url, services, app.state.tokens, role)
                    return callers[role]

                yield caller
                for one in callers.values():
                    one.session.close()
        finally:
            made.close()


def made_up(count: int, **phases: bool) -> schemathesis.BaseSchema:
    """The document as it is served (a test below compares), to make requests from."""
    app = FastAPI(title="AI Manager", version=__version__, openapi_url="/api/openapi.json")
    app.include_router(api_router)
    config = {
        "generation": {"deterministic": True, "database": "none", "max-examples": count, "mode": "all"},
        "phases": {name: {"enabled": enabled} for name, enabled in phases.items()},
    }
    return schemathesis.openapi.from_dict(description.describe(app), config=SchemathesisConfig.from_dict(config))


ROLES = ("user", "admin", "anonymous")


def send(schema: schemathesis.BaseSchema, caller: Caller) -> None:
    """Make up requests for every operation; what is wrong with any of them is told together."""
    wrong: list[str] = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        test = build_operation_test(
            config=schema.config, operation=operation, test_func=lambda case: caller.check(case), given_kwargs={},
            feedback=FeedbackSources(),
        )  # fmt: skip
        try:
            test()
        except (Exception, FailureGroup) as error:  # of whatever kind: the other operations are tried all the same
            wrong.append(f"{operation.label}: {error}")
    assert not wrong, "\n\n".join(wrong)


def test_the_document_is_the_one_that_is_served(world: World) -> None:
    caller = world("user")
    served = caller.session.get(f"{caller.url}/api/openapi.json", headers=caller.headers).json()
    assert served == made_up(1).raw_schema


@pytest.mark.parametrize("role", ROLES)
def test_what_is_made_up_is_answered_as_told(world: World, role: str) -> None:
    schema = made_up(QUICK, coverage=False)
    if role == "admin":  # elsewhere an admin is a user
        schema = schema.include(tag=["admin", "audit", "documents", "search"])
    send(schema, world(role))


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_all_that_is_made_up_is_answered_as_told(world: World, role: str) -> None:
    send(made_up(SLOW, coverage=True), world(role))
