"""What stands under the answer to a question that asks for a plan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from app.services.shapes import MessagePublic
from app.ui.rows import conversation_rows

AT = datetime(2027, 1, 2, tzinfo=UTC)


def message(number: int, role: str, text: str, state: str | None = None) -> MessagePublic:
    empty: dict[str, Any] = {"intent": None, "citations": [], "trace_id": None, "rating": None}
    fields = {
        "id": str(number),
        "conversation": "1",
        "role": role,
        "text": text,
        "state": state,
        "created": AT,
        **empty,
    }
    return MessagePublic.model_validate(fields)


@pytest.mark.parametrize("state", ["answered", "extractive", "nothing_found"])
def test_an_answer_can_be_made_a_plan_where_one_was_asked_for(state: str) -> None:
    rows = conversation_rows(
        [
            message(1, "user", "Plan my album release"),
            message(2, "assistant", "Begin early.", state),
            message(3, "user", "And the chorus?"),
            message(4, "assistant", "It is fine.", state),
        ]
    )
    below = {name: row["content"] for row in rows for name in ("answer-2", "answer-4") if name in row["content"]}
    assert 'class="act plan first" value="release_album">Make this a plan<' in below["answer-2"]
    assert "Make this a plan" not in below["answer-4"]
    assert '<div class="plan-changes" id="changes-4"></div>' in below["answer-4"]


def test_an_answer_that_failed_is_asked_again_first() -> None:
    rows = conversation_rows([message(1, "user", "Plan my album release"), message(2, "assistant", "", "failed")])
    assert not any("Make this a plan" in row["content"] for row in rows)
