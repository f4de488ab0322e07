"""Embedding models from settings: one row, one model; bounded lanes, a query cache with in-flight sharing.

A dense vector is a float32 array of shape (dimension,), of unit length; a sparse one is a `Sparse`.
"""

from __future__ import annotations

import hashlib
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from app.config import EmbeddingRow, Settings
from app.errors import AppError, ConfigError, Unavailable
from app.indexes.ingest_lane import IngestLane
from app.indexes.model_files import exported_folder

Dense = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sparse:
    """Term ids and their weights, of equal length."""

    indices: list[int]
    values: list[float]


Vector = Dense | Sparse


class EmbeddingFailed(Unavailable):
    """A model could not embed. `permanent` means that trying again will not help until something is changed."""

    code = "embedding_failed"

    def __init__(self, model: str, sentence: str, *, permanent: bool = False) -> None:
        super().__init__(sentence, retry_after=None if permanent else 30)
        self.model = model
        self.permanent = permanent


class EmbeddingModel(ABC):
    """One row of `embeddings`. Subclasses embed a batch; questions, cache and checks are derived here.

    `dimension` is 0 for sparse models. `fingerprint` changes when stored vectors no longer fit.
    `required` models must succeed for a document to become ready; the others are back-filled later.
    """

    required = True

    def __init__(self, row: EmbeddingRow, *, dimension: int, fingerprint: str, workers: int, cache: QueryCache) -> None:
        self.name, self.row, self.dimension, self.fingerprint = row.name, row, dimension, fingerprint
        self._lane = ThreadPoolExecutor(workers, thread_name_prefix=f"query-{row.name}")
        self._cache = cache

    @property
    def sparse(self) -> bool:
        return self.dimension == 0

    @abstractmethod
    def _embed_questions(self, texts: Sequence[str]) -> list[Vector]:
        """Vectors of questions, on the calling thread."""

    @abstractmethod
    def _embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """Vectors of passages, on the calling thread, which may wait for long."""

    def embed_question(self, text: str) -> Future[Vector]:
        """The vector of a question, from the cache, from an equal question on its way, or from the query lane."""
        return self._cache.get((self.name, text), lambda: self._lane.submit(self._one, text))

    def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        """Vectors of passages in their order; raises `EmbeddingFailed` on a short batch, a wrong size or a NaN."""
        if not texts:
            return []
        return self._checked(self._embed_passages(texts), len(texts))

    def embed_briefly(self, texts: Sequence[str]) -> Future[list[Vector]]:
        """Vectors of a few short texts on the query lane, for someone who waits for an answer."""
        return self._lane.submit(lambda: self._checked(self._embed_questions(texts), len(texts)))

    def close(self) -> None:
        self._lane.shutdown(wait=False, cancel_futures=True)

    def _one(self, text: str) -> Vector:
        return self._checked(self._embed_questions([text]), 1)[0]

    def _checked(self, vectors: list[Vector], expected: int) -> list[Vector]:
        if len(vectors) != expected:
            raise EmbeddingFailed(
                self.name, f"The embedding model '{self.name}' answered for {len(vectors)} of {expected} texts."
            )
        for vector in vectors:
            if isinstance(vector, Sparse):
                continue
            if vector.shape != (self.dimension,):
                sentence = f"The embedding model '{self.name}' gave {vector.size} dimensions where {self.dimension} were expected."
                raise EmbeddingFailed(self.name, sentence, permanent=True)
            if not np.isfinite(vector).all():
                raise EmbeddingFailed(
                    self.name, f"The embedding model '{self.name}' gave a vector with no number in it."
                )
        return vectors


class QueryCache:
    """The newest `size` question vectors; two equal questions at once share one computation. Failures are not kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[tuple[str, str], Future[Vector]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str], start: Callable[[], Future[Vector]]) -> Future[Vector]:
        with self._lock:
            if (known := self._entries.get(key)) is not None:
                self._entries.move_to_end(key)
                return known
            future = start()
            self._entries[key] = future
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
        future.add_done_callback(lambda done: self._forget_failure(key, done))
        return future

    def _forget_failure(self, key: tuple[str, str], done: Future[Vector]) -> None:
        if done.cancelled() or done.exception() is not None:
            with self._lock:
                if self._entries.get(key) is done:
                    del self._entries[key]


class Onnx(EmbeddingModel):
    """A local encoder: questions in a bounded lane of this process, passages in a low-priority child (design 5)."""

    def __init__(self, row: EmbeddingRow, settings: Settings, cache: QueryCache) -> None:
        from app.indexes.onnx import OnnxEncoder

        folder, digest = exported_folder(row, settings.data)
        self._encoder = OnnxEncoder(folder, max_tokens=row.max_tokens, threads=1)
        workers = settings.retrieval.query_workers
        super().__init__(row, dimension=self._encoder.dimension, fingerprint=digest, workers=workers, cache=cache)
        self._ingest = IngestLane(folder, row.max_tokens, settings.ingestion.embed_seconds)

    def _embed_questions(self, texts: Sequence[str]) -> list[Vector]:
        return list(self._encoder.encode([self.row.query_prefix + text for text in texts]))

    def _embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return list(self._ingest.encode([self.row.passage_prefix + text for text in texts]))

    def close(self) -> None:
        super().close()
        self._ingest.close()


class Bm25(EmbeddingModel):
    """The engine's own BM25 terms (stop words, Snowball, hashed ids); inverse document frequency is applied at search."""

    def __init__(self, row: EmbeddingRow, _settings: Settings, cache: QueryCache) -> None:
        import qdrant_edge

        super().__init__(row, dimension=0, fingerprint=f"bm25-{row.model}-1", workers=1, cache=cache)
        self._encoder = qdrant_edge.Bm25(qdrant_edge.Bm25Config(language=row.model))

    def _embed_questions(self, texts: Sequence[str]) -> list[Vector]:
        return [_sparse(self._encoder.embed_query(text)) for text in texts]

    def _embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return [_sparse(self._encoder.embed_document(text)) for text in texts]


class OpenAI(EmbeddingModel):
    """Through llama-index-embeddings-openai, at OpenAI or a compatible address."""

    required = False
    DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}

    def __init__(self, row: EmbeddingRow, settings: Settings, cache: QueryCache) -> None:
        from llama_index.embeddings.openai import OpenAIEmbedding

        key = row.api_key or settings.llm.api_key
        self._client = OpenAIEmbedding(
            model="text-embedding-3-small",  # the class knows OpenAI's names only; model_name is what is sent
            model_name=row.model,
            api_key=key.get_secret_value() if key else "none",
            api_base=row.base_url or settings.llm.base_url,
            embed_batch_size=row.batch_size,
            max_retries=1,
            timeout=settings.llm.timeout_seconds,
        )
        dimension = self.DIMENSIONS.get(row.model) or len(self._client.get_text_embedding("dimension"))
        super().__init__(row, dimension=dimension, fingerprint=_fingerprint(row), workers=4, cache=cache)

    def _embed_questions(self, texts: Sequence[str]) -> list[Vector]:
        return self._call(lambda: [self._client.get_query_embedding(self.row.query_prefix + text) for text in texts])

    def _embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return self._call(lambda: self._client.get_text_embedding_batch([self.row.passage_prefix + t for t in texts]))

    def _call(self, embed: Callable[[], list[list[float]]]) -> list[Vector]:
        import openai

        try:
            return [_unit(np.asarray(vector, dtype=np.float32)) for vector in embed()]
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError, openai.BadRequestError):
            sentence = f"The provider refuses the embedding model '{self.name}'; check its key, its address and its model name."
            raise EmbeddingFailed(self.name, sentence, permanent=True) from None
        except (openai.OpenAIError, ValueError):  # the client raises ValueError for an empty answer
            sentence = (
                f"The provider of the embedding model '{self.name}' does not answer; it is tried again by itself."
            )
            raise EmbeddingFailed(self.name, sentence) from None


class HuggingFace(EmbeddingModel):
    """Any sentence-transformers model, through llama-index-embeddings-huggingface. Imports torch."""

    def __init__(self, row: EmbeddingRow, settings: Settings, cache: QueryCache) -> None:
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        self._model = HuggingFaceEmbedding(
            model_name=row.model, max_length=row.max_tokens, embed_batch_size=row.batch_size, device="cpu",
            query_instruction=row.query_prefix, text_instruction=row.passage_prefix,
            cache_folder=str(settings.data.dir / "models" / "huggingface"),
        )  # fmt: skip
        self._lock = threading.Lock()
        dimension = len(self._model.get_text_embedding("dimension"))
        super().__init__(row, dimension=dimension, fingerprint=_fingerprint(row), workers=1, cache=cache)

    def _embed_questions(self, texts: Sequence[str]) -> list[Vector]:
        with self._lock:
            return [_unit(np.asarray(self._model.get_query_embedding(text), dtype=np.float32)) for text in texts]

    def _embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        with self._lock:
            vectors = self._model.get_text_embedding_batch(list(texts))
        return [_unit(np.asarray(vector, dtype=np.float32)) for vector in vectors]


PROVIDERS: dict[str, Callable[[EmbeddingRow, Settings, QueryCache], EmbeddingModel]] = {
    "onnx": Onnx,
    "bm25": Bm25,
    "openai": OpenAI,
    "huggingface": HuggingFace,
}


@dataclass(frozen=True, slots=True)
class OpenedModels:
    """The models that work, and for each enabled one that does not, the sentence that says why."""

    models: list[EmbeddingModel]
    broken: dict[str, str]
    absent: frozenset[str] = frozenset()  # rows that are not switched off but cannot work now: no key, no weights

    def close(self) -> None:
        for model in self.models:
            model.close()


def open_models(settings: Settings) -> OpenedModels:
    """Open every enabled row. A local one that was asked for (`enabled: true`) and fails raises; others are reported."""
    from app.indexes.model_files import is_enabled

    cache = QueryCache(settings.retrieval.query_cache)
    models: list[EmbeddingModel] = []
    broken: dict[str, str] = {}
    for row in settings.embeddings:
        if not is_enabled(row, settings):
            continue
        try:
            models.append(PROVIDERS[row.provider](row, settings, cache))
        except AppError as error:
            broken[row.name] = error.sentence
        except Exception as error:  # a provider's library may raise anything while loading a model
            broken[row.name] = (
                f"The embedding model '{row.name}' cannot be loaded ({type(error).__name__}); check its row in config.yaml."
            )
        if row.name in broken and row.enabled is True and row.provider != "openai":
            OpenedModels(models, {}).close()
            raise ConfigError(broken[row.name])
        if row.name in broken:
            logger.bind(model=row.name).warning("embedding model not available")
    if not models:
        reason = next(
            iter(broken.values()), "No embedding model is enabled; enable one under 'embeddings' in config.yaml."
        )
        raise Unavailable(reason)
    opened = {model.name for model in models}
    absent = {row.name for row in settings.embeddings if row.enabled is not False and row.name not in opened}
    return OpenedModels(models, broken, frozenset(absent))


def _fingerprint(row: EmbeddingRow) -> str:
    """Of a model whose library keeps its weights: its name, and what else of the row shapes a passage's vector."""
    digest = hashlib.sha256(f"{row.model}|{row.passage_prefix}|{row.max_tokens}".encode()).hexdigest()[:8]
    return f"{row.provider}-{row.model[-50:]}-{digest}"


def _sparse(vector: Any) -> Sparse:
    return Sparse(list(vector.indices), list(vector.values))


def _unit(vector: Dense) -> Dense:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm > 0 else vector
