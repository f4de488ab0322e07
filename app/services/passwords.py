"""Password hashing: Argon2id, at most two at a time; and which passwords may be chosen."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import AppError, TooMany
from app.services.guessable import is_guessable

SHORTEST, LONGEST = 12, 128  # characters; OWASP ASVS 5.0, 6.2.1 and 6.2.9 ask for at least 8 and to accept at least 64

# OWASP password storage cheat sheet: Argon2id with 19 MiB, two passes, one lane; 33 ms on the machine of threats.md.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1


UNUSABLE = "!"  # in place of a hash: this account has no password, and none is right


class WeakPassword(AppError):
    status, code = 422, "weak_password"


def check_password(password: str, email: str = "") -> None:
    """Raise `WeakPassword` unless `password` may be chosen by the owner of `email`."""
    if not SHORTEST <= len(_normal(password)) <= LONGEST:
        raise WeakPassword(f"Choose a password of {SHORTEST} to {LONGEST} characters; a few words work well.")
    if is_guessable(_normal(password), email):
        raise WeakPassword(
            "This password is easy to guess; choose a few words that do not belong together, without your e-mail address."
        )


class Passwords:
    """Hashes and compares. A hash costs 19 MiB and a core: few run at once, and few callers may wait for a turn."""

    def __init__(self, parallel: int = 2, waiting: int = 12) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._slots = BoundedSemaphore(parallel)
        self._places = BoundedSemaphore(parallel + waiting)  # well below the 40 threads that serve plain routes
        self._nobody = self._hasher.hash("no one has this password")

    def hash(self, password: str) -> str:
        with self._turn():
            return self._hasher.hash(_bytes(password))

    def matches(self, password: str, stored: str | None) -> bool:
        """Compare; `stored=None` (no such user) and `UNUSABLE` spend the same time and are never true.

        A password longer than may be chosen is refused unread: hashing a megabyte is somebody else's wish.
        """
        if len(password) > 4 * LONGEST or len(_normal(password)) > LONGEST:
            return False
        known = stored if stored and stored != UNUSABLE else None
        with self._turn():
            try:
                return self._hasher.verify(known or self._nobody, _bytes(password)) and known is not None
            except (VerificationError, InvalidHashError):
                return False

    def needs_rehash(self, stored: str) -> bool:
        """Whether `stored` was made with other costs than today's."""
        return self._hasher.check_needs_rehash(stored)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise TooMany("Too many people are signing in at this moment; try again in a few seconds.", retry_after=3)
        try:
            with self._slots:
                yield
        finally:
            self._places.release()


def _normal(password: str) -> str:
    """The same characters whatever keyboard composed them (NIST SP 800-63B, 3.1.1.2, asks for NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")
