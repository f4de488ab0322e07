from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from app.main import build_services
from app.models import STORED, Document, now
from tests.conftest import settings_in


def test_what_a_crash_left_half_done_is_free_at_the_next_start(tmp_path: Path, models_dir: Path) -> None:
    settings = settings_in(tmp_path / "data", models_dir, llm={"provider": "none"})
    services = build_services(settings, seed=False)
    held = Document(
        kb="global", title="t", filename="t.txt", suffix=".txt", status=STORED, lease_until=now() + timedelta(hours=1)
    )
    with services.db.session() as session:
        session.add(held)
    services.close()
    services = build_services(settings, seed=False)
    with services.db.reading() as session:
        assert session.get_one(Document, held.id).lease_until is None
    services.close()
