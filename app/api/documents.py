"""Documents: upload, list, look at, change, try again, download, delete."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Form, Query, Response, UploadFile
from fastapi.responses import FileResponse, JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.deps import After, Limit, PathId, PrincipalDep, ServicesDep
from app.api.description import shown, told
from app.api.once import Key, once
from app.models import KB
from app.services.documents import Keep
from app.services.insight.kinds import DocumentKind
from app.services.selection import Kind, Progress, Standing
from app.services.shapes import DocumentPublic, DocumentTotals, Id, Listing

router = APIRouter(prefix="/documents", tags=["documents"])

# Types no browser runs or renders as a page; what is not listed goes out as plain bytes.
MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".txt": "text/plain",
    ".md": "text/plain",
}
OTHER = "application/octet-stream"


ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "It is kept and will be read.", **shown("Location", "Idempotent-Replayed")},
    **told(404, 409, 415, 507),
}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file as it was uploaded.",
        "content": {
            kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in (*MEDIA_TYPES.values(), OTHER)
        },
    }
}


Q = Annotated[
    str | None, Query(max_length=200, description="Every word of it stands in the title or in the file's name.")
]
OfArtist = Annotated[
    str | None,
    Query(
        max_length=64,
        pattern=r"^[A-Za-z0-9-]+$",
        description="One of one's roster; `none`: documents that are for all artists.",
    ),
]


class DocumentUpdate(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"title": "Publishing deal, final", "standing": "signed"}})
    title: str | None = Field(default=None, max_length=300)
    standing: str | None = Field(default=None, max_length=20, description="draft, signed, superseded or none")
    artist_id: Id | None = Field(default=None, description="Null: for all artists. Left out: as it is.")
    as_of: date | None = Field(
        default=None, description="The day up to which it is known to hold. Null: nobody knows. Left out: as it is."
    )


class Note(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"title": "Call with the label", "text": "They offer 18 percent and two options."}
        }
    )
    title: str = Field(min_length=1, max_length=300)
    text: str = Field(min_length=1)
    artist_id: Id | None = None


# One file and a few fields: more parts are somebody's attempt to fill the memory.
@router.post(
    "",
    operation_id="upload_document",
    status_code=202,
    summary="Upload a file",
    responses=ACCEPTED,
    form_limits={"max_files": 1, "max_fields": 8},
    response_model=DocumentPublic,
)
def upload(
    response: Response,
    principal: PrincipalDep,
    services: ServicesDep,
    file: UploadFile,
    kb: Annotated[KB, Form()] = "personal",
    artist_id: Annotated[Id | None, Form()] = None,
    key: Key = None,
) -> DocumentPublic | JSONResponse:
    """The file is kept when this answers; ask for the document (`Location`) until its status is `ready` or `failed`.

    The same bytes for the same artist are one document: sending them again brings the one that is there."""
    name = file.filename or ""

    def receive() -> DocumentPublic:
        return services.documents.receive(principal, kb=kb, filename=name, source=file.file, artist_id=artist_id)

    if key is None:
        return _located(response, receive())
    digest = _digest(file.file, name, kb, artist_id or "")
    answer = once(
        services.idempotency, principal, "POST /documents", key, digest, receive, status=202, about=lambda kept: kept.id
    )
    return _located(response, answer)


@router.post(
    "/notes",
    operation_id="create_note",
    status_code=202,
    summary="Keep typed text as a document",
    responses=ACCEPTED,
    response_model=DocumentPublic,
)
def note(
    body: Note, response: Response, principal: PrincipalDep, services: ServicesDep, key: Key = None
) -> DocumentPublic | JSONResponse:
    def keep() -> DocumentPublic:
        return services.documents.note(principal, body.title, body.text, body.artist_id)

    if key is None:
        return _located(response, keep())
    digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    answer = once(
        services.idempotency, principal, "POST /documents/notes", key, digest, keep, status=202,
        about=lambda kept: kept.id,
    )  # fmt: skip
    return _located(response, answer)


@router.get(
    "",
    operation_id="list_documents",
    responses=told(404),
    summary="One's own documents and the industry's, newest first",
)
def documents(
    principal: PrincipalDep,
    services: ServicesDep,
    kb: KB | None = None,
    q: Q = None,
    status: Annotated[Progress | None, Query(description="`reading`: neither ready nor failed yet.")] = None,
    artist_id: OfArtist = None,
    standing: Standing | None = None,
    kind: Annotated[Kind | None, Query(description="Of the file.")] = None,
    document_kind: Annotated[
        DocumentKind | None,
        Query(
            description="What it was read as; `contract`: agreements of every kind. One that is not read yet has none."
        ),
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="Changed at this moment or later.")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Listing[DocumentPublic]:
    """Whatever is given must hold together. A new version that is being read has the state that counts."""
    return services.documents.list(
        principal, kb=kb, q=q, status=status, artist_id=artist_id, standing=standing, kind=kind,
        document_kind=document_kind, since=since, limit=limit, after=after,
    )  # fmt: skip


@router.get("/totals", operation_id="total_documents", summary="What one keeps, and how much of it fits")
def totals(principal: PrincipalDep, services: ServicesDep) -> DocumentTotals:
    return services.documents.totals(principal)


@router.get("/{document_id}", operation_id="get_document", summary="One document, with its progress")
def document(document_id: PathId, principal: PrincipalDep, services: ServicesDep) -> DocumentPublic:
    return services.documents.get(principal, document_id)


@router.patch(
    "/{document_id}", operation_id="update_document", summary="Change the title, the standing, the artist or its date"
)
def update(document_id: PathId, body: DocumentUpdate, principal: PrincipalDep, services: ServicesDep) -> DocumentPublic:
    artist_id = body.artist_id if "artist_id" in body.model_fields_set else Keep.KEEP
    as_of = body.as_of if "as_of" in body.model_fields_set else Keep.KEEP
    return services.documents.update(
        principal, document_id, title=body.title, standing=body.standing, artist_id=artist_id, as_of=as_of
    )


@router.put(
    "/{document_id}/file",
    operation_id="replace_document_file",
    status_code=202,
    responses=told(409, 415, 507),
    summary="Replace the file by a new version",
    form_limits={"max_files": 1, "max_fields": 8},
    response_model=DocumentPublic,
)
def replace(document_id: PathId, principal: PrincipalDep, services: ServicesDep, file: UploadFile) -> DocumentPublic:
    """The old version answers until the new one is `ready`; `answers` says so, `status` tells of the new one."""
    return services.documents.replace(principal, document_id, filename=file.filename or "", source=file.file)


@router.post(
    "/{document_id}/cancel",
    operation_id="cancel_document",
    responses=told(409),
    summary="Stop reading a document; its file is kept",
)
def cancel(document_id: PathId, principal: PrincipalDep, services: ServicesDep) -> DocumentPublic:
    """It is `failed` then and can be tried again. A new version that failed is dropped, the one before stays."""
    return services.documents.cancel(principal, document_id)


@router.delete(
    "/{document_id}",
    operation_id="delete_document",
    status_code=204,
    summary="Delete a document, its file and its passages",
)
def delete(document_id: PathId, principal: PrincipalDep, services: ServicesDep) -> Response:
    services.documents.delete(principal, document_id)
    return Response(status_code=204)


@router.post(
    "/{document_id}/retry",
    operation_id="retry_document",
    responses=told(409),
    status_code=202,
    summary="Try a failed document again",
)
def retry(document_id: PathId, principal: PrincipalDep, services: ServicesDep) -> DocumentPublic:
    return services.documents.retry(principal, document_id)


@router.get(
    "/{document_id}/file",
    operation_id="download_document",
    responses=FILE,
    summary="Download the file",
    response_class=FileResponse,
)
def file(document_id: PathId, principal: PrincipalDep, services: ServicesDep) -> FileResponse:
    path, name = services.documents.file(principal, document_id)
    suffix = f".{name.rpartition('.')[2].lower()}"
    media_type = MEDIA_TYPES.get(suffix, OTHER)
    return FileResponse(path, media_type=media_type, filename=name, headers={"X-Content-Type-Options": "nosniff"})


def _located(response: Response, answer: DocumentPublic | JSONResponse) -> DocumentPublic | JSONResponse:
    """The answer with the document's address beside it; one that is given again has headers of its own."""
    if isinstance(answer, JSONResponse):
        response, document_id = answer, json.loads(bytes(answer.body))["id"]
    else:
        document_id = answer.id
    response.headers["Location"] = f"/api/documents/{document_id}"
    return answer


def _digest(source: BinaryIO, *fields: str) -> str:
    """SHA-256 of a form, hex; `source` stands at its beginning again."""
    digest = hashlib.sha256(json.dumps(fields).encode())
    while block := source.read(1 << 20):
        digest.update(block)
    source.seek(0)
    return digest.hexdigest()
