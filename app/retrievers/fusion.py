"""Rank fusion: pure functions over ranked lists, keyed by (kb, chunk id). No text, no database, no engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.models import KB

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


def candidates(lists: Sequence[RankedList], depth: int) -> list[Key]:
    """Every key within the first `depth` places of some list, in order of first appearance."""
    return list(dict.fromkeys((ranked.kb, chunk_id) for ranked in lists for chunk_id, _ in ranked.hits[:depth]))


def weighted_rrf(lists: Sequence[RankedList], *, k: int = 60) -> list[Fused]:
    """Reciprocal rank fusion, sum of weight / (k + rank), scaled so that first place everywhere is 1.

    Cormack, Clarke and Buettcher, SIGIR 2009, k = 60 there; the weights are ours (LlamaIndex ignores them in this mode).
    """
    keys, similarity, ranks, weights = _table(lists)
    with np.errstate(invalid="ignore"):
        parts = np.where(np.isnan(ranks), 0.0, weights[:, None] / (k + ranks))
    best = float(weights.sum()) / (k + 1) or 1.0
    return _ordered(keys, parts.sum(axis=0) / best, lists, similarity, ranks)


def calibrated_scores(lists: Sequence[RankedList], filled: Sequence[RankedList] = ()) -> list[Fused]:
    """Weighted mean of each model's similarities, scaled to 0..1 between the model's lowest and highest.

    `filled` holds similarities of candidates that an index had not among its first ones; what is missing even so counts
    as the lowest. Meanings are scaled over both kbs, which keeps a weak kb weak: its best passage does not become a 1 of
    its own. Word scores are scaled within each kb: a word is rare or common in its own corpus.
    """
    keys, similarity, ranks, weights = _table(lists, filled)
    if not keys:
        return []
    sparse = {ranked.model for ranked in lists if ranked.sparse}
    rows = np.array([model in sparse for model in dict.fromkeys(ranked.model for ranked in lists)])
    scaled = _scaled(similarity)
    for kb in {kb for kb, _ in keys}:
        mine = np.array([one == kb for one, _ in keys])
        scaled[np.ix_(rows, mine)] = _scaled(similarity[np.ix_(rows, mine)])
    total = float(weights.sum()) or 1.0
    return _ordered(keys, (weights @ scaled) / total, lists, similarity, ranks)


def shortlist(fused: Sequence[Fused], limit: int) -> list[Fused]:
    """The first `limit`, of which every kb has its even part as far as it goes: a small kb is not crowded out before the
    quotas are applied. The order stays.
    """
    kbs = {row.kb for row in fused}
    room = dict.fromkeys(kbs, limit // max(len(kbs), 1))
    kept: set[Key] = set()
    for row in fused:
        if room[row.kb] > 0:
            room[row.kb] -= 1
            kept.add(row.key)
    for row in fused:
        if len(kept) >= limit:
            break
        kept.add(row.key)
    return [row for row in fused if row.key in kept]


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


def _table(
    lists: Sequence[RankedList], filled: Sequence[RankedList] = ()
) -> tuple[list[Key], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Keys, and two arrays of shape (models, keys), similarities and ranks, NaN where a model has none; and the weights."""
    models = list(dict.fromkeys(ranked.model for ranked in lists))
    keys = candidates(lists, depth=max((len(ranked.hits) for ranked in lists), default=0))
    column = {key: i for i, key in enumerate(keys)}
    similarity = np.full((len(models), len(keys)), np.nan)
    ranks = np.full((len(models), len(keys)), np.nan)
    weights = np.zeros(len(models))
    for ranked in lists:
        row = models.index(ranked.model)
        weights[row] = ranked.weight
        for place, (chunk_id, value) in enumerate(ranked.hits, start=1):
            similarity[row, column[ranked.kb, chunk_id]] = value
            ranks[row, column[ranked.kb, chunk_id]] = place
    for extra in filled:
        for chunk_id, value in extra.hits:
            if (spot := column.get((extra.kb, chunk_id))) is not None and extra.model in models:
                similarity[models.index(extra.model), spot] = value
    return keys, similarity, ranks, weights


def _scaled(similarity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row between 0 (its lowest, or missing) and 1; a row of equal values is 1 throughout."""
    # fmin and fmax pass over NaN without nanmin's warning about a model that found nothing at all.
    low = np.fmin.reduce(similarity, axis=1, keepdims=True)
    high = np.fmax.reduce(similarity, axis=1, keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    scaled: NDArray[np.float64] = np.nan_to_num((similarity - low) / span + (high == low), nan=0.0)
    return scaled.clip(0.0, 1.0)


def _ordered(
    keys: list[Key],
    scores: NDArray[np.float64],
    lists: Sequence[RankedList],
    similarity: NDArray[np.float64],
    ranks: NDArray[np.float64],
) -> list[Fused]:
    """Best first; equal scores are ordered by id, so that the same question gives the same list."""
    models = list(dict.fromkeys(ranked.model for ranked in lists))
    rows = [
        Fused(
            kb,
            chunk_id,
            float(scores[i]),
            {model: int(ranks[m, i]) for m, model in enumerate(models) if not np.isnan(ranks[m, i])},
            {model: float(similarity[m, i]) for m, model in enumerate(models) if not np.isnan(similarity[m, i])},
        )
        for i, (kb, chunk_id) in enumerate(keys)
    ]
    return sorted(rows, key=lambda row: (-row.score, row.kb, row.chunk_id))
