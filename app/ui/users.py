"""The users on the admin page: a search, the accounts as a table, and a form to add one. What changes an account goes to
the REST API from the browser (admin.js), so that a new password passes through no component."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from app.principal import Principal
from app.services.administration import AdminUserPublic
from app.services.services import Services
from app.services.shapes import Listing
from app.ui.format import one_line, size_words
from app.ui.shared import PRIVATE, Updates, in_thread, principal_of, told
from app.ui.status import moment
from app.ui.upload import STARTED

SHOWN = 25
HEADS = ("E-mail", "Role", "Last seen (UTC)", "Since", "Documents", "Size")
FORMS = """<form class="asks" data-ask role="search"><label>Find by e-mail <input name="search" type="search" maxlength="254"
autocomplete="off"></label> <button>Find</button></form>
<form class="asks" data-add aria-label="Add a user"><label>E-mail of a new user <input name="email" type="email" required
maxlength="254" autocomplete="off"></label> <label>Role <select name="role"><option value="user">User</option>
<option value="admin">Admin</option></select></label> <button>Add user</button></form>
<p class="refused" role="alert"></p>"""


@dataclass(frozen=True)
class UsersPanel:
    forms: gr.HTML
    listed: gr.HTML


def build_users(services: Services) -> UsersPanel:
    """Lay the panel out and wire it; the page fills it first."""
    forms = gr.HTML(FORMS, elem_id="users-forms", js_on_load=STARTED.format(what="accounts"))
    listed = gr.HTML("", elem_id="users", js_on_load=STARTED.format(what="listed"))
    panel = UsersPanel(forms, listed)
    handlers = UsersHandlers(services, panel)
    gr.on([forms.submit, listed.click], told(handlers.accounts), None, [listed], **PRIVATE)
    return panel


class UsersHandlers:
    def __init__(self, services: Services, panel: UsersPanel) -> None:
        self._administration, self._panel = services.administration, panel

    async def accounts(self, asked: gr.EventData, request: gr.Request) -> Updates:
        """What to look for is only what the browser says; the service decides who may look."""
        principal = principal_of(request)
        search, after = (text_of(asked, name) for name in ("search", "after"))
        return await in_thread(self.show, principal, search, after)

    def show(self, principal: Principal, search: str | None = None, after: str | None = None) -> Updates:
        listing = self._administration.users(principal, search=search, limit=SHOWN, after=after)
        return {self._panel.listed: users_html(listing, principal, search or "", after or "")}


def text_of(asked: gr.EventData, name: str) -> str | None:
    """A field of an event, if it is a text with something in it."""
    found: Any = (asked._data or {}).get(name) if isinstance(asked._data, dict | None) else None
    return found.strip() or None if isinstance(found, str) else None


def users_html(listing: Listing[AdminUserPublic], principal: Principal, search: str, after: str) -> str:
    """The accounts with what can be done to each."""
    at = f'data-search="{escape(search)}" data-after="{escape(after)}"'
    if not listing.items:
        nothing = (
            f"No account has “{one_line(search)}” in its e-mail address." if search else "There are no more accounts."
        )
        return f'<div class="listed" {at}><p class="nothing">{nothing}</p>{pages_html(None, after)}</div>'
    heads = "".join(f'<th scope="col" role="columnheader">{head}</th>' for head in HEADS)
    rows = "".join(_row(one, own=one.id == principal.user_id) for one in listing.items)
    # The roles are said because the table is laid out as cards on a phone, where browsers forget them.
    return (
        f'<div class="listed" {at}><div class="box"><table class="cards" role="table"><caption>Accounts, oldest first</caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>{rows}</table></div>'
        f"{pages_html(listing.next, after)}</div>"
    )


def pages_html(following: str | None, after: str) -> str:
    """Buttons to the next page and back."""
    back = '<button type="button" data-action="back" data-id="pages">Back</button>' if after else ""
    more = (
        f'<button type="button" data-action="next" data-id="pages" data-after="{escape(following)}">Next page</button>'
        if following
        else ""
    )
    return f'<nav class="pages" aria-label="Pages of this list">{back}{more}</nav>' if back or more else ""


def _row(account: AdminUserPublic, *, own: bool) -> str:
    email = one_line(account.email)
    role = ("Admin" if account.role == "admin" else "User") + (", disabled" if account.disabled else "")
    cells = (
        role + (" (you)" if own else ""),
        moment(account.last_seen),
        f"{account.created:%d %b %Y}",
        str(account.documents),
        size_words(account.bytes),
    )
    data = "".join(
        f'<td role="cell" data-head="{head}">{cell}</td>' for head, cell in zip(HEADS[1:], cells, strict=True)
    )
    shut = ' class="disabled"' if account.disabled else ""
    return (
        f'<tbody role="rowgroup"{shut}><tr role="row"><th scope="row" role="rowheader">{email}</th>{data}</tr>'
        f'<tr role="row" class="acts"><td role="cell" colspan="{len(HEADS)}"><div class="actions">{_buttons(account, email)}'
        "</div></td></tr></tbody>"
    )


def _buttons(account: AdminUserPublic, email: str) -> str:
    admin = account.role == "admin"
    rows = (
        ("role", "user" if admin else "admin", "Make user" if admin else "Make admin"),
        ("disabled", "false" if account.disabled else "true", "Enable" if account.disabled else "Disable"),
        ("password", "", "New password"),
    )
    return "".join(
        f'<button type="button" data-action="{action}" data-value="{value}" data-id="{escape(account.id)}" '
        f'data-title="{email}" aria-label="{words}: {email}">{words}</button>'
        for action, value, words in rows
    )
