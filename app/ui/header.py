"""The bar on top of every page: where one is, the other pages, signing out. The same HTML for everybody; header.js shows the
pages for admins to an admin, whom the server alone lets in.
"""

from __future__ import annotations

from typing import NamedTuple

import gradio as gr


class PageRow(NamedTuple):
    name: str
    path: str  # under /app/
    admins: bool = False


# The first is the main page. A new page is a row here and a route in `application`.
PAGES = (
    PageRow("Chat", ""),
    PageRow("Knowledge", "knowledge"),
    PageRow("Plans", "plans"),
    PageRow("Writing", "writing"),
    PageRow("Dashboard", "dashboard"),
    PageRow("Profile", "profile"),
    PageRow("Account", "account"),
    PageRow("Admin", "admin", admins=True),
)
# What has a page and no place in the bar.
ASIDE = (PageRow("Welcome", "welcome"),)

LOGO = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 10v4M8 6v12M12 3v18M16 7v10M20 10v4"/></svg>'


def header(current: str, *, side: bool = False) -> gr.HTML:
    """Name, pages with the present one marked, and signing out by a form, as /logout takes a POST. On a phone the pages
    fold into a menu.

    `side` leaves room on phones for the button that opens the sidebar.
    """
    return gr.HTML(
        '<a class="skip" href="#content">To the content</a>'
        f'<div class="bar"><a class="brand" href="/app/">{LOGO}<span>AI Manager</span></a>'
        f'<span class="here" aria-hidden="true">{current}</span>'
        '<button type="button" class="menu" aria-expanded="false" aria-controls="pages">Menu</button>'
        f'<div class="pages" id="pages"><nav aria-label="Pages">{"".join(_link(page, current) for page in PAGES)}</nav>'
        '<form method="post" action="/logout"><button type="submit">Sign out</button></form></div></div>',
        elem_id="header",
        elem_classes="with-side" if side else None,
        js_on_load=None,
    )


def _link(page: PageRow, current: str) -> str:
    present = ' aria-current="page"' if page.name == current else ""
    hidden = ' data-for="admin" hidden' if page.admins else ""
    return f'<a href="/app/{page.path}"{present}{hidden}>{page.name}</a>'
