"""What `serve` says when other machines may come in: what it takes, the address, and the address as a QR code for a phone."""

from __future__ import annotations

import ipaddress
import os
import socket
from itertools import zip_longest
from typing import TextIO

import segno

from app.config import ServerSettings

REFUSED = (
    "Other machines can reach this address and are refused, because server.allow_local_network is false. Set it to true "
    "(AIM_SERVER__ALLOW_LOCAL_NETWORK=true) where you trust everybody in this network, or put a proxy with HTTPS in front."
)
PLAIN = (
    "Plain HTTP is allowed in this network (server.allow_local_network): whoever shares it can read along, passwords included. "
    "Use it at home or backstage, not in a café."
)
QUIET = 2  # modules round the code; phones read it with half of the standard's four, and it fits a small window
_HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
BLACK_ON_WHITE, AS_BEFORE = "\033[30;107m", "\033[0m"


def invitation(server: ServerSettings, host: str, port: int, terminal: TextIO) -> str:
    """The lines to print for a server that listens on `host`; empty where only this machine can reach it."""
    if is_loopback(host):
        return ""
    if not server.allow_local_network and server.public_url is None:
        return REFUSED
    address = server.public_url or _written(host if not _is_everywhere(host) else own_address(), port)
    if address is None:
        return f"{PLAIN}\nThis machine seems to be in no network at this moment."
    lines = [] if server.public_url else [PLAIN]
    lines.append(f"Phones and other machines open {address}")
    code = qr(address)
    return "\n".join([*lines, *(code if can_show(terminal, len(code[0])) else [])])


def own_address() -> str | None:
    """This machine's address in its network, as its own routing table has it: connecting a UDP socket sends nothing.

    The far end is of a block that is kept for documentation (RFC 5737), so that nobody is there either.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))
        except OSError:  # no route: no network
            return None
        address: str = asked.getsockname()[0]
    return None if is_loopback(address) or _is_everywhere(address) else address


def qr(text: str) -> list[str]:
    """The code as lines of half blocks, each one module wide and two high."""
    rows = [bytes(row) for row in segno.make(text, micro=False).matrix_iter(border=QUIET)]
    width = len(rows[0])
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=bytes(width))
    return [
        BLACK_ON_WHITE
        + "".join(_HALVES[bool(upper), bool(lower)] for upper, lower in zip(*pair, strict=True))
        + AS_BEFORE
        for pair in pairs
    ]


def can_show(terminal: TextIO, width: int) -> bool:
    """Whether it is a terminal with the characters and the room. `width` counts the two colour codes too."""
    if not terminal.isatty():
        return False
    try:
        "".join(_HALVES.values()).encode(terminal.encoding or "ascii")
        columns = os.get_terminal_size(terminal.fileno()).columns
    except (UnicodeEncodeError, LookupError, OSError):
        return False
    return columns >= width - len(BLACK_ON_WHITE + AS_BEFORE)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_everywhere(host: str) -> bool:
    return host in ("", "0.0.0.0", "::")


def _written(host: str | None, port: int) -> str | None:
    if host is None:
        return None
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
