"""What each route is for, in the eyes of somebody who is not meant to see a thing. A new route, or a new field that may
name something of somebody's, has its row here before the suite passes."""

from __future__ import annotations

from typing import Any

# theirs: an id of somebody's in the path.  admin: for admins alone.  own: the caller's rows, whoever calls.
# open: nobody needs to be known.           page: outside of /api (threats.md, group A).
ROUTES: dict[str, str] = {
    "GET /api/openapi.json": "page", "HEAD /api/openapi.json": "page",
    "GET /api/health": "open",
    "POST /api/auth/register": "open", "POST /api/auth/token": "open", "POST /api/auth/refresh": "open",
    "POST /api/auth/logout": "open", "POST /api/auth/password": "own",
    "GET /api/account/export": "own", "DELETE /api/account": "own", "GET /api/account": "own",
    "PUT /api/account/password": "own", "GET /api/account/sessions": "own", "DELETE /api/account/sessions": "own",
    "DELETE /api/account/sessions/{session_id}": "theirs", "GET /api/account/steps": "own", "PUT /api/account/steps": "own",
    "GET /api/account/samples": "own", "POST /api/account/samples": "own", "DELETE /api/account/samples": "own",
    "GET /api/profile": "own", "PUT /api/profile": "own",
    "GET /api/artists": "own", "POST /api/artists": "own", "GET /api/artists/offers": "own",
    "POST /api/artists/offers/{offer_id}/accept": "theirs", "POST /api/artists/offers/{offer_id}/decline": "theirs",
    "PATCH /api/artists/{artist_id}": "theirs", "DELETE /api/artists/{artist_id}": "theirs",
    "POST /api/artists/{artist_id}/handover": "theirs", "DELETE /api/artists/{artist_id}/handover": "theirs",
    "POST /api/documents": "own", "POST /api/documents/notes": "own", "GET /api/documents": "own",
    "GET /api/documents/totals": "own",
    "GET /api/documents/{document_id}": "theirs", "PATCH /api/documents/{document_id}": "theirs",
    "DELETE /api/documents/{document_id}": "theirs", "POST /api/documents/{document_id}/retry": "theirs",
    "POST /api/documents/{document_id}/cancel": "theirs", "PUT /api/documents/{document_id}/file": "theirs",
    "GET /api/documents/{document_id}/file": "theirs",
    "GET /api/documents/{document_id}/pages/{n}": "theirs", "GET /api/documents/{document_id}/pages/{n}.png": "theirs",
    "POST /api/search": "own",
    "GET /api/conversations": "own", "POST /api/conversations": "own",
    "GET /api/conversations/{conversation_id}": "theirs", "PATCH /api/conversations/{conversation_id}": "theirs",
    "DELETE /api/conversations/{conversation_id}": "theirs",
    "GET /api/conversations/{conversation_id}/messages": "theirs",
    "POST /api/messages": "own",
    "GET /api/messages/{message_id}/trace": "theirs", "POST /api/messages/{message_id}/feedback": "theirs",
    "GET /api/messages/{message_id}/earlier": "theirs",
    "GET /api/messages/{message_id}/export": "theirs", "GET /api/conversations/{conversation_id}/export": "theirs",
    "POST /api/clause-sheets": "own",
    "GET /api/shares": "own", "POST /api/shares": "own", "DELETE /api/shares/{share_id}": "theirs",
    "GET /api/analytics": "own", "GET /api/audit": "own", "GET /api/audit/csv": "own",
    "GET /api/admin/users": "admin", "GET /api/admin/system": "admin", "PATCH /api/admin/users/{user_id}": "admin",
    "POST /api/admin/users": "admin", "POST /api/admin/users/{user_id}/password": "admin",
    "POST /api/admin/system/check": "admin",
    "GET /api/admin/models": "admin", "PUT /api/admin/models": "admin", "POST /api/admin/models/test": "admin",
    "GET /api/admin/usage": "admin", "GET /api/admin/usage.csv": "admin",
    "GET /": "page", "GET /login": "page", "POST /login": "page", "GET /register": "page", "POST /register": "page",
    "POST /logout": "page", "GET /static/{name}": "page", "GET /favicon.ico": "page",
    "GET /s/{secret}": "page",
    "GET /login/oidc/{name}": "page", "GET /login/oidc/{name}/callback": "page",
}  # fmt: skip

# A parameter of a path -> what it names.
PATHS = {
    "share_id": "share",
    "document_id": "document", "artist_id": "artist", "conversation_id": "conversation", "message_id": "message",
    "offer_id": "offer", "user_id": "user", "session_id": "session",
}  # fmt: skip

# A parameter of a path that names nothing of anybody's -> what is put there.
PLACES = {"n": "1"}

# What a route needs beside the id in its path; `{email}` is the caller's own address.
BODIES: dict[str, dict[str, Any]] = {
    "PATCH /api/artists/{artist_id}": {"name": "Mine now"},
    "POST /api/artists/{artist_id}/handover": {"email": "{email}"},
    "PATCH /api/documents/{document_id}": {"title": "Mine now"},
    "PUT /api/documents/{document_id}/file": {"file": "Text that is mine now."},
    "PATCH /api/conversations/{conversation_id}": {"title": "Mine now"},
    "POST /api/messages/{message_id}/feedback": {"rating": 1},
    "PATCH /api/admin/users/{user_id}": {"role": "admin"},
    "POST /api/admin/users": {"email": "newcomer@example.com"},
    "PUT /api/admin/models": {"provider": "none"},
    "POST /api/admin/models/test": {"provider": "none"},
}

# Fields of queries and bodies that name something -> what, by route. None: a place within the caller's own list.
CARRIERS: dict[tuple[str, str], str | None] = {
    ("GET /api/account/sessions", "after"): "session",
    ("GET /api/artists", "after"): "artist",
    ("GET /api/artists/offers", "after"): "offer",
    ("GET /api/documents", "after"): "document",
    ("GET /api/documents", "artist_id"): "artist",
    ("GET /api/conversations", "after"): "conversation",
    ("GET /api/conversations/{conversation_id}/messages", "after"): None,
    ("GET /api/messages/{message_id}/earlier", "after"): None,
    ("GET /api/audit", "after"): None,
    ("GET /api/audit", "user"): "user",
    ("GET /api/audit", "object_id"): None,
    ("GET /api/audit/csv", "user"): "user",
    ("GET /api/audit/csv", "object_id"): None,
    ("GET /api/admin/users", "after"): "user",
    ("GET /api/documents/{document_id}/pages/{n}", "chunk"): "chunk",
    ("GET /api/documents/{document_id}/pages/{n}.png", "chunk"): "chunk",
    ("POST /api/documents", "artist_id"): "artist",
    ("POST /api/documents/notes", "artist_id"): "artist",
    ("PATCH /api/documents/{document_id}", "artist_id"): "artist",
    ("POST /api/conversations", "artist_id"): "artist",
    ("POST /api/search", "artist_id"): "artist",
    ("POST /api/search", "documents"): "document",
    ("POST /api/clause-sheets", "documents"): "document",
    ("GET /api/shares", "after"): "share",
    ("POST /api/shares", "id"): "message",
    ("POST /api/shares", "documents"): "document",
    ("POST /api/messages", "artist_id"): "artist",
    ("POST /api/messages", "documents"): "document",
    ("POST /api/messages", "conversation"): "conversation",
    ("POST /api/messages", "replaces"): "message",
    ("PATCH /api/conversations/{conversation_id}", "artist_id"): "artist",
}
NAMING = {field for _, field in CARRIERS}
FORBIDDEN = {
    ("GET /api/audit", "user"),
    ("GET /api/audit/csv", "user"),
    ("GET /api/admin/users", "after"),
}  # 403, whoever is named
# What else the body needs for such a field to count.
BESIDE: dict[tuple[str, str], dict[str, Any]] = {
    ("POST /api/shares", "id"): {"kind": "answer"},
    ("POST /api/shares", "documents"): {"kind": "clauses"},
}

# Fields that name nothing of anybody's: words, numbers, choices, secrets of the caller's own.
PLAIN = {
    "format", "days",
    "email", "password", "refresh_token", "old_password", "new_password", "confirm", "role", "artist_name", "bio", "genres",
    "stage", "goals", "audience", "limit", "name", "file", "kb", "title", "text", "standing", "query", "top_k", "intent",
    "stream", "rating", "reason", "action", "disabled", "Idempotency-Key", "q", "status", "kind", "since", "as_of", "all",
    "door", "outcome", "until", "search", "start", "end", "provider", "base_url", "model", "key", "monthly_cap", "cap_unit",
    "currency", "price_in", "price_out", "from", "to", "others", "hidden",
}  # fmt: skip

# The least that each changing route takes, for requests that carry more than they may; {…} are Bob's own ids.
VALID: dict[str, dict[str, Any]] = {
    "POST /api/auth/register": {"email": "{new_email}", "password": "{password}"},
    "POST /api/auth/token": {"email": "{email}", "password": "{password}"},
    "POST /api/auth/refresh": {"refresh_token": "{refresh_token}"},
    "POST /api/auth/logout": {"refresh_token": "{refresh_token}"},
    "POST /api/auth/password": {"old_password": "{password}", "new_password": "{password} too"},
    "PUT /api/account/password": {"old_password": "{password}", "new_password": "{password} too"},
    "PUT /api/account/steps": {"hidden": False},
    "POST /api/account/samples": {},
    "PUT /api/profile": {"bio": "A drummer."},
    "POST /api/artists": {"name": "Mass"},
    "POST /api/artists/offers/{offer_id}/accept": {},
    "POST /api/artists/offers/{offer_id}/decline": {},
    "PATCH /api/artists/{artist_id}": {"name": "Mass"},
    "POST /api/artists/{artist_id}/handover": {"email": "nobody@example.com"},
    "POST /api/documents": {"file": "Text of a new file."},
    "POST /api/documents/notes": {"title": "Note", "text": "Text of a note."},
    "PATCH /api/documents/{document_id}": {"title": "Mass"},
    "POST /api/documents/{document_id}/retry": {},
    "POST /api/documents/{document_id}/cancel": {},
    "PUT /api/documents/{document_id}/file": {"file": "Text of a newer file."},
    "POST /api/search": {"query": "commission"},
    "POST /api/conversations": {"title": "Mass"},
    "PATCH /api/conversations/{conversation_id}": {"title": "Mass"},
    "POST /api/messages": {"text": "Hello"},
    "POST /api/clause-sheets": {"documents": ["{document}"]},
    "POST /api/shares": {"kind": "answer", "id": "{message}"},
    "POST /api/messages/{message_id}/feedback": {"rating": 1},
    "PATCH /api/admin/users/{user_id}": {"role": "admin"},
    "POST /api/admin/users": {"email": "{new_email}"},
    "POST /api/admin/users/{user_id}/password": {},
    "POST /api/admin/system/check": {},
    "PUT /api/admin/models": {"provider": "none"},
    "POST /api/admin/models/test": {"provider": "none"},
}
