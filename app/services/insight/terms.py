"""Periods and restrictions of a contract that a plan or a calendar must know, as facts with their words. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.services.insight.sentences import PageText


def contract_terms(pages: Sequence[PageText]) -> list[dict[str, Any]]:
    """Facts `{kind, name, value, days, until, page, start, end, quote, by}`; `days` an int or None, `until` "YYYY-MM-DD"
    or None. Kinds: delivery_lead_time, option_window, exclusivity, approval_period, notice_period, sunset_period.
    """
    return []
