"""The admin page in a browser: every control of users, system and audit; and that a non-admin sees none of it."""

from __future__ import annotations

import csv
import re
import uuid
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlmodel import select

from app.models import AuditEvent, User
from app.ui.audit import address_of, filter_of
from app.ui.users import SHOWN
from tests.api.conftest import PASSWORD, Api
from tests.ui.chromium import DESKTOP, PHONE, Visitor
from tests.ui.conftest import Visit

LOADED = 20_000  # ms: the first page of a browser on a busy machine
WANTED = ("user", "action", "outcome", "door", "object_id", "first", "last")


def account(site: Api, name: str = "") -> User:
    return site.services.users.add(f"{name or uuid.uuid4().hex}@example.com", PASSWORD)


def opened(admin: Visitor, search: str = "") -> Page:
    """The users, limited to what is searched for."""
    page = admin.open("admin")
    expect(page.get_by_role("table", name="Accounts")).to_be_visible(timeout=LOADED)
    if search:
        page.get_by_role("searchbox", name="Find by e-mail").fill(search)
        page.get_by_role("searchbox", name="Find by e-mail").press("Enter")
        expect(page.get_by_role("row", name=search).first).to_be_visible()
        expect(page.locator("#users tbody")).to_have_count(1)
    return page


def row_of(page: Page, user: User) -> Locator:
    return page.locator("#users tbody").filter(has=page.get_by_text(user.email, exact=True))


def sure(page: Page, word: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=word).click()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_an_account_changes_its_role_and_is_shut_out_and_let_in(
    site: Api, visitor: Visit, size: tuple[int, int]
) -> None:
    admin, user = visitor(size, role="admin"), account(site)
    page = opened(admin, user.email)
    row = row_of(page, user)

    def now() -> User:
        return site.services.users.get(user.id)

    row.get_by_role("button", name="Make admin").click()
    expect(page.get_by_role("dialog")).to_contain_text("Admins see and change every account")
    sure(page, "Cancel")
    assert now().role == "user"
    row.get_by_role("button", name="Make admin").press("Enter")
    sure(page, "Make admin")
    expect(row.get_by_role("button", name="Make user")).to_be_focused()
    assert now().role == "admin"
    row.get_by_role("button", name="Make user").click()
    sure(page, "Make user")
    expect(row.get_by_role("button", name="Make admin")).to_be_visible()
    row.get_by_role("button", name="Disable").click()
    sure(page, "Disable")
    expect(row).to_contain_text("User, disabled")
    assert now().disabled
    row.get_by_role("button", name="Enable").click()
    expect(row.get_by_role("button", name="Disable")).to_be_focused()
    assert not now().disabled
    assert not admin.scrolls_sideways()


def refusals(who: Visitor, count: int) -> None:
    """The browser tells of every refused request by itself, some time after; nothing else may have gone wrong."""
    for _ in range(50):
        if len(who.witness.seen) >= count:
            break
        who.page.wait_for_timeout(100)
    assert len(who.witness.seen) == count
    assert all("409 (Conflict)" in said for said in who.witness.seen)
    who.witness.seen.clear()


def test_the_last_admin_stays_and_the_page_says_why(site: Api, visitor: Visit) -> None:
    admin = visitor(role="admin")
    for other in site.services.users.list():
        if other.role == "admin" and other.id != admin.user.id:
            site.services.users.disable(other.email)
    page = opened(admin, admin.user.email)
    row = row_of(page, admin.user)
    expect(row).to_contain_text("Admin (you)")
    for button, word in (("Make user", "Make user"), ("Disable", "Disable")):
        row.get_by_role("button", name=button).click()
        sure(page, word)
        expect(page.get_by_role("alert").filter(has_text="last admin")).to_be_visible()
        expect(row.get_by_role("button", name=button)).to_be_focused()
    assert site.services.users.get(admin.user.id).role == "admin"
    refusals(admin, 2)


def test_a_new_password_is_shown_once_and_works(site: Api, visitor: Visit) -> None:
    user = account(site)
    page = opened(visitor(role="admin"), user.email)
    row_of(page, user).get_by_role("button", name="New password").click()
    sure(page, "New password")
    shown = page.get_by_role("dialog", name="New password")
    expect(shown).to_contain_text("It is shown only now")
    password = shown.get_by_role("textbox", name="Password").input_value()
    shown.get_by_role("button", name="Copy").click()
    expect(shown.get_by_role("button", name=re.compile("Copied|Press Ctrl"))).to_be_visible()
    shown.get_by_role("button", name="Done").click()
    expect(shown).to_be_hidden()
    assert password not in page.content()
    signing_in = {"email": user.email, "password": password}
    assert httpx.post(f"{site.url}/api/auth/token", json=signing_in).status_code == 200


def test_a_user_is_added(site: Api, visitor: Visit) -> None:
    admin, email = visitor(role="admin"), f"{uuid.uuid4().hex}@example.com"
    page = opened(admin)
    page.get_by_role("textbox", name="E-mail of a new user").fill(email)
    page.get_by_role("combobox", name="Role").select_option("Admin")
    page.get_by_role("button", name="Add user").click()
    shown = page.get_by_role("dialog", name="New password")
    password = shown.get_by_role("textbox", name="Password").input_value()
    shown.get_by_role("button", name="Done").click()
    expect(page.locator("#users tbody")).to_have_count(1)
    expect(page.locator("#users tbody")).to_contain_text(re.compile(f"{email}.*Admin", re.DOTALL))
    assert httpx.post(f"{site.url}/api/auth/token", json={"email": email, "password": password}).status_code == 200
    page.get_by_role("textbox", name="E-mail of a new user").fill(email)
    page.get_by_role("button", name="Add user").click()
    expect(page.get_by_role("alert").filter(has_text="exists already")).to_be_visible()
    refusals(admin, 1)


def test_pages_of_accounts_and_a_search_that_finds_nobody(site: Api, visitor: Visit) -> None:
    many = "crowd" + uuid.uuid4().hex[:6]
    with site.services.db.session() as session:
        session.add_all(User(email=f"{many}{number}@example.com", password_hash="-") for number in range(SHOWN + 2))
    page = opened(visitor(role="admin"))
    search = page.get_by_role("searchbox", name="Find by e-mail")
    search.fill(many)
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#users tbody").first).to_contain_text(many)
    expect(page.locator("#users tbody")).to_have_count(SHOWN)
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("#users tbody")).to_have_count(2)
    expect(page.get_by_role("button", name="Back")).to_be_focused()
    page.get_by_role("button", name="Back").click()
    expect(page.locator("#users tbody")).to_have_count(SHOWN)
    search.fill("nobody at all")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#users")).to_contain_text("No account has “nobody at all”")


def test_how_the_server_is_doing(site: Api, visitor: Visit) -> None:
    admin = visitor(PHONE, role="admin")
    page = opened(admin)
    page.get_by_role("tab", name="System").click()
    parts = page.get_by_role("table", name="Parts")
    expect(parts.get_by_role("row", name="Database")).to_contain_text(re.compile(r"works.*\d ms"))
    expect(page.get_by_role("table", name="Search indexes")).to_contain_text("minilm, personal")
    expect(page.get_by_role("table", name="Versions")).to_contain_text("gradio")
    expect(page.get_by_role("table", name="Disk")).to_contain_text("Free on this disk")
    expect(page.get_by_role("table", name="Comparison")).to_contain_text("Files that belong to no document")
    asked = len(site.llm.requests)
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#system")).to_contain_text("Another one begins now")
    assert len(site.llm.requests) > asked
    site.llm.script(status=500)
    page.get_by_role("button", name="Check now").click()
    expect(parts.get_by_role("row", name="Language model")).to_contain_text("does not work")
    expect(page.locator("#system .whole")).to_contain_text("a part needs attention")
    site.llm.script()
    assert not admin.scrolls_sideways()


def test_the_audit_is_filtered_paged_and_taken_home(site: Api, visitor: Visit, tmp_path: Path) -> None:
    user, admin = account(site), visitor(role="admin")
    with site.services.db.session() as session:
        session.add_all(
            AuditEvent(user_id=user.id, door="operator", action="artist.create", object_id=str(uuid.uuid4()))
            for _ in range(60)
        )
    page = opened(admin)
    page.get_by_role("tab", name="Audit").click()
    table = page.get_by_role("table", name="Audit")
    expect(table).to_contain_text("list_users")
    page.get_by_role("textbox", name="Who").fill(user.email)
    page.get_by_role("combobox", name="What").fill("artist.create")
    page.get_by_role("combobox", name="Outcome").select_option("Granted")
    page.get_by_role("combobox", name="Through").select_option("Command line")
    page.get_by_label("From day").fill("2026-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#audit tbody")).not_to_contain_text("list_users")
    expect(page.locator("#audit tbody tr")).to_have_count(50)
    expect(table.get_by_role("row").nth(1)).to_contain_text(re.compile(f"{user.email}.*{user.id}", re.DOTALL))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    download.value.save_as(tmp_path / "audit.csv")
    rows = list(csv.DictReader((tmp_path / "audit.csv").read_text().splitlines()))
    assert {(row["email"], row["action"], row["door"]) for row in rows} == {(user.email, "artist.create", "operator")}
    assert len(rows) == 60
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("#audit tbody tr")).to_have_count(10)
    page.get_by_role("button", name="Back").click()
    expect(page.locator("#audit tbody tr")).to_have_count(50)
    page.get_by_label("To day").fill("2026-01-02")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#audit")).to_contain_text("Nothing was done that fits these filters.")
    page.get_by_role("button", name="Clear").click()
    expect(table).to_contain_text("list_users")


def test_whoever_is_no_admin_gets_one_sentence_and_no_data(site: Api, visitor: Visit) -> None:
    other, nobody = account(site, "somebody-else" + uuid.uuid4().hex[:6]), visitor(PHONE)
    page = nobody.open("admin")
    expect(page.get_by_text("This page is for admins.")).to_be_visible(timeout=LOADED)
    assert page.get_by_role("tab").count() == page.get_by_role("table").count() == 0
    assert page.get_by_role("searchbox").count() == 0
    assert other.email not in page.content()
    with site.services.db.reading() as session:
        mine = select(AuditEvent).where(AuditEvent.user_id == nobody.user.id, AuditEvent.action == "list_users")
        refused = session.exec(mine).all()
    assert {row.outcome for row in refused} == {"refused"}
    page.get_by_role("link", name="Back to the chat").click()
    expect(page.get_by_role("heading", name="Ask your manager")).to_be_visible(timeout=LOADED)


def test_the_days_of_a_filter_are_meant_whole() -> None:
    which = filter_of(
        {**dict.fromkeys(WANTED, ""), "first": "2026-03-01", "last": "2026-03-02", "user": "a+b@example.com"}
    )
    assert str(which.since) == "2026-03-01 00:00:00+00:00"
    assert str(which.until) == "2026-03-03 00:00:00+00:00"
    assert address_of(which) == (
        "/api/audit.csv?user=a%2Bb%40example.com&since=2026-03-01T00%3A00%3A00%2B00%3A00&until=2026-03-03T00%3A00%3A00%2B00%3A00"
    )
    assert address_of(filter_of(dict.fromkeys(WANTED, ""))) == "/api/audit.csv"
