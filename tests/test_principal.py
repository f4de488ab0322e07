from __future__ import annotations

from typing import Any

import pytest

from app.errors import Unauthorized
from app.principal import Principal, TenantFilter, authenticated, local_operator, system


def test_each_maker_says_how_the_caller_came() -> None:
    session, token = authenticated("u1", "user", "session", "s1"), authenticated("u1", "admin", "token", "s2")
    assert (session.user_id, session.kind, session.session_id, session.is_admin) == ("u1", "session", "s1", False)
    assert (token.kind, token.is_admin) == ("token", True)
    operator, worker = local_operator("u1"), system("seed")
    assert (operator.kind, operator.is_admin, operator.session_id) == ("operator", False, None)
    assert (worker.user_id, worker.kind, worker.is_admin) == ("system:seed", "system", True)
    assert local_operator("u1", "admin").is_admin


@pytest.mark.parametrize("seal", [(), (None,), (object(),)])
def test_nobody_else_makes_a_principal_or_a_filter(seal: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="made by authentication"):
        Principal("u1", "admin", "session", None, *seal)
    with pytest.raises(TypeError, match="for_principal only"):
        TenantFilter("u1", None, None, *seal)


def test_an_empty_user_is_nobody() -> None:
    with pytest.raises(Unauthorized, match="Sign in first"):
        local_operator("")
    with pytest.raises(Unauthorized, match="Sign in first"):
        authenticated("", "user", "session", "s")


def test_a_filter_is_made_for_someone_and_for_the_system_never() -> None:
    made = TenantFilter.for_principal(local_operator("u1"), artist_id="a", document_ids=("d",))
    assert (made.user_id, made.artist_id, made.document_ids) == ("u1", "a", ("d",))
    limited = made.limited_to(("e",))
    assert (limited.user_id, limited.artist_id, limited.document_ids) == ("u1", "a", ("e",))
    for principal in (None, system("worker")):
        with pytest.raises(Unauthorized, match="signed-in user only"):
            TenantFilter.for_principal(principal)


def test_neither_can_be_changed_afterwards_nor_shows_its_seal() -> None:
    principal, tenant = local_operator("u1"), TenantFilter.for_principal(local_operator("u1"))
    for one in (principal, tenant):
        with pytest.raises(AttributeError):
            one.user_id = "u2"  # type: ignore[misc]
        assert "seal" not in repr(one)
