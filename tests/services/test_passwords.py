"""Which passwords may be chosen: long enough, and nothing that is guessed first."""

from __future__ import annotations

import time

import pytest

from app.services.guessable import _words
from app.services.passwords import WeakPassword, check_password

GUESSED = [
    "password1234", "Password2026!", "P@ssw0rd2026", "passwordpassword", "password 123456", "passwort1234!",  # with digits
    "qwertyuiop12", "qwertyuiop[]", "1qaz2wsx3edc", "1q2w3e4r5t6y", "asdfghjkl;12", "zxcvbnm,./12", "poiuytrewq12",  # walks
    "abcdefghijkl", "123456789012", "098765432109", "abcd12345678",
    "summer2026!!", "Winter2025-26", "spring-2026!", "December2026", "Monday123456",  # seasons
    "aaaaaaaaaaaa", "abcabcabcabc", "xkcdxkcdxkcd", "na na na na na na", "kjzkjzkjzkjzk",  # repeated
    "iloveyou1234", "letmein12345", "welcomewelcome1", "ilovemusic12", "AdminAdmin12", "dragon monkey",  # common words
]  # fmt: skip
CHOSEN = [
    "three chords and the truth", "a longer song than before", "another good password", "not this one at all",
    "kJ8#vq2LmZ!x", "82640175933816", "zwölf Wörter sind es", "音楽は人生のすべてです私の", "correct-horse-9", "test-password-for-me",
]  # fmt: skip


@pytest.mark.parametrize("password", GUESSED)
def test_what_is_guessed_first_is_refused_in_one_sentence(password: str) -> None:
    with pytest.raises(WeakPassword, match="easy to guess; choose a few words") as caught:
        check_password(password)
    assert (caught.value.status, caught.value.code) == (422, "weak_password")
    assert password not in caught.value.sentence


@pytest.mark.parametrize("password", CHOSEN)
def test_other_passwords_may_be_chosen(password: str) -> None:
    check_password(password, "dana.kovacs@example.com")


@pytest.mark.parametrize(
    ("password", "email"),
    [
        ("dana.kovacs and the truth", "dana.kovacs@example.com"),
        ("DanaKovacs and the truth", "dana.kovacs@example.com"),
        ("the truth of kim alone", "Kim@example.com"),
    ],
)
def test_ones_own_address_is_no_password(password: str, email: str) -> None:
    with pytest.raises(WeakPassword):
        check_password(password, email)
    check_password(password, "somebody@example.com")


@pytest.mark.parametrize("email", ["tom@example.com", "a@example.com", "..@example.com", ""])
def test_a_short_name_inside_a_word_is_no_hint(email: str) -> None:
    check_password("tomorrow never knows a thing", email)


def test_the_list_is_there_and_small() -> None:
    assert 200 < len(_words()) < 1000
    assert all(word == word.casefold() for word in _words())


def test_the_longest_password_is_judged_at_once() -> None:
    started = time.perf_counter()
    check_password("".join(chr(0x4E00 + number) for number in range(128)), "dana@example.com")
    assert time.perf_counter() - started < 0.5
