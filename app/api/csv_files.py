"""Tables as files for spreadsheets."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

from app.models import now

# For `responses=`.
FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


def csv_file(text: str, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name.replace("_", "-")}-{now():%Y-%m-%d}.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, media_type="text/csv", headers=headers)
