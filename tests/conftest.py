"""Real parts for every test: a prepared model, services over SQLite and qdrant-edge, a language model over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from app.config import Settings, load_settings, quiet_libraries
from app.main import build_services
from app.services.services import Services
from tests.openai_server import OpenAIServer, openai_server

__all__ = ["openai_server"]

pytest_plugins = ["tests.log_canaries", "tests.security.deployed"]

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"

MakeSettings = Callable[..., Settings]

quiet_libraries(ROOT / "data")


def settings_in(folder: Path, models: Path | None = None, **overrides: Any) -> Settings:
    """Settings of config.yaml for a data folder of its own, blind to this machine's environment; sections override.

    `models` is a prepared models folder to share (see `models_dir`): without it MiniLM is exported anew, which takes 8 s.
    """
    if models is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "models").symlink_to(models, target_is_directory=True)
    # Without the model's reading in the background: tests count what the language model is sent.
    plain: dict[str, Any] = {"data": {"dir": str(folder)}, "insight": {"model": False}}
    return load_settings(env={}, **{**plain, **overrides})


@pytest.fixture(autouse=True)
def _no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may find a key or an address in the environment of whoever runs it."""
    for name in [*os.environ]:
        if name.startswith("AIM_") or name in (
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "DATABASE_URL",
            "QDRANT_COLLECTION",
        ):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """A models folder with MiniLM exported once for the whole run, or by an earlier one: its name holds its digest."""
    cache = getattr(pytestconfig, "cache", None)
    folder = tmp_path_factory.mktemp("models-home") if cache is None else cache.mkdir("models-home")
    environment = {**os.environ, "AIM_DATA__DIR": str(folder), "AIM_LLM__PROVIDER": "none"}
    code = (
        "from app.config import load_settings; from app.indexes.model_files import exported_folder\n"
        "s = load_settings(); [exported_folder(r, s.data) for r in s.embeddings if r.name == 'minilm']"
    )
    with FileLock(folder / "lock"):  # tests run in several processes
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=300)
    return folder / "models"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Services]:
    """Real services in an empty data folder, without the seed and without a language model."""
    settings = settings_in(tmp_path_factory.mktemp("data"), models_dir, llm={"provider": "none"})
    made = build_services(settings, seed=False)
    while made.ingestion.back_fill():
        pass
    yield made
    made.close()


@pytest.fixture(scope="module")
def services_with_model(
    tmp_path_factory: pytest.TempPathFactory, models_dir: Path
) -> Iterator[tuple[Services, OpenAIServer]]:
    """The same with a language model: a real HTTP server that speaks the OpenAI protocol."""
    with OpenAIServer() as server:
        llm = {"provider": "openai_like", "base_url": server.base_url, "model": "test-model", "retries": 1}
        settings = settings_in(tmp_path_factory.mktemp("data"), models_dir, llm=llm)
        made = build_services(settings, seed=False)
        while made.ingestion.back_fill():
            pass
        yield made, server
        made.close()
