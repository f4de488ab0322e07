"""AI Manager: cited answers for people who make music, from their own documents and from industry knowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.notebook import Manager

__version__ = "0.1.0"


def open_manager(**options: Any) -> Manager:
    """Open the data folder in this process, for notebooks and scripts; see `app.notebook.Manager`."""
    from app.notebook import open_manager as open_it  # heavy: imported when asked for

    return open_it(**options)
