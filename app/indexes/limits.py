"""How much of a file is read before it counts as an attack or a mistake; the numbers come from `ingestion:` settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Limits inside the reading child, and with what pictures are recognised. The defaults are those of config.yaml."""

    max_text_chars: int = 20_000_000
    max_pages: int = 10_000  # a lying page count would be walked page by page
    archive_members: int = 2000
    archive_bytes: int = (
        100_000_000  # unpacked; a long novel with pictures is a tenth of this, a bomb ten times as much
    )
    archive_ratio: int = 100  # XML packs 10 to 40 times, zeros 1000 times
    picture_pixels: int = 80_000_000  # more than any phone's camera; 240 MB in colour
    table_cells: int = 2_000_000
    attachments: int = 50  # of one message, those inside attached messages included

    @classmethod
    def of(cls, settings: object) -> ReadLimits:
        """The fields of `IngestionSettings` that have these names."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})

    @classmethod
    def parsed(cls, tree: dict[str, Any]) -> ReadLimits:
        """From `dumped`; names it does not know are left out."""
        return cls(**{field.name: int(tree[field.name]) for field in fields(cls) if field.name in tree})

    def dumped(self) -> dict[str, int]:
        return asdict(self)
