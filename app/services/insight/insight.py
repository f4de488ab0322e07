"""What is known of documents beside their passages, for those who may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlmodel import Session, col, select

from app.models import READY, Document, DocumentInsight
from app.principal import Principal
from app.services.document_access import DocumentAccess
from app.services.insight.contracts import questions
from app.services.insight.contradictions import Contradiction
from app.services.insight.dates import ENDS, NAMED
from app.services.insight.dates_service import dates_of
from app.services.insight.days import spoken
from app.services.insight.disagreements import disagreements_of
from app.services.insight.kinds import CONTRACTS, GUIDE, OTHER, label_of
from app.services.insight.places import Passages
from app.services.insight.shapes import ClausePublic, FactPublic, InsightPublic, OtherPlace, WarningPublic

BRIEF_FACTS = 6  # of a document in a prompt
BRIEF_CHARS = 420
SECTION = "What is known of the sources' documents (dates reckoned from their own words)"


class InsightService(DocumentAccess):
    def get(self, principal: Principal, document_id: str) -> InsightPublic:
        """The profile of a document; the reading is audited. Raises `NotFound` as for the document itself."""
        with self._refusing(principal, "document.insight", document_id), self._db.session() as session:
            document = self._get(session, principal, document_id)
            row = _of(session, document)
            passages = Passages(session, [document.id])
            told = _public(document, row, passages)
            if row is not None:
                told.warnings += _disagreements(session, document)
            if principal.user_id == document.user_id:
                told.dates = dates_of(session, principal, document.id)
            shown: list[FactPublic | ClausePublic] = [*told.facts, *told.clauses]
            reads = sorted({one.chunk_id for one in shown if one.chunk_id})
            self._audit.record(
                session, principal, "document.insight", object_id=document.id,
                reads=[{"document_id": document.id, "chunk_ids": reads}] if row else [],
            )  # fmt: skip
        return told

    def as_section(self, principal: Principal, document_ids: Sequence[str]) -> tuple[str, str] | None:
        """A prompt's section: a line for each of these documents that the principal may see, with kind, parties and dates.

        Whoever asks has found passages of them for this principal; the reading is audited there.
        """
        query = select(Document.title, DocumentInsight).join(DocumentInsight)
        query = query.where(
            col(Document.id).in_(document_ids), self._visible(principal), Document.status == READY,
            col(DocumentInsight.version) == col(Document.version), col(DocumentInsight.kind).not_in((GUIDE, OTHER)),
        )  # fmt: skip
        with self._db.reading() as session:
            lines = [_brief(title, row) for title, row in session.exec(query).all()]
        return (SECTION, "\n".join(lines)) if lines else None


def _brief(title: str, row: DocumentInsight) -> str:
    """`"Deal": management agreement; Artist: ...; End of the term: 31 March 2028`; days as code reckoned them."""
    told = [label_of(row.kind).lower()]
    for fact in row.facts:
        if fact["kind"] in ("party", "share"):
            told.append(f"{fact['name']}: {fact['value']}")
        elif fact["kind"] == "date" and fact["day"] and fact["name"] != NAMED:
            rule = f" ({fact['rule']})" if fact["rule"] else ""
            told.append(f"{fact['name']}: {spoken(date.fromisoformat(fact['day']))}{rule}")
    told = told[: BRIEF_FACTS + 1] + [warning["text"] for warning in row.warnings[:2]]
    return f'"{title}": {"; ".join(told)}'[:BRIEF_CHARS]


def _of(session: Session, document: Document) -> DocumentInsight | None:
    """None while this version was not read."""
    row = session.get(DocumentInsight, document.id)
    return row if row is not None and row.version == document.version else None


def _disagreements(session: Session, document: Document) -> list[WarningPublic]:
    """What other documents of the same owner say otherwise."""
    found = disagreements_of(session, [document.id]).get(document.id, [])
    if not found:
        return []
    passages = Passages(session, {document.id, *(one.other.document_id for one in found)})
    return [_disagrees(document, one, passages) for one in found]


def _disagrees(document: Document, found: Contradiction, passages: Passages) -> WarningPublic:
    def place(fact: Mapping[str, Any], document_id: str) -> dict[str, Any]:
        at = {name: fact[name] for name in ("page", "start", "end", "quote")}
        return {**at, "chunk_id": passages.holding(document_id, *(fact[name] for name in ("page", "start", "end")))}

    other = found.other
    standing = "" if other.standing == "none" else f" ({other.standing})"
    return WarningPublic(
        code="disagrees",
        text=f"{found.name}: {_says(found.mine)} here, but {_says(found.theirs)} in “{other.title}”{standing}. "
        "Check which one counts.",
        **place(found.mine, document.id),
        other=OtherPlace(
            document_id=other.document_id, title=other.title, **place(found.theirs, other.document_id)
        ),
    )  # fmt: skip


def _says(fact: Mapping[str, Any]) -> str:
    named = fact.get("day") and (not fact.get("rule") or fact["name"] == ENDS)
    return spoken(date.fromisoformat(fact["day"])) if named else str(fact["value"])


def _public(document: Document, row: DocumentInsight | None, passages: Passages) -> InsightPublic:
    def placed(one: Mapping[str, Any]) -> dict[str, Any]:
        return {**one, "chunk_id": passages.holding(document.id, one.get("page"), one.get("start"), one.get("end"))}

    kind = row.kind if row else OTHER
    return InsightPublic(
        document_id=document.id,
        title=document.title,
        kb="personal" if document.kb == "personal" else "global",
        version=document.version,
        read=row is not None,
        kind=kind,
        label=label_of(kind),
        contract=kind in CONTRACTS,
        facts=[FactPublic.model_validate(placed(one)) for one in row.facts] if row else [],
        clauses=[ClausePublic.model_validate(placed(one)) for one in row.clauses] if row else [],
        warnings=[WarningPublic.model_validate(placed(one)) for one in row.warnings] if row else [],
        questions=questions(row.clauses, row.kind) if row else [],
        by_model=any(one["by"] == "model" for one in row.facts) if row else False,
    )
