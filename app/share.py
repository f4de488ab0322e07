"""A public demo link through Gradio's tunnel, opened only when `serve --share` asks for it (gradio.md 2)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from app.config import Settings


def open_tunnel(settings: Settings, address: str, say: Callable[[str], None]) -> None:
    """Tell the public address, which Gradio's service keeps for up to a week, or one sentence why there is none."""
    from gradio import networking

    port = urlsplit(address).port or settings.server.port
    try:
        public = networking.setup_tunnel(
            local_host="127.0.0.1",
            local_port=port,
            share_token=secrets.token_urlsafe(32),
            share_server_address=None,
            share_server_tls_certificate=None,
        )
    except Exception:  # the tunnel's client raises whatever its download or its process raised
        say("No public link could be opened: Gradio's tunnel service cannot be reached. The local address works.")
        return
    say(f"Public link, for whoever has it, sign-in included: {public}")
