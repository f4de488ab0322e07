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
from app.services.desk.desk import DeskService
from app.services.documents import DocumentService
from app.services.exports.exports import ExportService
from app.services.exports.shares import ShareService
from app.services.first_steps import FirstSteps
from app.services.growth import GrowthService
from app.services.growth_import import GrowthImport
from app.services.handovers import HandoverService
from app.services.health import HealthService
from app.services.idempotency import Idempotency
from app.services.identities import IdentityService
from app.services.ingestion import Ingestion
from app.services.insight.dates_service import DateService
from app.services.insight.insight import InsightService
from app.services.insight.reader import InsightReader
from app.services.insight.second_reading import SecondReading
from app.services.metrics import MetricsService
from app.services.model_slot import ModelSlot
from app.services.models import ModelService
from app.services.notes import NoteService
from app.services.pages import PageService
from app.services.plans.plans import PlanService
from app.services.profiles import ProfileService
from app.services.reconciler import Reconciler
from app.services.roles.roles import RoleService
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
    insight: InsightService
    dates: DateService
    reader: InsightReader
    second_reading: SecondReading
    profiles: ProfileService
    roles: RoleService
    notes: NoteService
    first_steps: FirstSteps
    samples: SampleDocuments
    search: SearchService
    chat: ChatService
    desk: DeskService
    exports: ExportService
    shares: ShareService
    audit: AuditLog
    access_log: AccessLog
    administration: Administration
    analytics: AnalyticsService
    metrics: MetricsService
    growth: GrowthService
    growth_import: GrowthImport
    idempotency: Idempotency
    health: HealthService
    system: SystemService
    indexes: KnowledgeIndexes
    ingestion: Ingestion
    reconciler: Reconciler
    model: ModelSlot
    models: ModelService
    usage: UsageService
    plans: PlanService
    close: Callable[[], None]
