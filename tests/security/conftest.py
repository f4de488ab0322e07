"""The running application of group B; it starts once for all of its tests."""

from __future__ import annotations

from tests.security.town import town

__all__ = ["town"]
