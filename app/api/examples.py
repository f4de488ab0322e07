"""Examples for the OpenAPI document, one for each shape that is answered; a list's is made from its item's."""

from __future__ import annotations

from typing import Any

_DOCUMENT = "5f0c1a52-6e0b-4a57-9c39-2f4f9d1f7a10"
_ARTIST = "0d9b5f0e-9a43-4d5c-8a41-7f2c4b8f3f61"
_USER = "8a4e2f6b-1d3c-4b7e-9f50-6c2d1e0a9b38"
_CHUNK = "c1f4d0b2-7e58-5a39-8b6d-0a9e8f7c6d5b"
_TRACE = "e7b9c3a1-2d4f-4e6a-8b0c-1f3d5a7c9e2b"
_AT = "2026-03-02T09:30:00Z"
_SOURCE = {
    "label": "P1", "document_id": _DOCUMENT, "chunk_id": _CHUNK, "title": "Publishing deal", "kb": "personal", "page": 3,
    "quote": "This agreement ends on 31 March 2027.", "standing": "signed",
}  # fmt: skip
_DRAFT = {
    "id": "3b7d1f90-8c2e-4a56-9e0d-1c4b7a6f5e23", "kind": "pitch_playlist", "kind_title": "Playlist pitch",
    "title": "Playlist pitch: Salt and Smoke", "artist_id": _ARTIST, "state": "written", "open": 1, "created": _AT, "updated": _AT,
}  # fmt: skip
_FIGURES = {
    "tokens_in": 182_400, "tokens_out": 21_350, "estimated": 0, "answers": 96, "failures": 1, "users": 7, "cost": 0.04,
    "p50_ms": 3786, "p95_ms": 8760,
}  # fmt: skip
_SAMPLE = {
    "id": _DOCUMENT, "title": "Sample: lyrics", "kb": "personal", "artist_id": None, "standing": "none", "status": "stored",
    "reason": None, "progress": 0.0, "pages": 0, "chunks": 0, "bytes": 900, "created": _AT,
    "sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}  # fmt: skip
_DAYS = [{"date": "2026-03-01", "questions": 4, "documents": 1}, {"date": "2026-03-02", "questions": 6, "documents": 0}]
_INTENTS = [{"intent": "personal", "questions": 14}, {"intent": "hybrid", "questions": 9}]
_TIMES = {
    "answers": 21, "fast": 18, "p50_ms": 1240, "p95_ms": 4380,
    "spans": [{"below_ms": 1000, "answers": 8}, {"below_ms": 3000, "answers": 10}, {"below_ms": None, "answers": 3}],
}  # fmt: skip
_PARTS = {
    "database": {"status": "ok", "milliseconds": 0.4},
    "vectors": {"status": "ok", "milliseconds": 0.2},
    "embedding:minilm": {"status": "ok", "milliseconds": 3.1},
    "language_model": {"status": "off", "milliseconds": 0.0, "detail": "No language model is set up; answers quote the sources."},
    "worker": {"status": "ok", "milliseconds": 0.3, "queued": 0, "working": 0},
}  # fmt: skip

_PLAN = "3d2f7a90-5b1e-4c6d-8f27-9a0b1c2d3e4f"
_STEP = "6e5d4c3b-2a19-4807-b6c5-d4e3f2a1b0c9"
_GUIDE = {
    "title": "Release planning: timelines, checklists and release week", "heading": "Countdown for a digital single",
    "quote": "Six to five weeks before the single's release, deliver the audio, artwork and metadata to the distributor.",
    "kb": "global", "document_id": _DOCUMENT, "chunk_id": _CHUNK, "page": 1, "start": 1204, "end": 1312, "label": "", "url": None,
}  # fmt: skip
_LATE = {"step_id": _STEP, "key": "deliver", "title": "Deliver to the distributor", "due": "2027-03-05", "days": -103}
_PLAN_ROW = {
    "id": _PLAN, "title": "Release of a single", "template": "release_single", "goal": "Release our next single",
    "target_date": "2027-04-16", "artist_id": _ARTIST, "status": "open", "progress": 0.1, "done": 2, "total": 20, "overdue": 0,
    "next_step": _LATE, "days_left": 145, "created": _AT, "updated": _AT,
}  # fmt: skip
_DEADLINE = {
    "kind": "step", "id": _STEP, "plan_id": _PLAN, "plan_title": "Release of a single", "document_id": None,
    "title": "Deliver to the distributor", "day": "2027-03-05", "days_left": 3, "overdue": False, "artist_id": _ARTIST,
    "owner": "artist", "page": None, "quote": None, "rule": None,
}  # fmt: skip
_CLAUSE = {
    "step_id": _STEP, "kind": "delivery_lead_time", "text": "“Label deal” asks for delivery 60 days before release.",
    "document_id": _DOCUMENT, "title": "Label deal", "page": 3, "quote": "Delivery at least sixty days before release.",
    "start": 120, "end": 164, "needed": "2027-02-15",
}  # fmt: skip
_PLAN_STEP = {
    "id": _STEP, "key": "deliver", "title": "Deliver to the distributor", "due": "2027-03-05", "owner": "artist",
    "effort": "half a day", "reason": "A late delivery loses the pitch.", "depends_on": ["master"], "status": "open",
    "snoozed_until": None, "done_at": None, "sources": [_GUIDE], "unknown": "Which distributor delivers.",
    "lead": {"days": 42, "source": _GUIDE}, "edited": [], "comments": [], "late": False, "days_left": 103, "by": "template",
}  # fmt: skip
TEMPLATES = [{
    "id": "release_single", "title": "Release of a single", "summary": "From the finished master to twelve weeks after.",
    "goal": "Release the next single.", "target": "Release day", "days_before": 70, "days_after": 84, "budget": True,
    "steps": [{
        "key": "deliver", "title": "Deliver to the distributor", "owner": "manager", "effort": "half a day",
        "reason": "A late delivery loses the pitch.", "depends_on": ["master"], "optional": False,
        "lead": {"days": 42, "source": _GUIDE},
    }],
}]  # fmt: skip

EXAMPLES: dict[str, dict[str, Any]] = {
    "AccountPublic": {"id": _USER, "email": "ada@example.com", "role": "user", "password": True, "created": _AT},
    "AdminUserPublic": {
        "id": _USER, "email": "ada@example.com", "role": "user", "disabled": False, "created": _AT, "last_seen": _AT,
        "documents": 17, "bytes": 40_300_000,
    },
    "AnalyticsPublic": {
        "days": _DAYS, "documents_ready": 17, "questions_week": 23, "answers_week": 21, "sourced_week": 19,
        "intents": _INTENTS, "answer_times": _TIMES,
        "documents_used": {
            "ready": 17, "cited": 11,
            "most": [{"id": _DOCUMENT, "title": "Publishing deal", "artist_id": _ARTIST, "answers": 9, "last": _AT}],
            "never": [{"id": _CHUNK, "title": "Set list", "artist_id": None, "answers": 0, "last": None}],
        },
        "plans": [{
            "id": _USER, "title": "Release of the next single", "artist_id": _ARTIST, "status": "open",
            "target_date": "2026-06-05", "steps": 18, "done": 6, "overdue": 1, "progress": 0.33,
            "next_step": "Deliver the master", "next_due": "2026-03-06",
        }],
        "upcoming": [{
            "kind": "step", "id": _TRACE, "title": "Deliver the master", "day": "2026-03-06", "days_left": 4, "plan_id": _USER,
            "document_id": None, "artist_id": _ARTIST,
        }],
    },
    "ArtistPublic": {"id": _ARTIST, "name": "The Night Shift", "created": _AT, "documents": 7},
    "AuditPublic": {
        "id": "1204", "at": _AT, "user_id": _USER, "door": "token", "action": "chat.read", "outcome": "granted",
        "object_id": _TRACE, "question_digest": "9f2c" * 16, "reads": [{"document_id": _DOCUMENT, "chunk_ids": [_CHUNK]}],
        "request_id": "0b7c2f5e9a3d4e1f8a6b5c4d3e2f1a0b", "email": "ada@example.com", "object_email": None,
        "names": {_DOCUMENT: "Publishing deal"},
    },
    "ConversationPublic": {
        "id": "17", "title": "When does my publishing deal end?", "artist_id": None, "created": _AT, "updated": _AT,
    },
    "DatePublic": {
        "id": "2e8b6d1f-7c3a-4f5e-8d9b-1a0c4e6f2b7d", "document_id": _DOCUMENT, "title": "Publishing deal", "artist_id": _ARTIST,
        "label": "Last day to give notice", "day": "2027-01-30", "days_left": 60, "status": "proposed",
        "rule": "60 days before the end of the term, 31 March 2027", "page": 3,
        "quote": "Either party may give notice 60 days before the end of the term.", "start": 120, "end": 184,
        "chunk_id": _CHUNK, "changed": False, "created": _AT,
    },
    "InsightPublic": {
        "document_id": _DOCUMENT, "title": "Publishing deal", "kb": "personal", "version": 1, "read": True,
        "kind": "publishing", "label": "Publishing agreement", "contract": True,
        "facts": [{
            "kind": "party", "name": "Publisher", "value": "The Night Shift", "page": 1, "start": 60, "end": 180,
            "quote": "This agreement is made between The Night Shift (the Publisher) and the writer.", "chunk_id": _CHUNK,
            "by": "rules", "day": None, "days": None, "until": None, "rule": "",
        }],
        "clauses": [{"name": "audit_right", "label": "Audit right", "found": False, "quote": "", "page": None, "by": "rules"}],
        "warnings": [], "dates": [], "questions": ["Audit right: no clause was found. Who may look at the books?"], "by_model": False,
        "note": "Read by a program: it can overlook things, and it is not legal advice. What counts is the document itself.",
    },
    "DocumentPublic": {
        "id": _DOCUMENT, "title": "Publishing deal", "kb": "personal", "artist_id": _ARTIST, "standing": "signed",
        "status": "ready", "reason": None, "progress": 1.0, "pages": 12, "chunks": 41, "bytes": 184320,
        "sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", "created": _AT,
    },
    "DocumentTotals": {
        "documents": 48, "ready": 45, "reading": 2, "failed": 1, "pages": 312, "chunks": 1204, "bytes": 92_000_000,
        "most_documents": 2000, "most_bytes": 5_000_000_000, "kbs": ["personal"],
    },
    "DraftPublic": {
        **_DRAFT, "text": "“Salt and Smoke” by The Night Shift is dub techno. It comes out on [to confirm].", "opinion": False,
        "edited": False, "notice": None, "unchecked": None, "marks": [{"was": "3 May 2027", "what": "number", "label": ""}],
        "sources": [_SOURCE], "inputs": {"song": "Salt and Smoke"}, "documents": None,
    },
    "DraftRow": _DRAFT,
    "GrowthPublic": {
        "id": _CHUNK, "artist_id": _ARTIST, "metric": "listeners", "platform": "Spotify", "day": "2026-03-01", "value": "1840",
        "currency": "", "source": "imported", "created": _AT,
    },
    "GrowthImported": {
        "preview": True, "needs": None,
        "columns": [
            {"name": "date", "means": "day", "example": "2026-03-01"},
            {"name": "listeners", "means": "listeners", "example": "1840"},
        ],
        "rows": 31, "added": 30, "replaced": 0, "unchanged": 0, "refused": 1,
        "troubles": [{"row": 7, "sentence": "“n/a” in “listeners” is no number that can be read."}],
        "sample": [{
            "day": "2026-03-01", "metric": "listeners", "platform": "Spotify", "value": "1840", "currency": "", "artist_id": None,
        }],
    },
    "HealthReport": {"status": "ok", "components": _PARTS},
    "KindsPublic": {
        "items": [{
            "id": "pitch_playlist", "title": "Playlist pitch", "group": "Pitches", "about": "A short text for playlist editors.",
            "opinion": False, "public": True, "documents": True,
            "fields": [{
                "name": "song", "label": "Song title", "about": "", "lines": 1, "most": 300, "required": True, "kind": "text",
            }],
        }],
        "model": True, "notice": None,
    },
    "MessagePublic": {
        "id": "41", "conversation": "17", "role": "assistant", "text": "It ends on 31 March 2027 [P1].",
        "intent": "personal", "state": "answered", "citations": [_SOURCE], "trace_id": _TRACE, "rating": None,
        "created": _AT,
    },
    "MadePassword": {
        "id": _USER, "email": "ada@example.com", "role": "user", "disabled": False, "created": _AT,
        "password": "k7qdm-3xtwe-9abzr-uvp4h",
    },
    "MetricsPublic": {
        "days": _DAYS,
        "metrics": [{
            "name": "weekly_active", "title": "Active within a week", "about": "Accounts that asked or added in the last 7 days.",
            "part": 14, "whole": 20, "share": 0.7, "target": 0.7,
        }],
        "active": [{"last": "2026-03-02", "users": 14}], "intents": _INTENTS, "answer_times": _TIMES,
        "failures": [{"what": "document", "reason": "This file is protected by a password.", "count": 2, "last": "2026-03-01"}],
        "models": [{"model": "gpt-4o-mini", "last": "2026-03-02", **_FIGURES}], "currency": "USD",
    },
    "ModelsPublic": {
        "choice": {
            "provider": "openai", "base_url": None, "model": "gpt-4o-mini", "key_set": True, "monthly_cap": 2_000_000,
            "cap_unit": "tokens", "currency": "USD", "price_in": 0.15, "price_out": 0.6, "updated": _AT,
        },
        "in_force": "Answers are written by gpt-4o-mini at api.openai.com.", "works": True, "notes": [],
        "settings": "No language model is set up: answers are the sources' own words.", "openai_key_in_settings": False,
        "ollama": {"found": True, "models": ["llama3.2:3b"]},
        "month": {"tokens": 203_750, "cost": 0.04, "share": 0.1, "reached": False},
    },
    "NotePublic": {
        "id": "9a6f3c1e-7b2d-4e8f-a0c5-3d1b9e7f5a42", "text": "I never tour in winter.", "status": "confirmed", "artist_id": None,
        "message": "40", "created": _AT, "updated": _AT,
    },
    "OfferPublic": {
        "id": "b2d7e1c4-3f6a-4c8b-9d0e-5a7f1b3c9d2e", "artist_id": _ARTIST, "artist": "The Night Shift",
        "from_email": "ada@example.com", "created": _AT,
    },
    "PlanPublic": {
        **_PLAN_ROW, "target": "Release day", "written_by": "template", "notes": [], "late": [], "conflicts": [_CLAUSE],
        "warnings": [], "unknowns": ["Which numbers this release is measured by."], "budget": None, "steps": [_PLAN_STEP],
    },
    "PlanRow": _PLAN_ROW,
    "PlanPreview": {
        "target_date": "2027-05-07", "days": 21, "stays": [], "late": [], "conflicts": [], "warnings": [],
        "moves": [{
            "step_id": _STEP, "title": "Deliver to the distributor", "before": "2027-03-05", "after": "2027-03-26", "late": False,
        }],
    },
    "ProposalPublic": {
        "id": "9f8e7d6c-5b4a-4392-8170-f6e5d4c3b2a1", "plan_id": _PLAN, "plan_title": "Release of a single", "message_id": "41",
        "kind": "done", "step_id": _STEP, "step_title": "Deliver to the distributor",
        "text": "Check “Deliver to the distributor” off.", "change": {}, "reason": "", "status": "proposed", "created": _AT,
    },
    "DeadlinesPublic": {"items": [_DEADLINE], "overdue": 0, "next": _DEADLINE, "days": 60},
    "ProfileShape": {
        "role": "producer", "artist_name": "The Night Shift", "bio": "Two people and a drum machine.",
        "genres": "dub techno", "stage": "second record", "goals": "A label for the next one.", "audience": "Night people.",
    },
    "RolePublic": {
        "name": "producer", "title": "Producer", "about": "You make beats or produce records for others.",
        "starters": ["How should I price my production services?"], "plans": ["producer_business"], "drafts": ["quote"],
        "dashboard_order": ["deadlines", "actions", "plans"],
        "documents": [{"title": "Split sheets", "why": "Your share of the song stands there.", "there": False}],
    },
    "SamplesPublic": {
        "items": [_SAMPLE], "available": 4,
        "questions": ["What commission does the manager take in the sample management agreement?"],
    },
    "SearchAnswer": {
        "intent": "personal", "direct": False, "kbs": ["personal", "global"],
        "hits": [{
            "chunk_id": _CHUNK, "document_id": _DOCUMENT, "title": "Publishing deal", "kb": "personal", "page": 3,
            "start": 120, "end": 157, "text": "This agreement ends on 31 March 2027.", "ranks": {"minilm": 1, "bm25": 2},
            "heading": "Term", "standing": "signed", "score": None,
        }],
        "trace_id": _TRACE, "milliseconds": 18.4, "missing": [],
    },
    "PagePublic": {
        "document_id": _DOCUMENT, "title": "Publishing deal", "kb": "personal", "standing": "signed", "page": 3, "pages": 12,
        "picture": True, "text": "Term. This agreement ends on 31 March 2027.", "marks": [{"start": 6, "end": 43, "quote": True}],
        "note": None,
    },
    "SignInPublic": {
        "id": "4c1d9e7a-5b2f-4a8e-9c3d-7f6b0a1e2d4c", "kind": "browser", "device": "Firefox on Windows", "trusted": True,
        "current": True, "created": _AT, "last_seen": _AT, "expires": "2026-04-01T09:30:00Z",
    },
    "ShareMade": {
        "id": "7d1e4b9c-2a6f-4c3d-8e5b-1f0a9c8b7d6e", "kind": "answer", "object_id": "41", "title": "When does my deal end?",
        "created": _AT, "expires": "2026-03-16T09:30:00Z", "opened": 0, "last_opened": None, "reach": "everywhere", "note": "",
        "url": "https://manager.example.org/s/Jq2o0WfF7d3mXl1yq8kQkP5vZb6uTn9cRa4eHs0gYwE",
    },
    "SharePublic": {
        "id": "7d1e4b9c-2a6f-4c3d-8e5b-1f0a9c8b7d6e", "kind": "answer", "object_id": "41", "title": "When does my deal end?",
        "created": _AT, "expires": "2026-03-16T09:30:00Z", "opened": 2, "last_opened": _AT,
    },
    "StepsPublic": {
        "steps": [{
            "name": "document", "title": "Add a document", "why": "A contract, a bio or a statement.",
            "path": "/app/knowledge", "done": True,
        }],
        "done": 1, "hidden": False,
    },
    "SystemPublic": {
        "status": "ok", "components": _PARTS,
        "counts": {
            "users": 20, "disabled_users": 1, "admins": 2, "documents": {"personal": 340, "global": 31}, "chunks": 15210,
            "conversations": 912, "messages": 7304,
        },
        "indexes": [{
            "kb": "personal", "model": "minilm", "generation": 1, "state": "live", "dimension": 384, "points": 12040, "filled": 0,
            "documents": 0, "created": _AT,
        }],
        "reconciled": {"finished": _AT, "findings": {"orphan_points": 0, "missing_points": 0}},
        "disk": {
            "folders": {"database": 92_000_000, "uploads": 810_000_000, "vectors": 64_000_000, "models": 91_000_000},
            "free": 120_000_000_000, "total": 250_000_000_000,
        },
        "queues": {"waiting": 3, "working": 1, "deleting": 0, "failed": 2, "answers": 4, "most_answers": 300},
        "versions": {"ai-manager": "0.1.0", "python": "3.12.4", "sqlite": "3.46.0"},
    },
    "TokenPair": {
        "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiI4YTRlMmY2YiJ9.c2lnbmF0dXJl",
        "refresh_token": "dGhpcyBpcyBub3Qgb25l.bm9yIGlzIHRoaXM", "token_type": "bearer", "expires_in": 600,
    },
    "Tried": {
        "works": True, "about": "fine", "sentence": "gpt-4o-mini at api.openai.com answered in 0.8 seconds. It can be used.",
        "model": "gpt-4o-mini", "models": ["gpt-4o", "gpt-4o-mini"],
    },
    "UsagePublic": {
        "first": "2026-03-01", "last": "2026-03-31", "currency": "USD", "total": _FIGURES,
        "rows": [{"day": "2026-03-02", "model": "gpt-4o-mini", **_FIGURES}],
    },
    "TracePublic": {
        "id": _TRACE, "question": "When does my publishing deal end?", "intent": "personal", "direct": False,
        "reason": "asks about a contract of one's own", "kbs": ["personal", "global"], "models": ["minilm", "bm25"],
        "missing": [], "fusion": "scores",
        "candidates": [{"kb": "personal", "chunk_id": _CHUNK, "ranks": {"minilm": 1, "bm25": 2}, "outcome": "prompt"}],
        "dropped": 0, "prompt": [{"kb": "personal", "chunk_id": _CHUNK}], "milliseconds": {"search": 4.2, "fuse": 0.3},
    },
    "UserPublic": {"id": _USER, "email": "ada@example.com", "role": "user", "disabled": False, "created": _AT},
}  # fmt: skip


def attach(schemas: dict[str, Any]) -> None:
    """Give each shape its example."""
    for name, schema in schemas.items():
        if name in EXAMPLES:
            schema["examples"] = [EXAMPLES[name]]
        elif (item := name.removeprefix("Listing_").removesuffix("_")) in EXAMPLES:
            schema["examples"] = [{"items": [EXAMPLES[item]], "next": None}]
