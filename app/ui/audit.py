"""The audit on the admin page: who did and read what, with filters, page by page, and as a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from html import escape
from urllib.parse import urlencode

import gradio as gr

from app.errors import AppError
from app.principal import Principal
from app.services.access_log import AuditFilter
from app.services.services import Services
from app.services.shapes import AuditPublic, Listing
from app.ui.format import count
from app.ui.shared import PRIVATE, Updates, in_thread, principal_of, told
from app.ui.status import moment
from app.ui.upload import STARTED
from app.ui.users import pages_html, text_of

SHOWN = 50
OUTCOMES = ("granted", "refused")
DOORS = {
    "session": "Browser",
    "token": "REST API",
    "operator": "Command line",
    "system": "By itself",
    "anonymous": "Not signed in",
}
# Suggested while typing; any other may be typed as well.
KNOWN = (
    "sign_in", "register", "add_user", "promote_user", "demote_user", "disable_user", "enable_user", "reset_password",
    "change_password", "list_users", "change_user", "document.receive", "document.read", "document.download", "document.update",
    "document.replace", "document.delete", "search", "chat.read", "chat.ask", "conversation.read", "conversation.delete",
    "message.trace", "artist.create", "artist.rename", "artist.delete", "artist.offer", "artist.accept", "account.export",
    "account.delete", "desk.read", "draft.create", "draft.delete", "audit.read", "analytics.read", "metrics.read", "growth.add",
    "growth.change", "growth.delete", "growth.import", "plan.create", "plan.update", "plan.delete", "plan.export", "note.create",
    "note.delete", "message.export", "conversation.export", "clauses.export", "share.create", "share.revoke", "share.open",
    "date.update", "system.read", "system.check",
)  # fmt: skip
FIELDS = ("user", "action", "outcome", "door", "object_id", "first", "last")
NOT_A_DAY = "A day is written like 2026-03-02; choose one, or leave it empty."


@dataclass(frozen=True)
class AuditPanel:
    form: gr.HTML
    listed: gr.HTML


def build_audit(services: Services) -> tuple[AuditPanel, AuditHandlers]:
    """Lay the panel out and wire it. Each look is audited itself, so that the page asks only when somebody looks."""
    form = gr.HTML(_form(), elem_id="audit-form", js_on_load=STARTED.format(what="filters"))
    listed = gr.HTML("", elem_id="audit", js_on_load=STARTED.format(what="listed"))
    panel = AuditPanel(form, listed)
    handlers = AuditHandlers(services, panel)
    gr.on([form.submit, listed.click], told(handlers.audited), None, [listed], **PRIVATE)
    return panel, handlers


class AuditHandlers:
    def __init__(self, services: Services, panel: AuditPanel) -> None:
        self._log, self._administration, self._panel = services.access_log, services.administration, panel

    async def audited(self, asked: gr.EventData, request: gr.Request) -> Updates:
        principal = principal_of(request)
        wanted = {name: text_of(asked, name) or "" for name in FIELDS}
        return await in_thread(self._show, principal, wanted, text_of(asked, "after"))

    async def newest(self, request: gr.Request) -> Updates:
        """When the panel is opened: the newest rows of everybody."""
        principal = principal_of(request)
        return await in_thread(self._show, principal, dict.fromkeys(FIELDS, ""), None)

    def _show(self, principal: Principal, wanted: dict[str, str], after: str | None) -> Updates:
        self._administration.admit(principal, "audit.read")
        which = filter_of(wanted)
        listing = self._log.list(principal, which=which, limit=SHOWN, after=after)
        return {self._panel.listed: audit_html(listing, wanted, address_of(which), after or "")}


def filter_of(wanted: dict[str, str]) -> AuditFilter:
    """What the form says; raises `AppError` for what is no day. Both days are meant whole, by the calendar of UTC."""
    same = {name: wanted[name] or None for name in ("user", "action", "outcome", "door", "object_id")}
    since, last = (_day(wanted[name]) for name in ("first", "last"))
    return AuditFilter(**same, since=since, until=last + timedelta(days=1) if last else None)


def address_of(which: AuditFilter) -> str:
    """The same rows as a file."""
    given = {name: value for name, value in vars(which).items() if value is not None}
    query = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in given.items()}
    return f"/api/audit.csv{f'?{urlencode(query)}' if query else ''}"


def audit_html(listing: Listing[AuditPublic], wanted: dict[str, str], address: str, after: str) -> str:
    at = " ".join(f'data-{name.replace("_", "-")}="{escape(value)}"' for name, value in wanted.items())
    download = f'<a class="download" href="{escape(address)}" download>Download as CSV</a>'
    if not listing.items:
        nothing = "Nothing was done that fits these filters." if any(wanted.values()) else "Nothing is here yet."
        return f'<div class="listed" {at} data-after="{escape(after)}"><p class="nothing">{nothing}</p>{pages_html(None, after)}</div>'
    rows = "".join(_row(row) for row in listing.items)
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("Time (UTC)", "Who", "What", "Outcome", "To what", "Through")
    )
    return (
        f'<div class="listed" {at} data-after="{escape(after)}">{download}'
        '<div class="scrolls" role="region" aria-label="Audit" tabindex="0"><table><caption>Audit, newest first</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{pages_html(listing.next, after)}</div>"
    )


def _row(row: AuditPublic) -> str:
    read = count(sum(len(one.get("chunk_ids", ())) for one in row.reads), "passage")
    cells = (
        _who(row.user_id, row.email),
        f"<code>{escape(row.action)}</code>{f'<br>{read}' if row.reads else ''}",
        f'<span class="mark {escape(row.outcome)}">{escape(row.outcome)}</span>',
        _who(row.object_id, row.object_email) if row.object_id else "",
        escape(DOORS.get(row.door, row.door)),
    )
    return f'<tr><th scope="row">{moment(row.at)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _who(identity: str, email: str | None) -> str:
    """The e-mail address while there is one, and the id, which stays."""
    name = f"{escape(email)}<br>" if email else ""
    return f'{name}<code class="id">{escape(identity)}</code>'


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time.min, UTC)
    except ValueError:
        raise AppError(NOT_A_DAY, status=422, code="day") from None


def _form() -> str:
    def choices(words: dict[str, str]) -> str:
        return '<option value="">All</option>' + "".join(f'<option value="{k}">{v}</option>' for k, v in words.items())

    known = "".join(f'<option value="{one}">' for one in KNOWN)
    return (
        '<form class="asks" data-ask role="search" aria-label="Filter the audit">'
        '<label>Who <input name="user" maxlength="254" placeholder="E-mail or id" autocomplete="off"></label>'
        f'<label>What <input name="action" maxlength="40" list="audit-actions" autocomplete="off"></label>'
        f'<datalist id="audit-actions">{known}</datalist>'
        f'<label>Outcome <select name="outcome">{choices({one: one.capitalize() for one in OUTCOMES})}</select></label>'
        f'<label>Through <select name="door">{choices(DOORS)}</select></label>'
        '<label>To what <input name="object_id" maxlength="60" placeholder="Id" autocomplete="off"></label>'
        '<label>From day <input name="first" type="date"></label><label>To day <input name="last" type="date"></label>'
        '<button>Show</button><button type="reset">Clear</button></form>'
    )
