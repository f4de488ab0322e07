"""What the source itself must keep to (threats.md, B10): who makes a caller, who reaches the vectors, who asks without one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch

# Name of app.principal -> the modules that may import it. Of a Principal or a TenantFilter only the type is free.
MAKERS: dict[str, tuple[str, ...]] = {
    "authenticated": ("app.auth.authenticate",),
    "local_operator": ("app.notebook", "app.commands.ingesting"),
    "by_link": ("app.services.exports.shares",),
    "system": ("app.notebook", "app.commands.ingesting", "app.services.seed"),
    "TenantFilter": ("app.services.search", "app.indexes.store", "app.retrievers.knowledge", "app.retrievers.check"),
}
FILTER_MAKER = "app.services.search"  # alone calls TenantFilter.for_principal
# They load what they have a table of: subcommands, readers, clients, a C library's structures.
LOADERS = (
    "app.cli", "app.indexes.mail", "app.indexes.page_pictures", "app.indexes.pdf", "app.indexes.pdf_headings",
    "app.indexes.pictures", "app.indexes.readers", "app.indexes.sheets", "app.indexes.web", "app.indexes.word", "app.llm_lanes",
)  # fmt: skip
FREE = {"Principal", "Role", "Kind"}

# What reads vectors or passages -> the modules that may import it.
READERS: dict[str, tuple[str, ...]] = {
    "qdrant_client*": ("app.indexes.server_engine",),
    "qdrant_edge*": ("app.indexes.edge_engine", "app.indexes.embeddings"),
    "llama_index.core.retrievers*": ("app.retrievers.knowledge", "app.evaluation"),
    "llama_index.core.vector_stores*": ("app.indexes.store",),
    "llama_index.core.VectorStoreIndex": ("app.indexes.knowledge",),
    "llama_index.core.indices*": (),
    "llama_index.core.query_engine*": ("app.retrievers.router", "app.notebook"),
    "llama_index.vector_stores*": (),
    "app.indexes.engine.Query": ("app.indexes.store", "app.indexes.edge_engine", "app.indexes.server_engine"),
    "app.indexes.store*": ("app.indexes.knowledge",),
    "app.retrievers.knowledge.KnowledgeFusionRetriever": (
        "app.services.search", "app.retrievers.router", "app.notebook",
    ),
}  # fmt: skip

# Public methods of services without a Principal first, and why. `*` is every method of the class.
WITHOUT_PRINCIPAL: dict[str, str] = {
    "UserService.*": "who somebody is, before anybody is known; the command line's own door",
    "SessionService.*": "turns a secret into a sign-in: what authentication itself stands on",
    "IdentityService.*": "sign-in by a provider: nobody is known yet",
    "Passwords.*": "hashes alone",
    "Throttle.*": "counts sign-ins of people who are nobody yet",
    "Limit.*": "as Throttle",
    "Attempt.*": "as Throttle",
    "Newcomer.*": "as Throttle",
    "HealthService.*": "says of parts whether they work, nothing of users",
    "_Reader.*": "text in, text out",
    "_Numbered.*": "numbers the pages of a PDF",
    "Pace.*": "counts openings by people who are nobody",
    "ShareService.open": "the link's secret is the right, for the one thing it shows",
    "Ingestion.*": "the worker's: takes documents on, hands out nothing",
    "Jobs.*": "as Ingestion",
    "Job.*": "as Ingestion",
    "Progress.*": "as Ingestion: counts alone",
    "Cutting.*": "as Ingestion",
    "BackFill.*": "as Ingestion",
    "Removal.*": "as Ingestion: takes away what a principal deleted",
    "InsightReader.*": "as Ingestion",
    "SecondReading.*": "as Ingestion",
    "Fact.*": "text in, text out",
    "Span.*": "as Fact",
    "Passages.holding": "places of documents that were granted before",
    "Reconciler.*": "as Ingestion: counts alone go out",
    "Turns.*": "which process does the periodic work",
    "Admission.running": "a count over everybody",
    "ChatService.writing": "as Admission.running",
    "Vault.*": "seals and opens the language model's key for Choices",
    "Choices.*": "what ModelService wrote, for whoever answers; nothing of it leaves but through ModelService",
    "ModelSlot.*": "which language model is in force: nothing of users",
    "Metered.*": "as Answerer",
    "Grant.settle": "what one question took, which was granted before",
    "Conflict.*": "as Answerer",
    "FenceFilter.*": "text in, text out",
    "StepDraft.*": "a step of a plan that is being made for a principal",
    "PlanDraft.*": "as StepDraft",
    "Found.*": "as StepDraft: passages which were granted before",
    "Change.*": "what a plan's owner is asked to accept",
    "Reading.*": "a table that its sender brought, read for GrowthImport.run(principal, ...)",
    "AuditLog.*": "writes in the caller's transaction; takes the Principal second",
    "Answerer.*": "holds one question's passages, which were granted before",
    "Draft.*": "as Answerer",
    "CitationFilter.*": "text in, text out",
    "_Check.*": "as CitationFilter",
    "Known.*": "as CitationFilter",
    "Figure.*": "as CitationFilter",
    "Token.*": "as CitationFilter",
    "Order.*": "how the rows of a list follow each other; reads nothing",
    "Facts.*": "made for a principal by the desk's gather(session, principal, ...)",
    "Kind.*": "a data file: nothing of users",
    "Clause.*": "as CitationFilter",
    "ContractText.*": "as CitationFilter",
    "Watched.*": "made for a principal by SessionWatch.watching",
    "Idempotency.keep": "the Claim is the right, given by claim(principal, ...)",
    "Idempotency.release": "as keep",
    "Roster.*": "of one question; made by RosterService.of(principal)",
    "RosterRetriever.*": "as Roster: searches what finders() limits to the Scope's tenant",
    "ArtistLines.*": "as Answerer",
    "LineCheck.*": "as CitationFilter",
    "RoleService.named": "a data file's words, nothing of users",
    "RoleService.names": "as named",
    "SearchService.selector": "the question's intent; reads nothing",
    "SearchService.retriever": "takes the Scope that scope(principal, ...) made",
    "SearchService.naming": "as retriever: looks among the documents of its tenant",
    "SessionWatch.*": "takes the principal in watching()",
}


def violations(module: str, source: str) -> list[str]:
    """What one module's source does that it may not, in words; `module` is its dotted name."""
    tree = ast.parse(source)
    found = [*_imports(module, tree), *_uses(module, tree)]
    if module.startswith("app.services."):
        found += _services(tree)
    return found


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name) of every import, also inside functions; the name is empty for a whole module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield "." * node.level + (node.module or ""), alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


def _imports(module: str, tree: ast.AST) -> Iterator[str]:
    for origin, name in _imported(tree):
        if origin.startswith("."):
            yield f"{module} imports by a relative name, which this check does not follow"
        whole = f"{origin}.{name}" if name else origin
        if whole == "app.principal" or (origin in ("importlib", "ctypes") and module not in LOADERS):
            yield f"{module} imports {whole} as a whole"
        if origin == "app.principal" and name and name not in FREE and module not in MAKERS.get(name, ()):
            yield f"{module} imports {whole}"
        for pattern, allowed in READERS.items():
            if (fnmatch(whole, pattern) or fnmatch(origin, pattern)) and module not in allowed:
                yield f"{module} imports {whole}"
        if whole in ("app.indexes.engine", "app.indexes", "app.retrievers", "app.retrievers.knowledge"):
            yield f"{module} imports {whole} as a whole"


def _uses(module: str, tree: ast.AST) -> Iterator[str]:
    if module == "app.principal":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("_seal", "_SEAL", "__new__", "__setattr__"):
            if ast.unparse(node).startswith("super()"):
                continue
            yield f"{module} uses {ast.unparse(node)}"
        if isinstance(node, ast.Name) and node.id in ("_SEAL", "__import__", "eval", "exec"):
            yield f"{module} uses {node.id}"
        if isinstance(node, ast.Attribute) and node.attr == "for_principal" and module != FILTER_MAKER:
            yield f"{module} makes a tenant filter"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("Principal", "TenantFilter"):
                yield f"{module} makes a {node.func.id}"
            if node.func.id == "replace" and node.args and "tenant" in ast.unparse(node.args[0]).lower():
                yield f"{module} changes a tenant filter"


def _services(tree: ast.Module) -> Iterator[str]:
    for owner in tree.body:
        if not isinstance(owner, ast.ClassDef):
            continue
        for method in owner.body:
            if not isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) or method.name.startswith("_"):
                continue
            exempt = any(fnmatch(f"{owner.name}.{method.name}", pattern) for pattern in WITHOUT_PRINCIPAL)
            if not exempt and not _takes_principal(method):
                yield f"{owner.name}.{method.name} does not take a Principal first"


def _takes_principal(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = [one for one in method.args.args if one.arg not in ("self", "cls")]
    annotation = ast.unparse(given[0].annotation) if given and given[0].annotation else ""
    return annotation in ("Principal", "Principal | None") and given[0].arg == "principal"
