"""Errors a person can meet: one clear sentence, a status and a short code, raised anywhere and rendered once per door."""

from __future__ import annotations

PAUSE_SECONDS = 5  # to wait before another try, where nothing knows better


class AppError(Exception):
    """A failure told in one sentence that says what to do.

    `status` is the HTTP status the REST door answers with; `code` is stable and machine-readable;
    `retry_after` is in seconds, for failures that pass.
    """

    status = 400
    code = "bad_request"

    def __init__(
        self,
        sentence: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status or self.status
        self.code = code or self.code
        self.retry_after = retry_after

    @property
    def pause(self) -> int | None:
        """For the header Retry-After, in seconds: every 429 and 503 has one."""
        if self.retry_after is None and self.status in (429, 503):
            return PAUSE_SECONDS
        return self.retry_after


class ConfigError(AppError):
    """The configuration cannot be used; the sentence names the key and the mend."""

    status, code = 500, "configuration"


class Unauthorized(AppError):
    status, code = 401, "unauthorized"


class Forbidden(AppError):
    status, code = 403, "forbidden"


class NotFound(AppError):
    """Unknown and not yours look the same (design rule 3)."""

    status, code = 404, "not_found"


class Conflict(AppError):
    status, code = 409, "conflict"


class TooLarge(AppError):
    status, code = 413, "too_large"


class UnsupportedFile(AppError):
    """The file cannot be read as a document; the sentence says why and what would work."""

    status, code = 415, "unsupported_file"


class TooMany(AppError):
    status, code = 429, "too_many_requests"


class Unavailable(AppError):
    """A part this needs is down; the sentence names it."""

    status, code = 503, "unavailable"
