"""Everything under /api: one row per resource."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    account,
    admin,
    analytics,
    artists,
    audit,
    auth,
    conversations,
    dates,
    desk,
    documents,
    exports,
    first_steps,
    growth,
    health,
    insight,
    messages,
    metrics,
    models,
    notes,
    pages,
    plans,
    profile,
    search,
    shares,
    sign_ins,
)

api_router = APIRouter(prefix="/api")
for resource in (
    health, auth, account, sign_ins, first_steps, profile, notes, artists, documents, insight, dates, pages, search, conversations,
    messages, analytics, growth, audit, admin, metrics, models, plans, desk, exports, shares,
):  # fmt: skip
    api_router.include_router(resource.router)
