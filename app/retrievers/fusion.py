"""Rank fusion: pure functions over ranked lists, keyed by (kb, chunk id). No text, no database, no engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.models import KB, KBS

Key = tuple[KB, str]


@dataclass(frozen=True, slots=True)
class RankedList:
    """What one index answered: (chunk id, similarity), best first. `weight` is the model's weight in the fusion.

    `sparse`: the similarities rest on word frequencies of their own kb, and say nothing beside another kb's.
    """

    kb: KB
    model: str
    weight: float
    hits: tuple[tuple[str, float], ...]
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Fused:
    """A candidate: its fused score (0 to 1, comparable within one question) and its rank (from 1) in each model's index."""

    kb: KB
    chunk_id: str
    score: float
    ranks: dict[str, int]
    similarities: dict[str, float]

    @property
    def key(self) -> Key:
        return self.kb, self.chunk_id


@dataclass(frozen=True, slots=True)
class _Table:
    """Every candidate that some index found, and two arrays of shape (models, candidates), similarities and ranks (from 1),
    NaN where a model has none.
    """

    models: list[str]
    weights: NDArray[np.float64]
    keys: list[Key]
    kbs: NDArray[np.int64]  # of each candidate, the place of its kb in KBS
    similarity: NDArray[np.float64]
    ranks: NDArray[np.float64]


def weighted_rrf(lists: Sequence[RankedList], *, k: int = 60, limit: int | None = None) -> list[Fused]:
    """Reciprocal rank fusion, sum of weight / (k + rank), scaled so that first place everywhere is 1.

    Cormack, Clarke and Buettcher, SIGIR 2009, k = 60 there; the weights are ours (LlamaIndex ignores them in this mode).
    `limit`: see `shortlist`.
    """
    table = _table(lists)
    with np.errstate(invalid="ignore"):
        parts = np.where(np.isnan(table.ranks), 0.0, table.weights[:, None] / (k + table.ranks))
    best = float(table.weights.sum()) / (k + 1) or 1.0
    return _ordered(table, parts.sum(axis=0) / best, limit)


def calibrated_scores(
    lists: Sequence[RankedList], filled: Sequence[RankedList] = (), *, limit: int | None = None
) -> list[Fused]:
    """Weighted mean of each model's similarities, scaled to 0..1 between the model's lowest and highest.

    `filled` holds similarities of candidates that an index had not among its first ones; what is missing even so counts
    as the lowest. Meanings are scaled over both kbs, which keeps a weak kb weak: its best passage does not become a 1 of
    its own. Word scores are scaled within each kb: a word is rare or common in its own corpus. `limit`: see `shortlist`.
    """
    table = _table(lists, filled)
    if not table.keys:
        return []
    words = {ranked.model for ranked in lists if ranked.sparse}
    scaled = _scaled(table.similarity)
    for row, model in enumerate(table.models):
        for kb in range(len(KBS)) if model in words else ():
            mine = table.kbs == kb
            if mine.any():
                scaled[row, mine] = _scaled(table.similarity[row : row + 1, mine])
    total = float(table.weights.sum()) or 1.0
    return _ordered(table, (table.weights @ scaled) / total, limit)


def shortlist(kbs: Sequence[KB], limit: int) -> list[int]:
    """Of candidates in order, given by their kb, the places of the first `limit`, of which every kb has its even part as
    far as it goes: a small kb is not crowded out before the quotas are applied. The order stays.
    """
    present = set(kbs)
    room = dict.fromkeys(present, limit // max(len(present), 1))
    kept: list[int] = []
    others: list[int] = []
    for place, kb in enumerate(kbs):
        (kept if room[kb] > 0 else others).append(place)
        room[kb] -= 1
    return sorted([*kept, *others[: limit - len(kept)]])


def take(fused: Sequence[Fused], top_k: int, personal_share: float) -> list[Fused]:
    """The best `top_k`, of which at least `personal_share` come from the personal kb and the rest from the global one,
    as far as each has that many; places one kb cannot fill go to the other. The order stays that of the scores.
    """
    personal_places = round(top_k * personal_share)
    quota = {"personal": personal_places, "global": top_k - personal_places}
    chosen: list[Fused] = []
    spare: list[Fused] = []
    for candidate in fused:
        if quota[candidate.kb] > 0:
            quota[candidate.kb] -= 1
            chosen.append(candidate)
        else:
            spare.append(candidate)
    chosen += spare[: top_k - len(chosen)]
    return sorted(chosen, key=lambda candidate: -candidate.score)


def _table(lists: Sequence[RankedList], filled: Sequence[RankedList] = ()) -> _Table:
    models = list(dict.fromkeys(ranked.model for ranked in lists))
    columns: dict[Key, int] = {}
    for ranked in lists:
        for chunk_id, _ in ranked.hits:
            columns.setdefault((ranked.kb, chunk_id), len(columns))
    similarity = np.full((len(models), len(columns)), np.nan)
    ranks = np.full((len(models), len(columns)), np.nan)
    weights = np.zeros(len(models))
    for ranked in lists:
        row, places = models.index(ranked.model), [columns[ranked.kb, chunk_id] for chunk_id, _ in ranked.hits]
        weights[row] = ranked.weight
        similarity[row, places] = [value for _, value in ranked.hits]
        ranks[row, places] = np.arange(1, len(places) + 1)
    for extra in filled:
        if extra.model in models:
            known = [(columns[extra.kb, one], value) for one, value in extra.hits if (extra.kb, one) in columns]
            similarity[models.index(extra.model), [place for place, _ in known]] = [value for _, value in known]
    keys = list(columns)
    kbs = np.array([KBS.index(kb) for kb, _ in keys], dtype=np.int64)
    return _Table(models, weights, keys, kbs, similarity, ranks)


def _scaled(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row between 0 (its lowest, or missing) and 1; a row of equal values is 1 throughout."""
    # fmin and fmax pass over NaN without nanmin's warning about a model that found nothing at all.
    low = np.fmin.reduce(similarity, axis=1, keepdims=True)
    high = np.fmax.reduce(similarity, axis=1, keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    scaled: NDArray[np.float64] = (similarity - low) / span + (high == low)
    scaled[np.isnan(scaled)] = 0.0
    return np.minimum(scaled, 1.0, out=scaled)


def _ordered(table: _Table, scores: NDArray[np.float64], limit: int | None) -> list[Fused]:
    """Best first; equal scores are ordered by id, so that the same question gives the same list. Only what stays of it
    becomes an object.
    """
    worth, keys = scores.tolist(), table.keys
    order = sorted(range(len(keys)), key=lambda place: (-worth[place], keys[place]))
    if limit is not None:
        order = [order[place] for place in shortlist([keys[place][0] for place in order], limit)]
    ranks, similarity = table.ranks[:, order].tolist(), table.similarity[:, order].tolist()
    return [
        Fused(
            *keys[place],
            worth[place],
            {model: int(row[at]) for model, row in zip(table.models, ranks, strict=True) if row[at] == row[at]},
            {model: row[at] for model, row in zip(table.models, similarity, strict=True) if row[at] == row[at]},
        )
        for at, place in enumerate(order)
    ]
