"""The language model that an admin chose, as it is kept in SQL, and the key to it, which SQL alone cannot tell."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlmodel import Session, select

from app.config import LLMSettings
from app.db import Database
from app.errors import AppError, ConfigError, Unavailable
from app.llms import OPENAI_URL, ChatModel, chat_model
from app.models import ModelChoice

Provider = Literal["settings", "none", "openai", "ollama", "compatible"]
CapUnit = Literal["tokens", "money"]
OLLAMA = "http://127.0.0.1:11434"  # where Ollama listens by itself
NONCE_BYTES = 12  # of AES-GCM (NIST SP 800-38D, 5.2.1.1)
KEY_LOST = (
    "The key of the language model cannot be read: data/secrets/models.key is not the file that it was sealed with. "
    "An admin can paste the key again on the admin page."
)


class Vault:
    """Seals a key with AES-256-GCM under a file of its own beside the data, bound to the address that it is for: a row that
    somebody changed to send it elsewhere does not open."""

    def __init__(self, file: Path, load: Callable[[Path], bytes]) -> None:
        """`load` makes the file when it is first needed."""
        self._file, self._load = file, load

    def seal(self, key: str, where: str) -> str:
        """Raises `Unavailable` when the file cannot be made or used."""
        nonce = os.urandom(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher().encrypt(nonce, key.encode(), where.encode())).decode()

    def open(self, sealed: str, where: str) -> str:
        """Raises `Unavailable` for a key that was sealed with another file or for another address."""
        if not self._file.exists():
            raise Unavailable(KEY_LOST, code="key_lost")
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher().decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], where.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unavailable(KEY_LOST, code="key_lost") from None

    def _cipher(self) -> AESGCM:
        try:
            return AESGCM(self._load(self._file)[:32])
        except ConfigError:
            raise Unavailable(
                "data/secrets/models.key, which seals the language model's key, is damaged or cannot be read; delete it, then "
                "paste the key again on the admin page.",
                code="key_lost",
            ) from None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a month may take, and what a million tokens cost where somebody said so."""

    cap: float | None = None
    unit: CapUnit = "tokens"
    currency: str = "USD"
    price_in: float | None = None
    price_out: float | None = None


@dataclass(frozen=True, slots=True)
class Current:
    """What is in force. `trouble` says why there is no model though one was chosen; `stamp` is the row's."""

    stamp: str | None = None
    provider: Provider = "settings"
    model: ChatModel | None = None
    trouble: str | None = None
    terms: Terms = Terms()


class Choices:
    """Reads the row and makes of it what is in force."""

    def __init__(self, db: Database, settings: LLMSettings, vault: Vault) -> None:
        self._db, self.settings, self.vault = db, settings, vault

    def stamp(self, session: Session) -> str | None:
        return session.exec(select(ModelChoice.stamp)).first()

    def row(self) -> ModelChoice | None:
        with self._db.reading() as session:
            return session.exec(select(ModelChoice)).first()

    def current(self) -> Current:
        """Never raises for what was chosen: without a usable choice the sources speak for themselves."""
        row = self.row()
        if row is None:
            return Current(model=chat_model(self.settings))
        terms = terms_of(row)
        provider: Provider = row.provider  # type: ignore[assignment]  # written by `ModelService` alone
        try:
            key = self.vault.open(row.sealed_key, place(row.provider, row.base_url)) if row.sealed_key else None
            model = chat_model(self.settings_of(provider, row.base_url, row.model, key))
        except AppError as error:
            return Current(row.stamp, provider, None, error.sentence, terms)
        return Current(row.stamp, provider, model, None, terms)

    def settings_of(self, provider: Provider, base_url: str | None, model: str | None, key: str | None) -> LLMSettings:
        """The configuration's section with the choice in it; limits and temperature stay as configured."""
        if provider == "settings":
            return self.settings
        if provider == "none":
            return self.settings.model_copy(update={"provider": "none"})
        address = {"openai": None, "ollama": f"{OLLAMA}/v1"}.get(provider, base_url)
        chosen = LLMSettings.model_validate(
            {"provider": "openai" if provider == "openai" else "openai_like", "base_url": address, "api_key": key}
        )
        if provider == "openai" and key is None and self.openai_key_is_set():
            chosen = chosen.model_copy(update={"api_key": self.settings.api_key})
        names = {name: getattr(chosen, name) for name in ("provider", "base_url", "api_key")}
        return self.settings.model_copy(update={**names, "model": model or "auto"})

    def openai_key_is_set(self) -> bool:
        """Whether the configuration holds a key that is meant for OpenAI and for nobody else."""
        address = self.settings.base_url or OPENAI_URL
        return self.settings.api_key is not None and host_of(address) == host_of(OPENAI_URL)


def terms_of(row: ModelChoice | None) -> Terms:
    if row is None:
        return Terms()
    unit: CapUnit = "money" if row.cap_unit == "money" else "tokens"
    return Terms(row.monthly_cap, unit, row.currency, row.price_in, row.price_out)


def place(provider: str, base_url: str | None) -> str:
    """What a key is bound to: scheme, host and port that it is sent to."""
    if provider != "compatible":
        return provider
    parts = urlsplit(base_url or "")
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{parts.port or ''}"


def host_of(address: str | None) -> str:
    return urlsplit(address or "").hostname or ""


def server_of(address: str | None) -> str:
    """Host and port, to be shown: without a path, a name or a password."""
    return urlsplit(address or "").netloc.rpartition("@")[2]
