"""Where one asks: whom it is about, what it is limited to, documents and notes to add. The script is composer.js."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.services.artists import ArtistPublic
from app.ui.format import one_line

# The script fills it: which documents a question is limited to, and which earlier question is being changed.
LIMITS = '<div class="limits" aria-live="polite"></div>'


def about_html(artists: Sequence[ArtistPublic], chosen: str | None, conversation: str | None) -> str:
    """The bar under the question. Who has one artist sees the name; who has more chooses one of them, or all."""
    if len(artists) > 1:
        options = "".join(
            f'<option value="{escape(artist.id)}"{" selected" if artist.id == chosen else ""}>{one_line(artist.name)}</option>'
            for artist in artists
        )
        who = f'<select aria-label="Whom the question is about"><option value="">All artists</option>{options}</select>'
    else:
        who = f"<strong>{one_line(artists[0].name)}</strong>" if artists else ""
    buttons = "".join(
        f'<button type="button" data-action="{action}">{words}</button>'
        for action, words in (("add", "Add document"), ("note", "Write a note"), ("limit", "Choose documents"))
    )
    about = f'<span class="artist"><span class="label">About</span>{who}</span>' if who else ""
    place = f'data-conversation="{escape(conversation or "")}" data-artist="{escape(chosen or "")}"'
    return f'<div class="about" {place}>{about}{buttons}</div>'
