"""Roles are data files: four of them and one for anybody, every id in them known, and a fifth is one more file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.errors import ConfigError
from app.services.profiles import ProfileShape
from app.services.prompts import PERSONA
from app.services.roles.roles import FOLDER, SECTIONS, RoleService, load_roles
from app.services.services import Services
from tests.retrievers.library import person, put

# What the roles may name: the plan templates and the kinds of drafts that are there.
PLANS = {
    "release_single", "release_ep", "release_album", "artist_development_12_months", "marketing_campaign",
    "producer_business",
}  # fmt: skip
DRAFTS = {
    "bio_short", "bio_long", "pitch_playlist", "pitch_press", "press_release", "proposal", "quote", "partner_email",
    "lyric_feedback", "genre_adaptation",
}  # fmt: skip
FOUR = ("independent artist", "producer", "songwriter", "manager")


def test_every_role_is_whole_and_names_what_is_there() -> None:
    roles = load_roles()
    assert tuple(role.name for role in roles) == ("", *FOUR)
    for role in roles:
        assert set(role.plans) <= PLANS, role.title
        assert set(role.drafts) <= DRAFTS, role.title
        assert sorted(role.dashboard_order) == sorted(SECTIONS)
        assert len(role.starters) >= 5
        assert len(role.documents) >= 4
        assert "\n" not in role.persona
    for what in ("persona", "starters", "dashboard_order", "documents", "topics"):
        said = [getattr(role, what) for role in roles if role.name]
        assert len(set(said)) == len(FOUR), what
    assert load_roles()[0].persona == PERSONA


def test_the_briefs_own_questions_are_starters() -> None:
    asked = {role.name: role.starters for role in load_roles()}
    assert "Help me plan my next release strategy." in asked["independent artist"]
    assert "How should I price my production services?" in asked["producer"]
    assert "What publishers should I approach?" in asked["songwriter"]
    assert "Create a 12-month development plan for my artist." in asked["manager"]


def test_the_profile_says_which(services: Services) -> None:
    asker = person(services)
    assert services.roles.of(asker).name == ""
    for said, name in (("producer", "producer"), (" Manager ", "manager"), ("tour photographer", "")):
        services.profiles.put(asker, ProfileShape(role=said))
        assert services.roles.of(asker).name == name
    assert services.roles.of(person(services)).name == ""


def test_papers_count_as_there_by_their_titles(services: Services) -> None:
    asker, other = person(services), person(services)
    services.profiles.put(asker, ProfileShape(role="producer"))
    put(services, "We share it.", title="split-sheet_Harbour.pdf", owner=asker)
    put(services, "Price list.", title="Price list", owner=other)
    put(services, "Everything.", title="Ratesheet", owner=asker)
    there = {one.title: one.there for one in services.roles.public(asker).documents}
    assert [title for title, is_there in there.items() if is_there] == ["Split sheets"]


def test_samples_are_no_papers_of_ones_own(services: Services) -> None:
    asker = person(services)
    services.profiles.put(asker, ProfileShape(role="manager"))
    services.samples.add(asker)
    assert not any(one.there for one in services.roles.public(asker).documents)


def test_a_fifth_role_is_one_file(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "roles"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    text = (FOLDER / "producer.yaml").read_text(encoding="utf-8")
    (folder / "engineer.yaml").write_text(
        text.replace("name: producer", "name: mixing engineer").replace("place: 2", "place: 5"), encoding="utf-8"
    )
    roles = RoleService(services.db, folder)
    assert roles.names == (*FOUR, "mixing engineer")
    asker = person(services)
    services.profiles.put(asker, ProfileShape(role="Mixing engineer"))
    assert roles.of(asker).name == "mixing engineer"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("deadlines, ", "", "dashboard"),
        ("place: 2", "place: second", "place"),
        ("name: producer", "name: manager", "name of its own"),
        ("topics:", "colour: red\ntopics:", "colour"),
        ("persona: >-", "persona: [", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = tmp_path / "roles"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    file = folder / "producer.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        load_roles(folder)
