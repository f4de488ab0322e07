"""Settings: frozen sections read from `config.yaml`, then the environment. The only module that reads the environment."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from app.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
SEED_DIR = ROOT / "data" / "seed"
SAMPLES_DIR = ROOT / "app" / "samples"

# The brief's own environment names, each an alias of one setting.
ALIASES = {
    "OPENAI_API_KEY": ("llm", "api_key"),
    "OPENAI_BASE_URL": ("llm", "base_url"),
    "QDRANT_URL": ("vectors", "url"),
    "QDRANT_API_KEY": ("vectors", "api_key"),
    "QDRANT_COLLECTION": ("vectors", "prefix"),
    "DATABASE_URL": ("database", "url"),
}
PREFIX = "AIM_"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataSettings(Section):
    dir: Path = ROOT / "data"
    download_models: bool = False


class ServerSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(7860, ge=0, le=65535)
    public_url: str | None = None
    cors_origins: tuple[str, ...] = ()
    allow_local_network: bool = False
    behind_proxy: bool = False


class DatabaseSettings(Section):
    url: str | None = None


class VectorSettings(Section):
    url: str | None = None
    api_key: SecretStr | None = None
    prefix: str = Field("aim", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")
    timeout_seconds: float = Field(3.0, gt=0)


class EmbeddingRow(Section):
    """One embedding model: a row of `embeddings` in config.yaml."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    provider: Literal["onnx", "openai", "huggingface", "bm25"]
    model: str
    enabled: Literal["auto"] | bool = "auto"
    batch_size: int = Field(32, ge=1, le=2048)
    weight: float = Field(1.0, gt=0)
    pooling: Literal["mean", "cls"] = "mean"
    query_prefix: str = ""
    passage_prefix: str = ""
    max_tokens: int = Field(256, ge=8, le=8192)
    precision: Literal["int8", "fp32"] = "int8"
    base_url: str | None = None
    api_key: SecretStr | None = None


class ChunkingSettings(Section):
    body_tokens: int = Field(224, ge=32, le=1024)
    heading_tokens: int = Field(24, ge=0, le=128)
    overlap_tokens: int = Field(32, ge=0, le=256)


class CrossEncoderSettings(Section):
    """An optional model that reads question and passage together, after the second pass."""

    enabled: bool = False
    model: str = Field("cross-encoder/ms-marco-MiniLM-L6-v2", min_length=1)
    precision: Literal["int8", "fp32"] = "int8"
    max_tokens: int = Field(256, ge=8, le=8192)
    candidates: int = Field(20, ge=2, le=100)
    seconds: float = Field(1.0, gt=0, le=10)
    weight: float = Field(0.5, gt=0, le=1)


class RetrievalSettings(Section):
    candidates: int = Field(50, ge=1, le=500)
    top_k: int = Field(8, ge=1, le=50)
    fusion: Literal["scores", "rrf"] = "scores"
    rrf_k: int = Field(60, ge=1)
    second_pass: bool = True
    second_pass_seconds: float = Field(0.5, gt=0)
    cross_encoder: CrossEncoderSettings = CrossEncoderSettings()
    floor: float = Field(0.25, ge=0, le=1)
    floor_margin: float = Field(0.15, ge=0, le=1)
    personal_share: float = Field(0.75, ge=0, le=1)
    hybrid_share: float = Field(0.5, ge=0, le=1)
    query_workers: int = Field(2, ge=1, le=32)
    query_cache: int = Field(4096, ge=0)


class LLMSettings(Section):
    provider: Literal["auto", "openai", "openai_like", "none"] = "auto"
    model: str = "auto"
    api_key: SecretStr | None = None
    base_url: str | None = None
    temperature: float = Field(0.2, ge=0, le=2)
    max_tokens: int = Field(900, ge=16)
    context_tokens: int = Field(8192, ge=1024)
    timeout_seconds: float = Field(60.0, gt=0)
    first_token_seconds: float = Field(20.0, gt=0)
    retries: int = Field(2, ge=0, le=10)
    breaker_failures: int = Field(5, ge=1)
    breaker_seconds: float = Field(30.0, gt=0)
    intent_seconds: float = Field(1.5, gt=0)


class InsightSettings(Section):
    model: bool = True
    model_chars: int = Field(40_000, ge=1000)


class IngestionSettings(Section):
    max_bytes: int = Field(50_000_000, ge=1)
    attempts: int = Field(5, ge=1)
    poll_seconds: float = Field(1.0, gt=0)
    lease_seconds: float = Field(300.0, gt=0)
    read_seconds: float = Field(60.0, gt=0)
    embed_seconds: float = Field(120.0, gt=0)
    reserve_mb: int = Field(64, ge=0)
    read_memory_mb: int = Field(700, ge=128)
    page_seconds: float = Field(10.0, gt=0)
    max_text_chars: int = Field(20_000_000, ge=1000)
    max_pages: int = Field(10_000, ge=1)
    archive_members: int = Field(2000, ge=10)
    archive_bytes: int = Field(100_000_000, ge=1_000_000)
    archive_ratio: int = Field(100, ge=10)
    picture_pixels: int = Field(80_000_000, ge=1_000_000)
    table_cells: int = Field(2_000_000, ge=1000)
    attachments: int = Field(50, ge=0)
    ocr_languages: str = Field("eng", pattern=r"^[A-Za-z][\w/]*(\+[A-Za-z][\w/]*)*$")
    ocr_seconds: float = Field(20.0, gt=0)
    ocr_memory_mb: int = Field(600, ge=256)
    ocr_pages: int = Field(200, ge=0)


def is_private_way(address: str) -> bool:
    """Whether nobody on the way can read or change what goes to this address: HTTPS, or HTTP on this machine."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "#" in address or len(address.split()) != 1:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def _issuer(address: str) -> str:
    if not is_private_way(address) or "?" in address:
        raise ValueError(
            "give the provider's issuer as https://name.example, without query; http works on loopback only"
        )
    return address


class IdentityProvider(Section):
    """One OpenID provider: a row of `auth.providers`. Without a secret it is a public client, protected by PKCE alone."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")
    label: str = Field(min_length=1, max_length=40)
    issuer: Annotated[str, Field(max_length=255), AfterValidator(_issuer)]
    client_id: str = Field(min_length=1, max_length=255)
    client_secret: SecretStr | None = None
    scopes: tuple[str, ...] = ("openid", "email")

    @model_validator(mode="after")
    def _asks_who(self) -> IdentityProvider:
        if "openid" not in self.scopes:
            raise ValueError("scopes lack 'openid'; add it")
        return self


class AuthSettings(Section):
    registration: Literal["open", "closed"] = "open"
    access_minutes: int = Field(10, ge=1)
    refresh_days: int = Field(7, ge=1)
    idle_hours: int = Field(12, ge=1)
    trusted_days: int = Field(30, ge=1)
    providers: tuple[IdentityProvider, ...] = ()

    @model_validator(mode="after")
    def _providers_have_names_of_their_own(self) -> AuthSettings:
        names = [row.name for row in self.providers]
        if len(names) != len(set(names)):
            raise ValueError("two providers have the same name; give each its own")
        return self


class QuotaSettings(Section):
    """Per user, but for the last."""

    documents: int = Field(2000, ge=1)
    bytes: int = Field(5_000_000_000, ge=1)
    concurrent_answers: int = Field(3, ge=1)
    open_pages: int = Field(60, ge=2)
    all_answers: int = Field(300, ge=1)


class LogSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    rotation: str = "20 MB"
    keep: int = Field(10, ge=1)


class Settings(Section):
    """Everything the program can be told, validated. `path` is the file it came from."""

    data: DataSettings = DataSettings()
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    vectors: VectorSettings = VectorSettings()
    embeddings: tuple[EmbeddingRow, ...]
    chunking: ChunkingSettings = ChunkingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    llm: LLMSettings = LLMSettings()
    ingestion: IngestionSettings = IngestionSettings()
    insight: InsightSettings = InsightSettings()
    auth: AuthSettings = AuthSettings()
    quotas: QuotaSettings = QuotaSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Settings:
        names = [row.name for row in self.embeddings]
        if len(names) != len(set(names)):
            raise ValueError("embeddings: two rows have the same name; give each its own")
        if not any(row.enabled is not False for row in self.embeddings):
            raise ValueError("embeddings: every row is disabled; enable at least one")
        return self

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL; SQLite inside the data folder unless one is set."""
        url = self.database.url or f"sqlite:///{self.data.dir / 'ai_manager.db'}"
        for scheme in ("postgres://", "postgresql://"):
            if url.startswith(scheme):
                return "postgresql+psycopg://" + url.removeprefix(scheme)
        return url


def load_settings(path: Path | str | None = None, env: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read `path` (the project's config.yaml by default), then `env`, then `overrides` (section=dict).

    Raises `ConfigError` with one sentence that names the key at fault.
    """
    file = Path(path) if path else ROOT / "config.yaml"
    variables = dict(_read_env_file(ROOT / ".env")) | dict(os.environ) if env is None else dict(env)
    tree = _read_yaml(file)
    for name, (section, key) in ALIASES.items():
        if variables.get(name):
            _section(tree, section, file)[key] = variables[name]
    for name, value in variables.items():
        if name.startswith(PREFIX) and "__" in name:
            *sections, key = name.removeprefix(PREFIX).lower().split("__")
            place = tree
            for section in sections:
                place = _section(place, section, file)
            place[key] = _parse_variable(name, value)
    for section, values in overrides.items():
        if isinstance(values, dict):
            tree[section] = {**_section(tree, section, file), **values}
        else:
            tree[section] = values
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_sentence(error, file)) from None
    directory = settings.data.dir.expanduser()
    if not directory.is_absolute():
        directory = ROOT / directory
    return settings.model_copy(update={"data": settings.data.model_copy(update={"dir": directory})})


def quiet_libraries(data_dir: Path) -> None:
    """Switch off every telemetry of the chosen libraries and keep their caches inside `data_dir` (design rule 10).

    Must run before those libraries are imported: they read the environment at import.
    """
    for name, value in {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": "100000",
        "GRADIO_TEMP_DIR": str(data_dir / "tmp" / "gradio"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "ANONYMIZED_TELEMETRY": "False",
        "TOKENIZERS_PARALLELISM": "false",
        "ORT_DISABLE_TELEMETRY": "1",
    }.items():
        os.environ.setdefault(name, value)


def child_environment() -> dict[str, str]:
    """The environment of a child process: what an interpreter needs to start, and no secret."""
    names = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH",
             "TESSDATA_PREFIX")  # fmt: skip
    return {name: os.environ[name] for name in names if name in os.environ}


def _section(tree: dict[str, Any], name: str, file: Path) -> dict[str, Any]:
    """The keys of one section, to be added to; only `embeddings` is a list, whose rows stand in the file."""
    section = tree.setdefault(name, {})
    if not isinstance(section, dict):
        raise ConfigError(f"'{name}' in {file.name} is no section of 'key: value' lines; write its settings there.")
    return section


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"The configuration file {file} cannot be read; restore config.yaml or name another."
        ) from None
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise ConfigError(f"{file.name} is not valid YAML near line {line}; mend that line.") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{file.name} must hold sections such as 'server:'; it holds something else.")
    return {key: {} if value is None else value for key, value in tree.items()}


def _read_env_file(file: Path) -> dict[str, str]:
    """`NAME=value` lines; comments, blank lines and quotes round the value are allowed."""
    if not file.is_file():
        return {}
    pairs = (line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines() if "=" in line)
    return {k.strip(): v.strip().strip("'\"") for k, v in pairs if not k.lstrip().startswith("#") and v.strip()}


def _parse_variable(name: str, value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"The environment variable {name} is not a valid value.") from None


def _sentence(error: ValidationError, file: Path) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "settings"
    if first["type"] == "extra_forbidden":
        return f"{file.name} or the environment sets '{key}', which is no setting; remove it or correct its name."
    return (
        f"The setting '{key}' in {file.name} or the environment is wrong: {first['msg'].removeprefix('Value error, ')}."
    )
