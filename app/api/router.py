"""Everything under /api: one row per resource."""

from __future__ import annotations

from fastapi import APIRouter

from app.api import (
    account,
    admin,
    artists,
    audit,
    auth,
    conversations,
    documents,
    health,
    messages,
    models,
    profile,
    search,
)

api_router = APIRouter(prefix="/api")
for resource in (
    health, auth, account, profile, artists, documents, search, conversations, messages, audit, admin, models,
):  # fmt: skip
    api_router.include_router(resource.router)
