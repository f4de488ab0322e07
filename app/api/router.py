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
    documents,
    exports,
    first_steps,
    health,
    messages,
    models,
    pages,
    profile,
    search,
    shares,
    sign_ins,
)

api_router = APIRouter(prefix="/api")
for resource in (
    health, auth, account, sign_ins, first_steps, profile, artists, documents, pages, search, conversations, messages,
    analytics, audit, admin, models,
    exports, shares,
):  # fmt: skip
    api_router.include_router(resource.router)
