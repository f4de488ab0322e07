"""The account page: e-mail, password, sign-ins, access log, export, deletion. Filled and wired by account.js."""

from __future__ import annotations

import gradio as gr

from app.services.passwords import SHORTEST
from app.ui.header import header
from app.ui.people import field, secret, section
from app.ui.upload import STARTED

YOU = '<dl class="facts-list"><dt>E-mail</dt><dd id="who-email"></dd><dt>Here since</dt><dd id="who-since"></dd></dl>'
PASSWORD = (
    '<form id="password-form" novalidate>'
    # Unseen, so that password managers know whose password this is.
    '<input class="unseen" type="email" id="whose" autocomplete="username" tabindex="-1" aria-hidden="true" readonly>'
    f"{secret('old-password', 'Current password', 'current-password')}"
    f"{secret('new-password', 'New password', 'new-password', f'At least {SHORTEST} characters; a few words work well.')}"
    f'<p class="hint" id="strength" data-shortest="{SHORTEST}" aria-live="polite"></p>'
    '<div class="end"><button type="submit" class="primary">Change password</button>'
    '<p class="said" role="status"></p></div></form>'
)
SIGN_INS = (
    '<ul class="rows" id="sign-ins" aria-label="Where you are signed in"></ul>'
    '<div class="end"><button type="button" class="plain" id="others-out">Sign out all others</button>'
    '<button type="button" class="plain" id="everywhere-out">Sign out everywhere</button></div>'
    '<p class="said" id="sign-ins-said" role="status"></p>'
)
LINKS = '<ul class="rows" id="shared-links" aria-label="Links that work"></ul><p class="said" id="shared-said" role="status"></p>'
KINDS = (
    ("", "Everything"),
    ("reading", "Reading"),
    ("changes", "Changes"),
    ("sign_ins", "Sign-ins"),
    ("refused", "Refused"),
)
LOG = (
    '<div class="filter"><label for="log-kind">Show</label><select id="log-kind">'
    + "".join(f'<option value="{value}">{word}</option>' for value, word in KINDS)
    + '</select></div><ol class="log" id="log" aria-label="Access log" aria-live="polite"></ol>'
    '<button type="button" class="plain" id="log-older" hidden>Show older</button><p class="said" id="log-said" role="status"></p>'
)
DATA = (
    '<div class="row"><p>Everything you own as a ZIP archive: documents, conversations with their sources, profile, artists '
    'and this access log.</p><a class="plain" href="/api/account/export" download>Download everything</a></div>'
    '<div class="row" id="samples-row" hidden><p id="samples-words"></p>'
    '<button type="button" class="plain" id="samples-out">Remove samples</button></div>'
    '<p class="said" id="samples-said" role="status"></p>'
)
DELETE = (
    "<ul class=gone><li>Your documents, their passages and everything found in them</li>"
    "<li>Your conversations, answers and profile</li><li>Your artists, unless you hand them over first</li>"
    "<li>Every sign-in, on every device</li></ul>"
    "<p class=lead>The access log keeps what happened under a number that leads to nobody. Nothing can be brought back; "
    "download everything first if you may need it.</p>"
    '<form id="delete-form" novalidate>'
    f"{field('confirm-email', 'Type your e-mail address to confirm', kind='text', most=254, more='autocomplete=off spellcheck=false')}"
    '<div class="end"><button type="submit" class="plain danger">Delete my account</button>'
    '<p class="said" role="status"></p></div></form>'
)


def build() -> None:
    """Lay the page out inside the present page of Gradio's Blocks. It has no events: the script speaks to the REST API."""
    header("Account")
    with gr.Column(elem_id="account-page", elem_classes="people"):
        gr.HTML(
            '<div class="intro"><h1>Account</h1></div>'
            + section("you", "You", YOU)
            + section("password-panel", "Password", PASSWORD, "Changing it signs out every other device.")
            + section("sign-ins-panel", "Where you are signed in", SIGN_INS)
            + section(
                "links-panel", "Shared links", LINKS, "What others can read without signing in, until it expires."
            )
            + section("log-panel", "Who read what of yours", LOG, "Every reading and every change, newest first.")
            + section("data", "Your data", DATA)
            + section("delete-panel", "Delete your account", DELETE, "At once and for good:"),
            js_on_load=STARTED.format(what="account"),
        )
