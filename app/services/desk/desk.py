"""The writing desk: texts from the user's own facts, kept, edited and written again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.config import Settings
from app.db import Database, overtaken
from app.errors import AppError, Conflict, NotFound
from app.models import Draft, now
from app.principal import Principal
from app.services.admission import Admission
from app.services.audit import AuditLog
from app.services.desk.facts import Facts, gather
from app.services.desk.kinds import Kind, load_kinds
from app.services.desk.prompt import fitting
from app.services.desk.reading import Read, read
from app.services.desk.shapes import (
    DraftCreate,
    DraftPublic,
    DraftRow,
    DraftUpdate,
    KindsPublic,
    draft_public,
    draft_row,
    kind_public,
    realigned,
)
from app.services.desk.writing import NO_MODEL, NOT_NOW, Written, write
from app.services.model_slot import ModelSlot
from app.services.ownership import check_artist, own
from app.services.paging import Order, next_after, page_size
from app.services.profiles import ProfileService
from app.services.roles.roles import RoleService
from app.services.search import Scope, SearchService
from app.services.shapes import Listing
from app.services.usage import Grant, Spent, record
from app.services.watch import SessionWatch
from app.services.withdrawal import check_here

SHARE_FOR_SOURCES = 0.5  # of the model's context; the rest is for rules, facts and the text
LONGEST_TITLE = 90
ORDER = Order(col(Draft.updated), col(Draft.id), newest_first=True)
WITHDRAWN = "What this draft was written from is not here any more; begin a new one."


class DeskService:
    """Drafts belong to their user; whatever is read for one is audited before it is used."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        audit: AuditLog,
        search: SearchService,
        profiles: ProfileService,
        roles: RoleService,
        model: ModelSlot,
        watch: SessionWatch,
    ) -> None:
        self._settings, self._db, self._audit = settings, db, audit
        self._search, self._profiles, self._roles, self._model, self._watch = search, profiles, roles, model, watch
        self._admission = Admission(settings.quotas)

    def kinds(self, principal: Principal) -> KindsPublic:
        """What can be written, the likeliest of the principal's role first, and whether a model writes it."""
        first = self._roles.of(principal).drafts
        kinds = sorted(load_kinds().values(), key=lambda kind: first.index(kind.id) if kind.id in first else len(first))
        grant = self._model.grant_now()
        notice = None if grant.model else NOT_NOW.format(why=grant.why) if grant.why else NO_MODEL
        return KindsPublic(items=[kind_public(kind) for kind in kinds], model=grant.model is not None, notice=notice)

    async def create(self, principal: Principal, request: DraftCreate) -> DraftPublic:
        """Write a text and keep it.

        Raises `AppError` 422 for an unknown kind or field and for a missing one, `NotFound` for an artist or a document that
        is not the principal's, `TooMany` or `Unavailable` while too much is being written.
        """
        kind, inputs = _kind(request.kind), {name: value.strip() for name, value in request.inputs.items()}
        _check_inputs(kind, inputs)
        with self._admission.place(principal), self._watch.watching(principal) as watched:
            grant = await self._model.grant()
            role = await asyncio.to_thread(self._roles.of, principal)
            try:
                scope, facts = await asyncio.to_thread(self._prepare, principal, request, kind, inputs)
                found = await watched.unless_ended(lambda: read(self._search, self._db, principal, facts, scope))
                found.sources = fitting(
                    facts, found.sources, int(self._settings.llm.context_tokens * SHARE_FOR_SOURCES)
                )
                written = await watched.unless_ended(lambda: write(facts, found.sources, grant, role.persona))
            except BaseException:  # also when cancelled: what the model took was taken all the same
                grant.settle(self._db.together(lambda session: record(session, principal.user_id, grant)))
                raise
            return await asyncio.to_thread(self._keep, principal, request, facts, found, written, grant)

    async def again(self, principal: Principal, draft_id: str) -> DraftPublic:
        """Another text from the same inputs, beside the first one, of which nothing is lost."""
        old = await asyncio.to_thread(self.get, principal, draft_id)
        if old.state == "withdrawn":
            raise Conflict(WITHDRAWN, code="withdrawn")
        request = DraftCreate(kind=old.kind, artist_id=old.artist_id, inputs=old.inputs, documents=old.documents)
        return await self.create(principal, request)

    def list(
        self, principal: Principal, *, artist_id: str | None = None, limit: int = 50, after: str | None = None
    ) -> Listing[DraftRow]:
        """Newest change first, without the texts; of one artist, if named."""
        limit = page_size(limit)
        query = select(Draft).where(Draft.user_id == principal.user_id)
        with self._refusing(principal, "draft.list", after or artist_id), self._db.reading() as session:
            if artist_id is not None:
                check_artist(session, principal, artist_id)
                query = query.where(Draft.artist_id == artist_id)
            if after is not None:
                last = _own(session, principal, after)
                query = query.where(ORDER.after(last.updated, last.id))
            rows = session.exec(query.order_by(*ORDER.columns).limit(limit + 1)).all()
        return Listing(items=[draft_row(row) for row in rows[:limit]], next=next_after(rows, limit))

    def get(self, principal: Principal, draft_id: str) -> DraftPublic:
        with self._refusing(principal, "draft.read", draft_id), self._db.reading() as session:
            return draft_public(_own(session, principal, draft_id))

    def update(self, principal: Principal, draft_id: str, change: DraftUpdate) -> DraftPublic:
        """What the user typed stays as it is: it is theirs to know. Raises `Conflict` for another text of a draft that was
        withdrawn: a page that still shows the old one must not bring it back.
        """
        with self._refusing(principal, "draft.update", draft_id), self._db.session() as session:
            row = _own(session, principal, draft_id)
            if change.title is not None:
                row.title = change.title.strip()
            if change.text is not None and change.text != row.text:
                if not row.body:
                    raise Conflict(WITHDRAWN, code="withdrawn")
                marks = realigned(row.text, row.body.get("marks", []), change.text)
                row.body = {"state": "template", **row.body, "marks": marks, "edited": True}
                row.text = change.text
            row.updated = now()
            session.add(row)
            return draft_public(row)

    def delete(self, principal: Principal, draft_id: str) -> None:
        with self._refusing(principal, "draft.delete", draft_id), self._db.session() as session:
            session.delete(_own(session, principal, draft_id))
            self._audit.record(session, principal, "draft.delete", object_id=draft_id)

    def _prepare(
        self, principal: Principal, request: DraftCreate, kind: Kind, inputs: Mapping[str, str]
    ) -> tuple[Scope, Facts]:
        with self._refusing(principal, "draft.create", request.artist_id):
            scope = self._search.scope(principal, request.documents, request.artist_id)
            with self._db.reading() as session:
                profile = self._profiles.get(principal)
                facts = gather(session, principal, kind, dict(inputs), profile, request.artist_id)
        # A document that is chosen is read whatever kb it is of; facts come from the user's own alone (`reading`).
        return replace(scope, intent=None), facts

    def _keep(
        self, principal: Principal, request: DraftCreate, facts: Facts, found: Read, written: Written, grant: Grant
    ) -> DraftPublic:
        notice = " ".join(filter(None, [written.notice, found.trouble]))
        body = {
            "state": written.state, "inputs": facts.inputs, "documents": request.documents, "marks": written.marks,
            "notice": notice or None, "unchecked": written.unchecked or None, "edited": False,
        }  # fmt: skip

        mine = {one.passage.document.id for one in found.sources if one.passage.kb == "personal"}

        def work(session: Session) -> tuple[DraftPublic, Spent | None]:
            check_here(session, principal.user_id, mine)
            row = Draft(
                user_id=principal.user_id, artist_id=request.artist_id, kind=facts.kind.id, title=_title(facts),
                text=written.text, sources=written.sources, body=body,
            )  # fmt: skip
            session.add(row)
            self._audit.record(session, principal, "draft.create", object_id=row.id)
            session.flush()
            return draft_public(row), record(session, principal.user_id, grant)

        try:
            shown, spent = self._db.together(work)
        except Conflict:  # a document of it is gone; what the model took was taken all the same
            grant.settle(self._db.together(lambda session: record(session, principal.user_id, grant)))
            raise
        except IntegrityError as error:  # the artist or the account is gone by now
            if not overtaken(error):
                raise
            with suppress(IntegrityError):
                grant.settle(self._db.together(lambda session: record(session, None, grant)))
            raise NotFound("There is no such artist.") from None
        grant.settle(spent)
        return shown

    def _refusing(self, principal: Principal, action: str, object_id: str | None) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)


def _own(session: Session, principal: Principal, draft_id: str) -> Draft:
    return own(session, principal, Draft, draft_id, "draft")


def _kind(name: str) -> Kind:
    kinds = load_kinds()
    if name not in kinds:
        raise AppError(f"There is no such kind of text; choose one of {', '.join(kinds)}.", status=422, code="kind")
    return kinds[name]


def _check_inputs(kind: Kind, inputs: Mapping[str, str]) -> None:
    fields = {field.name: field for field in kind.fields}
    for name, value in inputs.items():
        if name not in fields:
            raise AppError(
                f"A {kind.title.lower()} has no field of that name; it has {', '.join(fields)}.",
                status=422,
                code="field",
            )
        if len(value) > fields[name].most:
            raise AppError(
                f"“{fields[name].label}” takes up to {fields[name].most} characters; shorten it.",
                status=422,
                code="field",
            )
    for field in kind.fields:
        if field.required and not inputs.get(field.name):
            raise AppError(f"“{field.label}” is missing; fill it in.", status=422, code="field")


def _title(facts: Facts) -> str:
    """Named after what it is about: the first short required field, else the artist."""
    about = next((facts.inputs[one.name] for one in facts.kind.fields if one.required and one.lines == 1), facts.artist)
    about = " ".join(about.split())
    title = f"{facts.kind.title}: {about}" if about else facts.kind.title
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1].rstrip()}…"
