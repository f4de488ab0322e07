"""A public demo link through Gradio's tunnel, opened only when `serve --share` asks for it (gradio.md 2)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import FastAPI


def open_tunnel(app: FastAPI, address: str, say: Callable[[str], None]) -> None:
    """Tell the public address, which Gradio's service keeps for up to a week, or one sentence why there is none."""
    from gradio import networking

    try:
        public = networking.setup_tunnel(
            local_host="127.0.0.1",
            local_port=urlsplit(address).port or 80,
            share_token=secrets.token_urlsafe(32),
            share_server_address=None,
            share_server_tls_certificate=None,
        )
    except Exception:  # the tunnel's client raises whatever its download or its process raised
        say("No public link could be opened: Gradio's tunnel service cannot be reached. The local address works.")
        return
    app.state.public_url = public  # the guard lets requests in that arrive under it
    say(f"Public link, for whoever has it, sign-in included: {public}")
