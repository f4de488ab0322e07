"""The language model by choice of an admin: look, test, save. It takes effect without a restart; see `ModelSlot`."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from app.config import is_private_way
from app.db import Database
from app.errors import AppError, Conflict, Forbidden
from app.llms import chat_model
from app.models import ModelChoice, new_id, now
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.model_choices import Choices, Current, Provider, place, server_of
from app.services.model_probe import Ollama, Tried, find_ollama, try_model
from app.services.model_slot import ModelSlot

NONE_SET_UP = "No language model is set up: answers are the sources' own words."
NOT_ENCRYPTED = (
    "What goes to {host} is not encrypted on its way: others on the network can read questions, sources and the key. "
    "Use an https address where you can."
)
_KEY = re.compile(r"[\x21-\x7e]{1,500}")  # what an HTTP header carries, without spaces
_NAME = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,118}[\x21-\x7e])?")
_CURRENCY = "^[A-Z]{3}$"
Money = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class ModelTry(BaseModel):
    """A model to test. Without `key` the one that is kept is used, if it is for the same address."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"provider": "compatible", "base_url": "http://127.0.0.1:8000/v1", "model": "tiny"}
        },
    )
    provider: Provider = Field(
        description="`settings`: what config.yaml and the environment say; `none`: the sources' own words."
    )
    base_url: str | None = Field(
        default=None, max_length=500, description="Of an OpenAI-compatible server; http or https."
    )
    model: str | None = Field(default=None, max_length=120, description="Empty: the provider's first, or usual one.")
    key: SecretStr | None = Field(
        default=None,
        max_length=500,
        description="Written, never read. Left out: the one that is kept stays; empty: it is removed.",
        json_schema_extra={"writeOnly": True},
    )


class ModelUpdate(ModelTry):
    """What shall write the answers, and what a month may take."""

    monthly_cap: Money | None = Field(default=None, description="Of all users together; null: no limit.")
    cap_unit: Literal["tokens", "money"] = "tokens"
    currency: str = Field(default="USD", pattern=_CURRENCY, description="Of prices and of a limit in money.")
    price_in: Money | None = Field(default=None, description="Of a million tokens read.")
    price_out: Money | None = Field(default=None, description="Of a million tokens written.")


class ModelChoicePublic(BaseModel):
    provider: Provider
    base_url: str | None
    model: str | None
    key_set: bool = Field(description="Whether a key is kept. It is never shown.")
    monthly_cap: float | None
    cap_unit: Literal["tokens", "money"]
    currency: str
    price_in: float | None
    price_out: float | None
    updated: datetime | None


class MonthPublic(BaseModel):
    """This month so far, of everybody, in UTC."""

    tokens: int
    cost: float
    share: float | None = Field(description="Of the limit: 1 is all of it; null without one.")
    reached: bool


class ModelsPublic(BaseModel):
    """The present choice, what is in force by it, and what can be chosen."""

    choice: ModelChoicePublic
    in_force: str = Field(description="Who writes the answers now, in a sentence.")
    works: bool = Field(
        description="False where a choice was made that cannot be used, or the month's limit is reached."
    )
    notes: list[str] = Field(description="What an admin should know about it.")
    settings: str = Field(description="What config.yaml and the environment would have, in a sentence.")
    openai_key_in_settings: bool
    ollama: Ollama
    month: MonthPublic


class ModelService:
    def __init__(self, db: Database, audit: AuditLog, choices: Choices, slot: ModelSlot) -> None:
        self._db, self._audit, self._choices, self._slot = db, audit, choices, slot

    async def look(self, principal: Principal) -> ModelsPublic:
        """The present choice. Raises `Forbidden` for whoever is no admin, as all of these do."""
        await asyncio.to_thread(self._note, principal, "models.read")
        await asyncio.to_thread(self._slot.refresh)
        return await self._public()

    async def change(self, principal: Principal, wanted: ModelUpdate) -> ModelsPublic:
        """Save a choice. This process has it at once, others within seconds; answers under way end with what they began."""
        try:
            await asyncio.to_thread(self._save, principal, wanted)
        except IntegrityError:  # the first choice of all, saved twice at one moment
            raise Conflict("Another admin saved a choice at this moment; look at it, then save yours.") from None
        await asyncio.to_thread(self._slot.refresh)
        return await self._public()

    async def test(self, principal: Principal, wanted: ModelTry) -> Tried:
        """Ask the model one word, and save nothing."""
        await asyncio.to_thread(self._note, principal, "models.test")
        _check(wanted)
        key = await asyncio.to_thread(self._key, wanted)
        self._check_key(wanted, key)
        return await try_model(self._choices.settings_of(wanted.provider, wanted.base_url, wanted.model, key))

    def _key(self, wanted: ModelTry) -> str | None:
        """The key that was sent, or the one that is kept for the same address."""
        if wanted.key is not None:
            return wanted.key.get_secret_value() or None
        row = self._choices.row()
        where = place(wanted.provider, wanted.base_url)
        if row is None or not row.sealed_key or place(row.provider, row.base_url) != where:
            return None
        return self._choices.vault.open(row.sealed_key, where)

    def _save(self, principal: Principal, wanted: ModelUpdate) -> None:
        self._check_admin(principal, "models.update")
        _check(wanted)
        _check_terms(wanted)
        where = place(wanted.provider, wanted.base_url)
        new_key = wanted.key.get_secret_value() if wanted.key else ""
        sealed = self._choices.vault.seal(new_key, where) if new_key else None
        with self._db.session() as session:
            row = session.exec(select(ModelChoice).with_for_update()).first() or ModelChoice(provider="none")
            if wanted.key is None and place(row.provider, row.base_url) == where:
                sealed = row.sealed_key  # for another address it goes: a key is sent nowhere but where it was meant for
            self._check_key(wanted, sealed)
            kept = wanted.model_dump(exclude={"key", "base_url", "model"})
            own = wanted.provider in ("openai", "ollama", "compatible")
            row.sqlmodel_update(
                {
                    **kept,
                    "base_url": wanted.base_url if wanted.provider == "compatible" else None,
                    "model": (wanted.model or None) if own else None,
                    "sealed_key": sealed if own else None,
                    "stamp": new_id(),
                    "updated": now(),
                }
            )
            self._keep(session, principal, row)

    def _keep(self, session: Session, principal: Principal, row: ModelChoice) -> None:
        session.add(row)
        self._audit.record(session, principal, "models.update")

    def _note(self, principal: Principal, action: str) -> None:
        self._check_admin(principal, action)
        with self._db.session() as session:
            self._audit.record(session, principal, action)

    def _check_admin(self, principal: Principal, action: str) -> None:
        with self._audit.refusing(self._db, principal, action):
            if not principal.is_admin:
                raise Forbidden("This is for admins; ask one of them.")

    def _check_key(self, wanted: ModelTry, key: str | None) -> None:
        if wanted.provider == "openai" and not key and not self._choices.openai_key_is_set():
            raise AppError("OpenAI needs a key; paste the one that it gave you.", status=422, code="key")

    async def _public(self) -> ModelsPublic:
        row, current = await asyncio.to_thread(self._choices.row), self._slot.current
        why = self._slot.why_none()
        address = current.model.settings.base_url if current.model else None
        private = address is None or is_private_way(address)
        return ModelsPublic(
            choice=_choice(row),
            in_force=why or writer(current),
            works=why is None,
            notes=[] if private else [NOT_ENCRYPTED.format(host=server_of(address))],
            settings=_settings_sentence(self._choices),
            openai_key_in_settings=self._choices.openai_key_is_set(),
            ollama=await find_ollama(),
            month=_month(self._slot),
        )


def writer(current: Current) -> str:
    """Who writes the answers, in a sentence."""
    if (model := current.model) is None:
        return NONE_SET_UP
    server = server_of(model.settings.base_url)
    if model.model == "auto":
        return f"Answers are written by the first model that {server} offers."
    return f"Answers are written by {model.model} at {server}."


def _settings_sentence(choices: Choices) -> str:
    try:
        return writer(Current(model=chat_model(choices.settings)))
    except AppError as error:
        return error.sentence


def _choice(row: ModelChoice | None) -> ModelChoicePublic:
    row = row or ModelChoice(provider="settings")
    values = row.model_dump(exclude={"id", "stamp", "sealed_key", "updated"})
    return ModelChoicePublic.model_validate({**values, "key_set": bool(row.sealed_key), "updated": row.updated})


def _month(slot: ModelSlot) -> MonthPublic:
    terms, spent = slot.current.terms, slot.spent
    of = spent.cost if terms.unit == "money" else spent.tokens
    share = None if terms.cap is None else of / terms.cap if terms.cap else 1.0
    reached = share is not None and share >= 1
    return MonthPublic(tokens=spent.tokens, cost=spent.cost, share=share, reached=reached)


def _check(wanted: ModelTry) -> None:
    """Raise 422 for what no server could be asked with."""
    if wanted.provider == "compatible":
        _check_address(wanted.base_url or "")
    key = wanted.key.get_secret_value() if wanted.key else ""
    if key and not _KEY.fullmatch(key):
        raise AppError("A key has no spaces and no special characters; copy it again.", status=422, code="key")
    if wanted.model and not _NAME.fullmatch(wanted.model):
        raise AppError("The model's name holds characters that no name has; type it again.", status=422, code="model")


def _check_address(address: str) -> None:
    sentence = "Type the address of the server, such as http://127.0.0.1:8000/v1."
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not address.isascii() or not address.isprintable() or " " in address:
        host = None
    if not host or parts.scheme not in ("http", "https") or "@" in parts.netloc or "?" in address or "#" in address:
        raise AppError(sentence, status=422, code="address")


def _check_terms(wanted: ModelUpdate) -> None:
    if wanted.cap_unit == "money" and wanted.monthly_cap is not None and not (wanted.price_in or wanted.price_out):
        raise AppError(
            "A limit in money needs prices: type what a million tokens cost, or set the limit in tokens.",
            status=422,
            code="prices",
        )
