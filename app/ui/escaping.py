"""Text from outside, made inert: no tag, link, image or address to click is left of it, in HTML and in Markdown."""

from __future__ import annotations

import re
from html import escape

_ADDRESS = re.compile(r"(?i)(://|\bwww\.|@|mailto:)")


def no_address(text: str) -> str:
    """What a parser would make a link of, so that it does not."""
    return _ADDRESS.sub(
        lambda found: "".join(sign if sign.isalnum() else f"&#{ord(sign)};" for sign in found.group()), text
    )


def lines(text: str) -> str:
    """Escaped, with line breaks kept, on one line: a blank line would end an HTML block and let Markdown in."""
    return _plain(text).replace("\r", "").replace("\n", "<br>")


def one_line(text: str) -> str:
    return _plain(" ".join(text.split()))


def _plain(text: str) -> str:
    return no_address(escape(text).replace("[", "&#91;").replace("`", "&#96;"))
