"""What can go wrong with a language model: the sentences, what is worth another try, and the circuit breaker."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import httpx
from loguru import logger

from app.errors import Unavailable

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0  # seconds; the openai package's INITIAL_RETRY_DELAY and MAX_RETRY_DELAY
RETRIED = {408, 409, 429}  # and every 5xx, as the openai package does
OURS = {400, 413, 422}  # the request was at fault, not the provider

# An admin chooses the model on the admin page, or in llm.* of config.yaml where nothing is chosen there.
EMPTY = "The language model returned an empty answer; ask again, or an admin chooses another model."
UNREACHABLE = "The language model does not answer; check that its server runs and that its address is right."
MALFORMED = "The language model's server does not speak the OpenAI protocol; check its address (it often ends in /v1)."
ELSEWHERE = "The language model's address leads to another one, which is not followed; set the one it leads to."
REPORTED = "The language model's server reported an error; ask again in a minute."
RESTING = "The language model failed several times in a row and is being given a rest; ask again shortly."
STATUS = {
    400: "The language model refused the request, which may be too long for it; shorten it or choose a larger model.",
    401: "The language model's provider refused the key; an admin can paste a valid one on the admin page.",
    402: "The account at the language model's provider has no credit left; top it up.",
    403: "The key may not use this language model; allow it at the provider or choose another model.",
    404: "The language model's server does not know the model '{model}'; an admin can choose one that it serves.",
    413: "The request is too long for the language model; shorten it.",
    429: "The language model's rate limit or quota is used up; wait a little, or raise the quota at the provider.",
}

About = Literal["key", "credit", "forbidden", "model", "limit", "request", "unreachable", "protocol", "elsewhere", "slow",
                "empty", "other"]  # fmt: skip
_ABOUT: dict[int, About] = {
    400: "request", 401: "key", 402: "credit", 403: "forbidden", 404: "model", 413: "request", 422: "request", 429: "limit",
}  # fmt: skip


class ModelUnavailable(Unavailable):
    """No answer could be had. Says nothing about the provider's health unless it is a `ProviderFault`."""

    code = "provider_unavailable"

    def __init__(self, sentence: str, *, about: About = "other", retry_after: int | None = None) -> None:
        """`about`: what is wrong, for whoever sets the model up."""
        super().__init__(sentence, retry_after=retry_after)
        self.about = about


class ProviderFault(ModelUnavailable):
    """The provider failed, refused the key or does not know the model; the breaker counts these."""


class BrokenAnswer(ProviderFault):
    """The answer broke off after its first words; what came is worth keeping."""

    code = "provider_broke"


class Breaker:
    """After `failures` faults in a row refuses for `seconds`, then lets one trial through at a time.

    A trial that never ends is overtaken by another after `seconds`. For use within one thread.
    """

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures, self._seconds, self._clock = failures, seconds, clock
        self._faults = 0
        self._until = 0.0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Judges one call by how it ends; raises `ModelUnavailable` with `retry_after` in seconds while open."""
        trial = self._enter()
        try:
            yield
        except ProviderFault as fault:
            self._faults += 1
            if self._faults >= self._failures:
                self._until = self._clock() + self._seconds
            logger.bind(code=fault.code, faults=self._faults).warning("language model fault")
            raise
        except BaseException:  # stopped by the reader, or our own mistake: no verdict, so the next call is the trial
            if trial:
                self._until = self._clock()
            raise
        self._faults = 0

    def _enter(self) -> bool:
        if self._faults < self._failures:
            return False
        wait = self._until - self._clock()
        if wait > 0:
            raise ModelUnavailable(RESTING, retry_after=math.ceil(wait))
        self._until = self._clock() + self._seconds
        return True


def failures() -> tuple[type[Exception], ...]:
    """What a call through LlamaIndex's OpenAI client can raise.

    Its parser meets a reply of another shape with the last four: JSON errors are ValueErrors, a page of HTML is a str
    without `choices`, and `choices` may be missing or empty.
    """
    import openai

    return openai.OpenAIError, httpx.HTTPError, ValueError, AttributeError, TypeError, LookupError


def explain(error: Exception, model: str) -> ModelUnavailable:
    """The sentence for one of `failures()`; never holds the provider's own words, which may quote the prompt."""
    import openai

    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        kind = ModelUnavailable if status in OURS else ProviderFault
        if 300 <= status < 400:
            return ProviderFault(ELSEWHERE, about="elsewhere")
        sentence = STATUS.get(status, REPORTED).format(model=model)
        pause = _asked_pause(error.response)
        about = _ABOUT.get(status, "other")
        return kind(sentence, about=about, retry_after=None if pause is None else math.ceil(pause))
    if isinstance(error, (openai.APIConnectionError, httpx.HTTPError)):
        return ProviderFault(UNREACHABLE, about="unreachable")
    return ProviderFault(REPORTED) if type(error) is openai.APIError else ProviderFault(MALFORMED, about="protocol")


def pause_before_retry(error: Exception, tried: int) -> float | None:
    """Seconds to wait before another try, `tried` counting from 0; None where another try is pointless.

    Exponential with jitter, so that many waiting readers do not come back at once; the provider's Retry-After wins.
    """
    import openai

    if isinstance(error, openai.APIStatusError):
        if error.code == "insufficient_quota" or not (error.status_code in RETRIED or error.status_code >= 500):
            return None
        asked = _asked_pause(error.response)
        if asked is not None:
            return asked
    elif not isinstance(error, (openai.APIConnectionError, httpx.TransportError)):
        return None
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**tried) * random.uniform(0.5, 1.0)


def _asked_pause(response: httpx.Response) -> float | None:
    """Retry-After in seconds: a number or an HTTP date (RFC 9110 10.2.3); None when absent or unreadable."""
    value = response.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):  # TypeError: a date without a zone
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
