"""The drop area: files go straight to the REST API with the session cookie (design 7); the script is upload.js."""

from __future__ import annotations

from html import escape

import gradio as gr

from app.indexes.readers import READERS
from app.models import KB
from app.ui.format import size_words

# The head's scripts and a component's own may start in either order.
STARTED = (
    "const start = () => window.aim.{what}(element, trigger); window.aim ? start() : addEventListener('aim', start);"
)
READERSHIP: dict[KB, str] = {"personal": "Only you can see them.", "global": "Everyone who signs in here can see them."}


def drop_area(
    max_bytes: int, elem_id: str, *, compact: bool = False, kb: KB = "personal", choosing: bool = False
) -> gr.HTML:
    """A place to drop or choose files. Triggers `submit` when a file was taken, and when one became ready or failed.

    `compact` is one line that follows each file until it is ready; else a list on the page does. `choosing`: with the
    artist the files are for, and pasting a note. The industry's stays hidden until documents.js knows an admin.
    """
    kinds = sorted(READERS)
    names = ", ".join(kind.lstrip(".").upper() for kind in kinds)
    most = size_words(max_bytes)
    limits = f"Up to {most} each." if compact else f"{names}, up to {most} each."
    primary = "" if compact or kb == "global" else ' class="primary"'
    note = ' <button type="button" data-action="note">Paste a note</button>' if choosing else ""
    artist = (
        '<label class="for">For <select name="artist" aria-label="Artist of what is added">'
        '<option value="">All artists</option></select></label>'
    )
    return gr.HTML(
        f'<div class="drop{" compact" if compact else ""}" data-max="{max_bytes}" data-kinds="{escape(",".join(kinds))}" '
        f'data-kb="{kb}"{" hidden" if kb == "global" else ""}>'
        f'<input type="file" multiple accept="{escape(",".join(kinds))}" tabindex="-1" aria-label="Documents to add">'
        f'<p class="ask"><button type="button" data-action="add"{primary}>Add documents</button>{note} '
        f'<span class="or">or drop them {"here" if compact or kb == "global" else "anywhere on this page"}</span></p>'
        f"{artist if choosing else ''}"
        f'<p class="rules">{limits} {READERSHIP[kb]}</p>'
        '<ul class="uploads" aria-label="Uploads" aria-live="polite"></ul></div>',
        elem_id=elem_id,
        js_on_load=STARTED.format(what="dropArea"),
    )
