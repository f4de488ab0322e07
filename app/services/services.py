"""Everything a door may call, made once in `app.main` and passed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.config import Settings
from app.db import Database
from app.indexes.knowledge import KnowledgeIndexes
from app.services.access_log import AccessLog
from app.services.accounts import AccountService
from app.services.administration import Administration
from app.services.analytics import AnalyticsService
from app.services.artists import ArtistService
from app.services.audit import AuditLog
from app.services.chat import ChatService
from app.services.documents import DocumentService
from app.services.exports.exports import ExportService
from app.services.exports.shares import ShareService
from app.services.first_steps import FirstSteps
from app.services.handovers import HandoverService
from app.services.health import HealthService
from app.services.idempotency import Idempotency
from app.services.identities import IdentityService
from app.services.ingestion import Ingestion
from app.services.model_slot import ModelSlot
from app.services.models import ModelService
from app.services.pages import PageService
from app.services.profiles import ProfileService
from app.services.reconciler import Reconciler
from app.services.samples import SampleDocuments
from app.services.search import SearchService
from app.services.sessions import SessionService
from app.services.sign_ins import SignIns
from app.services.system import SystemService
from app.services.usage import UsageService
from app.services.users import UserService


@dataclass(frozen=True)
class Services:
    settings: Settings
    db: Database
    users: UserService
    identities: IdentityService
    sessions: SessionService
    sign_ins: SignIns
    accounts: AccountService
    artists: ArtistService
    handovers: HandoverService
    documents: DocumentService
    pages: PageService
    profiles: ProfileService
    first_steps: FirstSteps
    samples: SampleDocuments
    search: SearchService
    chat: ChatService
    exports: ExportService
    shares: ShareService
    audit: AuditLog
    access_log: AccessLog
    administration: Administration
    analytics: AnalyticsService
    idempotency: Idempotency
    health: HealthService
    system: SystemService
    indexes: KnowledgeIndexes
    ingestion: Ingestion
    reconciler: Reconciler
    model: ModelSlot
    models: ModelService
    usage: UsageService
    close: Callable[[], None]
