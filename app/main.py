"""Composition root: everything is made here and passed. Nothing is decided here."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from app import __version__
from app.auth.secrets import load_secret
from app.config import SAMPLES_DIR, SEED_DIR, Settings
from app.db import Database
from app.errors import AppError, ConfigError
from app.indexes.chunking import Chunker
from app.indexes.cross_encoder import open_cross_encoder
from app.indexes.edge_engine import EdgeEngine
from app.indexes.embeddings import open_models
from app.indexes.engine import Engine
from app.indexes.knowledge import KnowledgeIndexes
from app.indexes.model_files import tokenizer_file
from app.indexes.server_engine import ServerEngine
from app.indexes.writer import IndexWriter
from app.retrievers.knowledge import Searcher
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
from app.services.ingestion import Ingestion, at_nothing
from app.services.insight.dates_service import DateService
from app.services.insight.insight import InsightService
from app.services.insight.reader import InsightReader
from app.services.insight.second_reading import SecondReading
from app.services.metrics import MetricsService
from app.services.model_choices import Choices, Vault
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
from app.services.seed import load_seed
from app.services.services import Services
from app.services.sessions import SessionService
from app.services.sign_ins import SignIns
from app.services.system import SystemService
from app.services.usage import UsageService
from app.services.users import UserService
from app.services.watch import SessionWatch

if TYPE_CHECKING:
    from fastapi import FastAPI

SQL_THREADS = 8


def prepare_data(settings: Settings) -> None:
    """Make the data folder; raises `ConfigError` when it cannot be written."""
    try:
        settings.data.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("uploads", "tmp", "logs", "models", "vectors"):
            (settings.data.dir / name).mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"The data folder {settings.data.dir} cannot be written ({error.strerror}); check data.dir and its rights."
        ) from None


def open_database(settings: Settings) -> Database:
    """The database with its schema up to date."""
    db = Database(settings.database_url)
    db.migrate()
    return db


def open_accounts(
    settings: Settings, db: Database, at: Callable[[str], None] = at_nothing
) -> tuple[AuditLog, UserService, DocumentService]:
    """What works without the vectors: the command line queues documents with it while a server holds them."""
    audit = AuditLog(load_secret(settings.data.dir / "secrets" / "audit.key"))
    users = UserService(db, audit, settings.auth)
    documents = DocumentService(db, audit, settings.ingestion, settings.data.dir, quotas=settings.quotas, at=at)
    return audit, users, documents


def build_services(settings: Settings, *, seed: bool = True, at: Callable[[str], None] = at_nothing) -> Services:
    """Open every part, in the order in which they need each other. `close` undoes it. `seed`: with the starter knowledge.
    `at` is told the named places that ingestion and deletion come by, for tests that crash there.

    Raises an `AppError` with one sentence when something cannot be opened; what was open by then is closed.
    """
    with ExitStack() as opened:
        prepare_data(settings)
        engine = open_engine(settings)
        opened.callback(engine.close)
        db = open_database(settings)
        opened.callback(db.close)
        audit, users, documents = open_accounts(settings, db, at)
        models = open_models(settings)
        opened.callback(models.close)
        chunker = Chunker(settings.chunking, tokenizer_file())
        indexes = KnowledgeIndexes(db, engine, models, settings.vectors)
        indexes.open(chunker.stamp)
        sql = ThreadPoolExecutor(SQL_THREADS, thread_name_prefix="sql")
        opened.callback(sql.shutdown)
        choices = Choices(db, settings.llm, Vault(settings.data.dir / "secrets" / "models.key", load_secret))
        model = ModelSlot(db, choices, chunker.count)
        profiles, sessions = ProfileService(db), SessionService(db, settings.auth)
        roles, notes = RoleService(db), NoteService(db, audit)
        encoder = next((one for one in models.models if not one.sparse and one.required), None)
        cross_encoder = open_cross_encoder(settings)
        if cross_encoder is not None:
            opened.callback(cross_encoder.close)
        searcher = Searcher(indexes, db, settings.retrieval, sql, cross_encoder=cross_encoder)
        search = SearchService(db, settings, searcher, documents, audit, model, encoder)
        ingestion = Ingestion(db, indexes, chunker, settings.ingestion, settings.data.dir, at)
        reconciler = Reconciler(db, indexes, ingestion.turns, ingestion.passages, settings.ingestion, settings.data.dir)
        if not settings.vectors.url:
            ingestion.resume()  # this process alone holds the folder: leases left by a crash are nobody's
        watch = SessionWatch(sessions.alive_among)
        health = HealthService(db, indexes, model, reconciler.report, cross_encoder)
        insight = InsightService(db, audit)
        plans = PlanService(db, audit, profiles, search, model)
        chat = ChatService(
            settings, search, profiles, roles, notes, model, encoder, watch, about=[notes.as_section],
            known=insight.as_section, plans=plans, db=db, audit=audit,
        )  # fmt: skip
        pages = PageService(db, audit, settings.ingestion, settings.data.dir)
        documents.deleted = pages.forget
        desk = DeskService(settings, db, audit, search, profiles, roles, model, watch)
        exports = ExportService(db, audit, chat, plans, desk)
        if seed:
            load_seed(db, documents, SEED_DIR)
        return Services(
            settings=settings,
            db=db,
            users=users,
            identities=IdentityService(db, audit, settings.auth),
            sessions=sessions,
            sign_ins=SignIns(db, audit),
            accounts=AccountService(db, audit, ingestion, IndexWriter(indexes), settings.data.dir),
            artists=ArtistService(db, audit, documents),
            handovers=HandoverService(db, audit, documents),
            documents=documents,
            pages=pages,
            insight=insight,
            dates=DateService(db, audit),
            reader=InsightReader(db),
            second_reading=SecondReading(db, model, settings.insight, chat.writing),
            profiles=profiles,
            roles=roles,
            notes=notes,
            first_steps=FirstSteps(db),
            samples=SampleDocuments(db, documents, SAMPLES_DIR),
            search=search,
            chat=chat,
            desk=desk,
            exports=exports,
            shares=ShareService(db, audit, exports),
            audit=audit,
            access_log=AccessLog(db, audit),
            administration=Administration(db, audit, users),
            analytics=AnalyticsService(db, audit),
            metrics=MetricsService(db, audit, choices),
            growth=GrowthService(db, audit),
            growth_import=GrowthImport(db, audit),
            idempotency=Idempotency(db),
            health=health,
            system=SystemService(settings, db, audit, health, chat.writing, indexes, reconciler),
            indexes=indexes,
            ingestion=ingestion,
            reconciler=reconciler,
            model=model,
            models=ModelService(db, audit, choices, model),
            usage=UsageService(db, audit, choices),
            plans=plans,
            close=opened.pop_all().close,
        )


def create_app(settings: Settings, services: Services | None = None) -> FastAPI:
    """The web application: REST, sign-in pages, Gradio and the worker, behind one guard. Tests may pass `services`."""
    # Imported here: the web parts cost 3 s, which the command line and notebooks need not wait for.
    import gradio
    from fastapi import FastAPI as App
    from starlette.routing import Mount

    from app.api import description
    from app.api import errors as api_errors
    from app.api.limits import BodyLimits
    from app.api.methods import Methods
    from app.api.router import api_router
    from app.api.slash import strip_trailing_slash
    from app.auth import oidc_pages, pages, share_page
    from app.auth.authenticate import Authenticator
    from app.auth.guard import Guard, gradio_user
    from app.auth.oidc import open_providers
    from app.auth.tokens import Tokens
    from app.ui.application import PAGE_PATHS, build_application, mount_options
    from app.ui.kept import KeptAnswers
    from app.ui.lean import events_first
    from app.worker import Worker

    made = services or build_services(settings)
    worker = Worker(made)

    @asynccontextmanager
    async def lifespan(_app: App) -> AsyncIterator[None]:
        worker.start()
        warming = asyncio.create_task(_warm(made))
        try:
            yield
        finally:
            warming.cancel()
            await asyncio.to_thread(worker.stop)
            await made.model.aclose()
            if services is None:
                await asyncio.to_thread(made.close)

    app = App(
        title="AI Manager", version=__version__, lifespan=lifespan, openapi_url="/api/openapi.json", docs_url=None,
        redoc_url=None, redirect_slashes=False,
    )  # fmt: skip
    tokens = Tokens(load_secret(settings.data.dir / "secrets" / "jwt.key"), settings.auth.access_minutes)
    app.state.services, app.state.tokens = made, tokens
    app.state.openid = open_providers(settings)
    api_errors.install(app)
    description.install(app)
    app.include_router(api_router)
    app.include_router(pages.router)
    app.include_router(oidc_pages.router)
    app.include_router(share_page.router)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*SSR")  # several pages and a mount turn it off, which it is
        gradio.mount_gradio_app(
            app, build_application(made), path="/app", auth_dependency=gradio_user, **mount_options()
        )
    # Its requests need not be held against every route of the API before: a twentieth of what a question took.
    mount = app.router.routes.pop()
    app.router.routes.insert(0, mount)
    assert isinstance(mount, Mount)
    events_first(mount.routes)
    # The first added is the innermost: a request meets the guard, then the limits, then the routes.
    app.add_middleware(KeptAnswers, pages=PAGE_PATHS)
    app.add_middleware(Methods)
    app.add_middleware(BodyLimits, settings=settings.ingestion)
    app.add_middleware(strip_trailing_slash)
    app.add_middleware(
        Guard, authenticator=Authenticator(made.sessions, tokens), server=settings.server, pages=PAGE_PATHS,
        open_pages=settings.quotas.open_pages,
    )  # fmt: skip
    return app


async def _warm(services: Services) -> None:
    """Load the language model's client before somebody waits for it (1.7 s). Whether it answers is the health report's."""
    if (model := services.model.get()) is not None:
        with suppress(AppError):
            await model.check()


def open_engine(settings: Settings) -> Engine:
    """The embedded engine, or the server that `vectors.url` names; raises `FolderHeld` while another process has the folder."""
    if settings.vectors.url:
        return ServerEngine.connect(settings.vectors)
    return EdgeEngine(settings.data.dir / "vectors")
