"""Takes a fenced block out of text that arrives in pieces: it is for the program, not for the reader."""

from __future__ import annotations

import re

LONGEST = 20_000  # characters of a block that is kept: a model that never closes it fills no memory


class FenceFilter:
    """`feed` gives what is safe to show, `flush` the rest; `blocks` are the contents of the blocks with that name."""

    def __init__(self, name: str) -> None:
        self._opening = f"```{name}"
        self._held = ""
        self._inside = False
        self.blocks: list[str] = []

    def feed(self, text: str) -> str:
        self._held += text
        shown = ""
        while True:
            before = (self._held, self._inside)
            shown += self._inner() if self._inside else self._outer()
            if (self._held, self._inside) == before:
                return shown

    def flush(self) -> str:
        """What was held back; a block that was cut short is kept as it came."""
        rest, self._held = self._held, ""
        if not self._inside:
            return rest
        self.blocks.append(rest.strip())
        self._inside = False
        return ""

    def _outer(self) -> str:
        at = self._held.find(self._opening)
        if at >= 0:
            shown, self._held, self._inside = self._held[:at], self._held[at + len(self._opening) :], True
            return shown.rstrip()
        # The beginning of an opening may be the end of what came.
        cut = max((n for n in range(1, len(self._opening)) if self._held.endswith(self._opening[:n])), default=0)
        kept = re.search(r"\s*\Z", self._held[: len(self._held) - cut]) if cut else None
        end = kept.start() if kept else len(self._held)
        shown, self._held = self._held[:end], self._held[end:]
        return shown

    def _inner(self) -> str:
        at = self._held.find("```")
        if at >= 0:
            self.blocks.append(self._held[:at].strip()[:LONGEST])
            self._held, self._inside = self._held[at + 3 :], False
        elif len(self._held) > LONGEST:
            self._held = self._held[-LONGEST:]
        return ""
