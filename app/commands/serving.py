"""Start the web application."""

from __future__ import annotations

import sys
import threading
from argparse import Namespace
from typing import TYPE_CHECKING

from app import log
from app.commands.console import say, settings_of

if TYPE_CHECKING:
    from fastapi import FastAPI


def serve(options: Namespace) -> int:
    settings = settings_of(options, quiet=False)
    log.catch_strays()
    changes = {name: value for name in ("host", "port") if (value := getattr(options, name)) is not None}
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=changes)})
    from app import serve as web

    web.collect_seldom()
    from app.commands.first_start import offer_admin
    from app.commands.local_network import invitation
    from app.main import create_app, prepare_data

    prepare_data(settings)
    with web.bind(settings.server.host, settings.server.port) as listener:
        first = not (settings.data.dir / "models").exists() or not any((settings.data.dir / "models").iterdir())
        if first:
            say("Preparing the embedding model and the industry knowledge; this happens once.")
        offer_admin(settings)
        app = create_app(settings)
        host, port = listener.getsockname()[:2]
        invited = invitation(settings.server, host, port, sys.stdout)
        web.run(app, listener, lambda address: _announce(app, address, invited, options.share))
    return 0


def _announce(app: FastAPI, address: str, invited: str, share: bool) -> None:
    say(f"AI Manager is ready: {address}", sys.stdout)
    if invited:
        say(invited, sys.stdout)
    if share:
        from app.share import open_tunnel

        threading.Thread(target=open_tunnel, args=(app, address, say), daemon=True).start()
