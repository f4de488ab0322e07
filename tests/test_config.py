from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from app import config
from app.config import (
    ALIASES,
    ROOT,
    EmbeddingRow,
    IdentityProvider,
    Section,
    Settings,
    child_environment,
    load_settings,
    quiet_libraries,
)
from app.errors import ConfigError

ROW = {"name": "bm25", "provider": "bm25", "model": "english", "enabled": True}
PROVIDER = {"name": "corp", "label": "Corp", "issuer": "https://id.example.org", "client_id": "x"}


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield name, field.annotation


SETTINGS = [(section, key) for section, model in sections() for key in model.model_fields]


def refusal(file: Any = None, env: Any = None, **overrides: Any) -> str:
    """The one sentence with which these settings are refused."""
    with pytest.raises(ConfigError) as caught:
        load_settings(file, env or {}, **overrides)
    sentence = caught.value.sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert caught.value.__cause__ is None, "no traceback of a library"
    return sentence


def in_file(folder: Path, text: str) -> Path:
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    return folder / "mine.yaml"


# config.yaml


def test_config_yaml_shows_every_setting_with_its_default() -> None:
    tree = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert list(tree) == list(Settings.model_fields)
    for section, model in sections():
        defaults = model().model_dump(mode="json")
        if section == "data":
            defaults["dir"] = str(Path(defaults["dir"]).relative_to(ROOT))
        assert tree[section] == defaults, section


def test_config_yaml_shows_every_field_of_an_embedding_row() -> None:
    tree = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    shown = {key for row in tree["embeddings"] for key in row}
    assert set(EmbeddingRow.model_fields) - shown <= {"passage_prefix", "base_url", "api_key"}
    assert [row["name"] for row in tree["embeddings"]] == ["minilm", "bm25", "openai", "bge", "bge-m3"]


def test_config_yaml_alone_is_enough_and_needs_no_key() -> None:
    settings = load_settings(env={})
    assert settings.data.dir == ROOT / "data"
    assert settings.database_url == f"sqlite:///{ROOT / 'data' / 'ai_manager.db'}"
    assert settings.llm.api_key is None
    assert settings.vectors.url is None
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 7860)


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = load_settings(env={})
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1  # type: ignore[misc]


# Wrong settings


@pytest.mark.parametrize(("section", "key"), SETTINGS)
def test_a_wrong_value_of_any_setting_is_told_with_its_name(section: str, key: str) -> None:
    wrong: dict[str, Any] = {section: {key: {"hunter2": "is no value"}}}
    sentence = refusal(**wrong)
    assert f"'{section}.{key}" in sentence
    assert "hunter2" not in sentence.replace(f"{key}.hunter2", ""), "the value may be a secret"


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("server", "port", 65536), ("server", "port", "web"), ("vectors", "prefix", "a b"), ("vectors", "prefix", ""),
        ("vectors", "timeout_seconds", 0), ("chunking", "body_tokens", 31), ("retrieval", "candidates", 0),
        ("retrieval", "fusion", "magic"), ("retrieval", "personal_share", 1.1), ("llm", "temperature", -1),
        ("llm", "provider", "anthropic"), ("ingestion", "max_bytes", 0), ("ingestion", "attempts", 0),
        ("auth", "registration", "maybe"), ("log", "level", "LOUD"), ("log", "keep", 0),
    ],
)  # fmt: skip
def test_a_value_out_of_bounds_is_told_with_its_name(section: str, key: str, value: Any) -> None:
    assert f"'{section}.{key}'" in refusal(**{section: {key: value}})


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "embeddings"),
        ([ROW, ROW], "two rows have the same name"),
        ([ROW | {"enabled": False}], "every row is disabled"),
        ([ROW | {"name": "With Spaces"}], "'embeddings.0.name'"),
        ([ROW | {"provider": "cohere"}], "'embeddings.0.provider'"),
        ([ROW, {"name": "x"}], "'embeddings.1.provider'"),
        ([ROW | {"enabled": "sometimes"}], "'embeddings.0.enabled"),
        ([ROW | {"batchsize": 3}], "'embeddings.0.batchsize', which is no setting"),
        ("bm25", "'embeddings'"),
    ],
)
def test_a_wrong_embedding_row_is_told_with_its_place(rows: Any, words: str) -> None:
    assert words in refusal(embeddings=rows)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Corp"}, "'auth.providers.0.name'"),
        ({"name": "a/b"}, "'auth.providers.0.name'"),
        ({"label": ""}, "'auth.providers.0.label'"),
        ({"issuer": "http://id.example.org"}, "http works on loopback only"),
        ({"issuer": "http://127.0.0.1.example.org"}, "'auth.providers.0.issuer'"),
        ({"issuer": "https://dana@id.example.org"}, "'auth.providers.0.issuer'"),
        ({"issuer": "https://id.example.org#x"}, "'auth.providers.0.issuer'"),
        ({"issuer": "https://id.example.org?x"}, "'auth.providers.0.issuer'"),
        ({"issuer": "https://id.example.org:web"}, "'auth.providers.0.issuer'"),
        ({"issuer": "https://"}, "'auth.providers.0.issuer'"),
        ({"issuer": "file:///etc/passwd"}, "'auth.providers.0.issuer'"),
        ({"client_id": ""}, "'auth.providers.0.client_id'"),
        ({"client_secret": ["hunter2"]}, "'auth.providers.0.client_secret'"),
        ({"scopes": ["email"]}, "scopes lack 'openid'; add it"),
        ({"secret": "hunter2"}, "'auth.providers.0.secret', which is no setting"),
    ],
)
def test_a_wrong_provider_is_told_with_its_place(changes: dict[str, Any], words: str) -> None:
    sentence = refusal(auth={"providers": [PROVIDER | changes]})
    assert words in sentence
    assert "hunter2" not in sentence


def test_providers_have_names_of_their_own() -> None:
    assert "two providers have the same name" in refusal(auth={"providers": [PROVIDER, PROVIDER]})


@pytest.mark.parametrize(
    "issuer",
    ["https://id.example.org/", "https://id.example.org:8443/realms/a", "http://127.0.0.1:9", "http://[::1]:9"],
)
def test_providers_come_from_the_environment_with_their_secret(issuer: str) -> None:
    row = PROVIDER | {"issuer": issuer, "client_secret": "hunter2"}
    settings = load_settings(env={"AIM_AUTH__PROVIDERS": yaml.safe_dump([row], default_flow_style=True, width=999)})
    (provider,) = settings.auth.providers
    assert provider.issuer == issuer
    assert provider.client_secret is not None
    assert provider.client_secret.get_secret_value() == "hunter2"
    assert provider.scopes == ("openid", "email")
    assert "hunter2" not in repr(settings)


def test_the_provider_shown_in_config_yaml_works() -> None:
    """Row and variable stand there as comments."""
    lines = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()
    shown = [line.removeprefix("  #  ") for line in lines if line.startswith("  #  ")]
    (row,) = yaml.safe_load("\n".join(shown))
    assert set(row) == set(IdentityProvider.model_fields)
    load_settings(env={}, auth={"providers": [row]})
    name, _, value = next(line for line in lines if "AIM_AUTH__PROVIDERS" in line).strip("# ").partition("=")
    assert load_settings(env={name: value}).auth.providers[0].name == "corp"


@pytest.mark.parametrize("section", [name for name, _ in sections()])
def test_a_name_that_is_no_setting_is_told(section: str) -> None:
    told = f"'{section}.colour', which is no setting; remove it or correct its name."
    assert told in refusal(**{section: {"colour": "red"}})
    assert told in refusal(env={f"AIM_{section.upper()}__COLOUR": "red"})


def test_a_section_that_is_none_is_told(tmp_path: Path) -> None:
    assert "'kitchen', which is no setting" in refusal(kitchen={"sink": 1})
    assert "'kitchen', which is no setting" in refusal(env={"AIM_KITCHEN__SINK": "1"})
    file = in_file(tmp_path, "servers:\n  port: 1\nembeddings: []\n")
    assert refusal(file).startswith("mine.yaml or the environment sets 'servers'")


@pytest.mark.parametrize("text", ["server: 7860", "server: [1]", "embeddings: {}", "server:\n  - port"])
def test_a_section_of_the_wrong_kind_is_told(tmp_path: Path, text: str) -> None:
    name = text.partition(":")[0]
    file = in_file(tmp_path, text + "\n")
    assert f"'{name}" in refusal(file)
    assert f"'{name}" in refusal(file, env={f"AIM_{name.upper()}__PORT": "1"})
    assert "'embeddings'" in refusal(env={"AIM_EMBEDDINGS__MINILM": "true"})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"server: {port: 1", "mine.yaml is not valid YAML near line"),
        (b"server:\n  port: 1\n bad: [\n", "near line 3"),
        (b"- a\n- b\n", "mine.yaml must hold sections such as 'server:'"),
        (b"just words", "must hold sections"),
        (b"caf\xe9: 1", "cannot be read"),
    ],
)
def test_a_file_that_is_no_configuration_is_told(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "mine.yaml").write_bytes(data)
    assert words in refusal(tmp_path / "mine.yaml")


def test_a_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    assert str(tmp_path / "none.yaml") in refusal(tmp_path / "none.yaml")
    assert str(tmp_path) in refusal(tmp_path)


def test_an_empty_file_needs_embeddings_at_least(tmp_path: Path) -> None:
    assert "'embeddings'" in refusal(in_file(tmp_path, "# nothing\n"))
    sparse = in_file(tmp_path, "server:\nembeddings:\n  - {name: bm25, provider: bm25, model: english}\n")
    assert load_settings(sparse, env={}).server.port == 7860


# The environment


def test_the_names_of_the_brief_work() -> None:
    settings = load_settings(
        env={
            "OPENAI_API_KEY": "sk-1",
            "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1",
            "QDRANT_URL": "http://qdrant:6333",
            "QDRANT_API_KEY": "q-1",
            "QDRANT_COLLECTION": "manager",
            "DATABASE_URL": "postgresql://u:p@db/aim",
        }
    )
    assert settings.llm.api_key is not None
    assert settings.llm.api_key.get_secret_value() == "sk-1"
    assert settings.llm.base_url == "http://127.0.0.1:11434/v1"
    assert settings.vectors.api_key is not None
    assert (settings.vectors.url, settings.vectors.api_key.get_secret_value()) == ("http://qdrant:6333", "q-1")
    assert settings.vectors.prefix == "manager"
    assert settings.database_url == "postgresql+psycopg://u:p@db/aim"
    assert set(ALIASES) == {name for name in ALIASES if load_settings(env={name: ""}) == load_settings(env={})}, (
        "empty: unset"
    )


@pytest.mark.parametrize("secret", ["sk-canary", "q-canary"])
def test_secrets_are_never_shown(secret: str) -> None:
    settings = load_settings(env={"OPENAI_API_KEY": secret, "QDRANT_API_KEY": secret})
    assert "canary" not in repr(settings)
    assert "canary" not in str(settings.model_dump(mode="json"))


def test_any_setting_comes_from_the_environment() -> None:
    settings = load_settings(
        env={
            "AIM_SERVER__PORT": "8080",
            "AIM_SERVER__CORS_ORIGINS": '["https://a.example", "https://b.example"]',
            "AIM_SERVER__BEHIND_PROXY": "true",
            "AIM_DATA__DIR": "/srv/aim",
            "AIM_LLM__API_KEY": "",
            "AIM_RETRIEVAL__SECOND_PASS": "false",
            "AIM_DEBUG": "not a setting: no section",
            "OTHER__THING": "1",
        }
    )
    assert (settings.server.port, settings.server.behind_proxy) == (8080, True)
    assert settings.server.cors_origins == ("https://a.example", "https://b.example")
    assert settings.data.dir == Path("/srv/aim")
    assert settings.llm.api_key is None
    assert settings.retrieval.second_pass is False
    assert "'server.port'" in refusal(env={"AIM_SERVER__PORT": "many"})
    assert "AIM_SERVER__PORT is not a valid value" in refusal(env={"AIM_SERVER__PORT": "[1"})


def test_the_nearest_word_wins(tmp_path: Path) -> None:
    file = in_file(
        tmp_path, "llm: {base_url: http://file}\nembeddings:\n  - {name: bm25, provider: bm25, model: english}\n"
    )
    brief, own = {"OPENAI_BASE_URL": "http://brief"}, {"AIM_LLM__BASE_URL": "http://own"}
    assert load_settings(file, env={}).llm.base_url == "http://file"
    assert load_settings(file, env=brief).llm.base_url == "http://brief"
    assert load_settings(file, env=brief | own).llm.base_url == "http://own"
    assert load_settings(file, env=brief | own, llm={"base_url": "http://call"}).llm.base_url == "http://call"


def test_overrides_leave_the_other_keys_of_their_section() -> None:
    settings = load_settings(env={"AIM_SERVER__PORT": "8080"}, server={"host": "0.0.0.0"}, embeddings=[ROW])
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 8080)
    assert [row.name for row in settings.embeddings] == ["bm25"]


def test_the_env_file_is_read_below_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text((ROOT / "config.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / ".env").write_text(
        "# a comment = with a sign\n"
        "\n"
        "OPENAI_API_KEY = 'sk-from-file'\n"
        'AIM_SERVER__PORT="8081"\n'
        "AIM_LLM__MODEL=a=b\n"
        "  # OPENAI_BASE_URL=http://commented-out\n"
        "QDRANT_URL=\n"
        "no sign here\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(config, "ROOT", tmp_path)
    monkeypatch.delenv("QDRANT_URL", raising=False)
    settings = load_settings()
    assert settings.llm.api_key is not None
    assert settings.llm.api_key.get_secret_value() == "sk-from-file"
    assert (settings.server.port, settings.llm.model, settings.llm.base_url, settings.vectors.url) == (
        8081,
        "a=b",
        None,
        None,
    )
    monkeypatch.setenv("AIM_SERVER__PORT", "8082")
    assert load_settings().server.port == 8082
    assert load_settings(env={}).server.port == 7860, "an own environment is the whole environment"


# Derived values


def test_a_relative_data_folder_belongs_to_the_project_and_home_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(env={}, data={"dir": "elsewhere"}).data.dir == ROOT / "elsewhere"
    monkeypatch.setenv("HOME", "/home/dana")
    assert load_settings(env={}, data={"dir": "~/aim"}).data.dir == Path("/home/dana/aim")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
        ("postgresql://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
        ("postgresql+psycopg://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db"),
    ],
)
def test_database_addresses_get_the_driver_that_is_installed(given: str, used: str) -> None:
    assert load_settings(env={"DATABASE_URL": given}).database_url == used


# What other processes and libraries get


def test_child_processes_get_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ALIASES, "AIM_LLM__API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "canary")
    environment = child_environment()
    assert environment["PATH"] == os.environ["PATH"]
    assert "canary" not in environment.values()


def test_telemetry_is_off_unless_somebody_decided_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, "before")
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    quiet_libraries(tmp_path)
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert os.environ["GRADIO_TEMP_DIR"].startswith(str(tmp_path))
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"


def test_every_provider_of_a_row_has_its_class() -> None:
    from app.indexes.embeddings import PROVIDERS

    assert set(PROVIDERS) == set(get_args(EmbeddingRow.model_fields["provider"].annotation))
