"""B10: the source is read, and a module that goes around the one door or the one filter fails."""

from __future__ import annotations

import ast

import pytest

from app.errors import Unauthorized
from app.models import KBS
from app.services.services import Services
from tests.conftest import ROOT
from tests.security.structure import MAKERS, READERS, WITHOUT_PRINCIPAL, violations

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in sorted((ROOT / "app").rglob("*.py"))
    if path.name != "__init__.py"
}


@pytest.mark.parametrize("module", MODULES)
def test_no_module_goes_around_the_door_or_the_filter(module: str) -> None:
    assert violations(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_packages_hold_no_code() -> None:
    """`__init__.py` files are not among the modules above."""
    for path in (ROOT / "app").rglob("__init__.py"):
        if path.parent != ROOT / "app":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            names = {ROOT / "app" / "models"}  # hands out its tables, and does nothing else
            allowed = (ast.Expr, ast.ImportFrom, ast.Assign) if path.parent in names else (ast.Expr,)
            assert all(isinstance(node, allowed) for node in body), path


def test_the_tables_name_what_is_there() -> None:
    """A row for a module or a method that is gone would let a new one in under its name."""
    named = {module for modules in (*MAKERS.values(), *READERS.values()) for module in modules}
    assert named <= set(MODULES)
    sources = [ast.parse(MODULES[name].read_text(encoding="utf-8")) for name in MODULES if ".services." in name]
    methods = {
        f"{owner.name}.{method.name}"
        for tree in sources
        for owner in tree.body
        if isinstance(owner, ast.ClassDef)
        for method in owner.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    classes = {name.split(".")[0] for name in methods}
    for row in WITHOUT_PRINCIPAL:
        owner, method = row.split(".")
        assert owner in classes if method == "*" else row in methods, row


PLANTED = [
    ("app.api.documents", "from app.principal import local_operator"),
    ("app.api.documents", "def f():\n    from app.principal import system"),
    ("app.ui.chat", "from app.principal import authenticated"),
    ("app.ui.chat", "from app.principal import _SEAL"),
    ("app.ui.chat", "import app.principal"),
    ("app.ui.chat", "from app import principal"),
    ("app.ui.chat", "from ..principal import system"),
    ("app.api.search", "from app.principal import Principal\nPrincipal('u', 'admin', 'token')"),
    ("app.api.search", "object.__setattr__(principal, 'role', 'admin')"),
    ("app.api.search", "tenant = object.__new__(kind)"),
    ("app.services.chat", "from app.principal import TenantFilter"),
    ("app.indexes.store", "TenantFilter.for_principal(None)"),
    ("app.retrievers.knowledge", "replace(tenant, user_id='another')"),
    ("app.services.documents", "import qdrant_client"),
    ("app.services.documents", "def f():\n    from qdrant_client import QdrantClient"),
    ("app.services.documents", "import qdrant_edge as edge"),
    ("app.api.search", "from app.indexes.engine import Query"),
    ("app.api.search", "from app.indexes import engine"),
    ("app.services.chat", "from app.indexes.store import KnowledgeStore"),
    ("app.api.search", "from app.retrievers.knowledge import KnowledgeFusionRetriever"),
    ("app.services.chat", "from llama_index.core.retrievers import VectorIndexRetriever"),
    ("app.services.chat", "from llama_index.core import VectorStoreIndex"),
    ("app.services.chat", "import importlib"),
    ("app.services.plans", "class PlanService:\n    def get(self, plan_id: str) -> None: ..."),
    (
        "app.services.plans",
        "class PlanService:\n    async def get(self, user_id: str, principal: Principal) -> None: ...",
    ),
    ("app.services.plans", "class PlanService:\n    def get(self, principal: str) -> None: ..."),
    ("app.services.search", "class SearchService:\n    def everything(self) -> None: ..."),
]


@pytest.mark.parametrize(("module", "source"), PLANTED)
def test_a_planted_violation_is_seen(module: str, source: str) -> None:
    assert len(violations(module, source)) >= 1


def test_a_personal_store_answers_nobody_without_a_tenant(services: Services) -> None:
    asked = 0
    for kb in KBS:
        for index in services.indexes.live(kb):
            if kb == "personal":
                vector = index.model.embed_question("my contract").result()
                with pytest.raises(Unauthorized, match="signed-in user only"):
                    index.store.search(vector, 10, None)
                asked += 1
    assert asked >= 2
