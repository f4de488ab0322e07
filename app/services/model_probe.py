"""Trying a language model out before it is chosen, and looking for Ollama: what came, in a sentence for whoever sets it up."""

from __future__ import annotations

import time
from typing import Any

import httpx
from pydantic import BaseModel, Field

from app.config import LLMSettings
from app.errors import AppError
from app.llm_breaker import About, ModelUnavailable
from app.llms import OPENAI_URL, ChatModel, chat_model
from app.services import model_choices
from app.services.model_choices import server_of

TRY_SECONDS = 15.0  # a model on this machine may have to be read from the disk first
OLLAMA_SECONDS = 1.0  # on this machine: it answers in milliseconds or is not there
TRY_TOKENS = 16
MOST_NAMES, LONGEST_NAME = 300, 120
ONE_WORD = "Reply with one word: ready"

SENTENCES: dict[About, str] = {
    "key": "{host} refused the key. Copy it anew from the provider and paste it again.",
    "credit": "The account at {host} has no credit left. Top it up there, then test again.",
    "forbidden": "This key may not use {model} at {host}. Allow it there, or choose another model.",
    "limit": "{host} says that the limit or the credit of this key is used up. Wait a little, or raise it there.",
    "request": "{model} refused a short question. Choose another model; this one may not be made for conversation.",
    "unreachable": "Nothing answers at {host}. Check the address, and that the server there runs.",
    "protocol": "What answers at {host} does not speak the OpenAI protocol. Check the address; it often ends in /v1.",
    "elsewhere": "{host} sends on to another address, which is not followed. Type the address that it leads to.",
    "slow": "Nothing came from {host} within {seconds:.0f} seconds. A model that is still being loaded needs longer: test again "
    "in a minute.",
    "other": "{host} reported an error. Test again in a minute.",
}
UNKNOWN = "{host} does not know the model {model}. Choose one of those that it offers."
NOT_FOUND = "{host} knows neither this address nor the model {model}. The address often ends in /v1."
NONE_THERE = "{host} offers no model yet. Load one there, then test again."
WORDLESS = "{model} at {host} took the question and sent no words, as models do that think first. It can be used."
WORKS = "{model} at {host} answered in {seconds:.1f} seconds. It can be used."
NOTHING_TO_TRY = "There is no language model to test: answers are the sources' own words."


class Tried(BaseModel):
    """What a language model said when it was asked one word."""

    works: bool
    about: str = Field(description="What is wrong, for programs: key, model, unreachable, … ; `fine` where it works.")
    sentence: str = Field(description="What came, and what to do.")
    model: str | None = Field(description="The model that answered.")
    models: list[str] = Field(description="Those that the server lists, where it does.")


class Ollama(BaseModel):
    found: bool
    models: list[str]


async def try_model(settings: LLMSettings) -> Tried:
    """Asks one word, once. What the provider said stays out of the sentence: it may hold the key."""
    try:
        model = chat_model(settings.model_copy(update={"retries": 0}))
    except AppError as error:
        return Tried(works=False, about="request", sentence=error.sentence, model=None, models=[])
    if model is None:
        return Tried(works=True, about="fine", sentence=NOTHING_TO_TRY, model=None, models=[])
    host = server_of(settings.base_url or OPENAI_URL) or "The server"
    about, seconds = await _ask(model)
    names = await _names(model)
    await model.aclose()
    template = {"fine": WORKS, "empty": WORDLESS}.get(about) or SENTENCES.get(about)  # type: ignore[call-overload]
    if template is None:
        template = (UNKNOWN if names else NOT_FOUND) if model.model != "auto" or names else NONE_THERE
    sentence = template.format(host=host, model=model.model, seconds=seconds)
    works = about in ("fine", "empty")
    return Tried(works=works, about="fine" if works else about, sentence=sentence, model=_known(model), models=names)


async def _ask(model: ChatModel) -> tuple[str, float]:
    from llama_index.core.llms import ChatMessage

    began = time.monotonic()
    try:
        word = [ChatMessage(role="user", content=ONE_WORD)]
        await model.complete(word, seconds=TRY_SECONDS, max_tokens=TRY_TOKENS)
    except ModelUnavailable as error:
        return error.about, TRY_SECONDS if error.about == "slow" else time.monotonic() - began
    return "fine", time.monotonic() - began


async def _names(model: ChatModel) -> list[str]:
    try:
        return _tidy(await model.names())
    except ModelUnavailable:
        return []


def _known(model: ChatModel) -> str | None:
    return None if model.model == "auto" else model.model


async def find_ollama() -> Ollama:
    """The models of an Ollama on this machine, at the address that it uses by itself."""
    address = f"{model_choices.OLLAMA}/api/tags"
    try:
        # No proxy of the environment is asked for this machine, and plain HTTP needs no certificates.
        async with httpx.AsyncClient(timeout=OLLAMA_SECONDS, trust_env=False, verify=False) as client:
            answer = await client.get(address)
        found: Any = answer.json() if answer.status_code == 200 else {}
        names = [one["name"] for one in found["models"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return Ollama(found=False, models=[])
    return Ollama(found=True, models=_tidy(names))


def _tidy(names: list[Any]) -> list[str]:
    return [name for name in names if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME][:MOST_NAMES]
