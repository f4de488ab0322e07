"""The drop area: files go straight to the REST API with the session cookie (design 7); the script is upload.js."""

from __future__ import annotations

from html import escape

import gradio as gr

from app.indexes.readers import READERS
from app.ui.format import size_words

# The head's scripts and a component's own may start in either order.
STARTED = (
    "const start = () => window.aim.{what}(element, trigger); window.aim ? start() : addEventListener('aim', start);"
)


def drop_area(max_bytes: int, elem_id: str, *, compact: bool = False) -> gr.HTML:
    """A place to drop or choose files. Triggers `submit` when a file was taken, and when one became ready or failed."""
    kinds = sorted(READERS)
    names = ", ".join(kind.lstrip(".").upper() for kind in kinds)
    most = size_words(max_bytes)
    limits = f"Up to {most} each." if compact else f"{names}, up to {most} each."
    return gr.HTML(
        f'<div class="drop{" compact" if compact else ""}" data-max="{max_bytes}" data-kinds="{escape(",".join(kinds))}">'
        f'<input type="file" multiple accept="{escape(",".join(kinds))}" tabindex="-1" aria-label="Documents to add">'
        '<p class="ask"><button type="button">Add documents</button> <span class="or">or drop them here</span></p>'
        f'<p class="rules">{limits} Only you can see them.</p>'
        '<ul class="uploads" aria-label="Uploads" aria-live="polite"></ul></div>',
        elem_id=elem_id,
        js_on_load=STARTED.format(what="dropArea"),
    )
