"""Saved e-mails: who wrote to whom, when and about what; the message; and the attachments that hold text."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from app.errors import UnsupportedFile
from app.indexes import encodings
from app.indexes.limits import ReadLimits
from app.indexes.pages import Line, Page, normalise, page_of_lines
from app.indexes.web import decode_html, html_lines

_SHOWN = ("From", "To", "Cc", "Date")
_MAX_HEADER = 2000  # characters
_MAX_DEPTH = 3  # of messages within messages


def read_mail(path: Path, limits: ReadLimits) -> list[Page]:
    """The message is the first page, each attachment follows with its own."""
    message = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    return _Mail(limits).read(message, 0)


@dataclass(slots=True)
class _Mail:
    limits: ReadLimits
    seen: int = 0  # attachments, over all depths

    def read(self, message: EmailMessage, depth: int) -> list[Page]:
        lines = [*_headers(message), *_body(message)]
        pages: list[Page] = []
        for part in _attachments(message):
            self.seen += 1
            if self.seen > self.limits.attachments:
                raise UnsupportedFile(
                    f"This message has more than {self.limits.attachments} attachments; upload those that matter.",
                    code="too_big",
                )
            name = " ".join(normalise(part.get_filename() or "").split())[:200] or "without a name"
            found, reason = self._attachment(part, name, depth)
            lines.append(Line(f"Attachment: {name}{f' ({reason})' if reason else ''}"))
            pages += found
        first = page_of_lines(1, lines)
        return [replace(page, number=number) for number, page in enumerate([first, *pages], 1)]

    def _attachment(self, part: EmailMessage, name: str, depth: int) -> tuple[list[Page], str]:
        """Its pages, or why it has none."""
        if part.get_content_type() == "message/rfc822":
            inner = next(iter(part.iter_parts()), None)
            if depth >= _MAX_DEPTH or not isinstance(inner, EmailMessage):
                return [], "not read; upload it by itself"
            return [_named(page, name) for page in self.read(inner, depth + 1)], ""
        readers = importlib.import_module("app.indexes.readers")  # which reads messages by this module
        suffix = Path(name).suffix.lower()
        if suffix not in readers.READERS:
            return [], "not read: files of this type cannot be"
        payload = part.get_payload(decode=True)
        if depth >= _MAX_DEPTH or suffix == ".eml" or not isinstance(payload, bytes):
            return [], "not read; upload it by itself"
        with tempfile.TemporaryDirectory(prefix="attachment-") as folder:
            file = Path(folder) / "attachment"
            file.write_bytes(payload)
            try:
                pages = readers.read_pages(file, suffix, self.limits)
            except UnsupportedFile as error:
                return [], f"not read: {error.sentence}"
        if any(page.picture for page in pages):  # text recognition has the message's file alone
            return [
                _named(page, name) for page in pages if page.text.strip()
            ], "its pictures were not read; upload it by itself"
        return [_named(page, name) for page in pages], ""


def _headers(message: EmailMessage) -> Iterator[Line]:
    if subject := _header(message, "Subject"):
        yield Line(subject, "heading")
    for index, name in enumerate(_SHOWN):
        if value := _header(message, name):
            yield Line(f"{name}: {value}", "line" if index else "paragraph")


def _header(message: EmailMessage, name: str) -> str:
    try:
        value = str(message.get(name, ""))
    except Exception:  # the parser of addresses and dates raises many things at what people and attackers write there
        return ""
    return " ".join(normalise(value).split())[:_MAX_HEADER]


def _body(message: EmailMessage) -> list[Line]:
    """The plain version, or the web page where that one says more than "your program cannot show this"."""
    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    text = _text(plain) if isinstance(plain, EmailMessage) else ""
    if isinstance(page, EmailMessage):
        lines = html_lines(_text(page))
        if len(text.strip()) < min(200, sum(len(line.text) for line in lines) / 4):
            return lines
    return [Line(part) for part in text.replace("\r\n", "\n").split("\n\n")]


def _text(part: EmailMessage) -> str:
    try:
        return str(part.get_content())
    except (LookupError, ValueError, AssertionError):  # an encoding that does not exist, or is not the one used
        payload = part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        return decode_html(data) if part.get_content_type() == "text/html" else encodings.decode(data)


def _attachments(message: EmailMessage) -> Iterator[EmailMessage]:
    if not message.is_multipart():
        return
    for part in message.iter_attachments():
        if isinstance(part, EmailMessage):
            yield part


def _named(page: Page, name: str) -> Page:
    """The page below the name of the file it comes from."""
    head = f"Attachment: {name}"
    headings = ((0, head), *((at + len(head) + 2, words) for at, words in page.headings))
    return replace(page, text=f"{head}\n\n{page.text}", headings=headings, picture=False)
