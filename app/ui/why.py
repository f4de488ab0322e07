"""Why this answer: a fold that why.js fills from the trace when it is opened, so that no page carries what nobody asks for."""

from __future__ import annotations

from html import escape

from app.services.shapes import MessagePublic


def why_html(message: MessagePublic) -> str:
    """Empty for a message without a trace. Gradio's sanitiser leaves `id`, and takes `data-` away."""
    if message.trace_id is None:
        return ""
    return f'<details class="why" id="why-{escape(message.id)}"><summary>Why this answer</summary></details>'
