from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from app.models import KB
from app.retrievers.fusion import Fused, RankedList, calibrated_scores, shortlist, take, weighted_rrf

APPROX = 1e-9


def ranked(kb: KB, model: str, weight: float, *hits: tuple[str, float]) -> RankedList:
    return RankedList(kb, model, weight, hits)


def scores(fused: list[Fused]) -> dict[str, float]:
    return {row.chunk_id: row.score for row in fused}


def row(chunk_id: str, score: float, kb: KB = "personal") -> Fused:
    return Fused(kb, chunk_id, score, {}, {})


def test_rrf_is_the_weighted_sum_of_reciprocal_ranks() -> None:
    fused = weighted_rrf(
        [ranked("personal", "a", 0.6, ("x", 0.9), ("y", 0.8)), ranked("personal", "b", 0.4, ("y", 7.0), ("x", 6.0))],
        k=60,
    )
    best = (0.6 + 0.4) / 61
    assert [one.chunk_id for one in fused] == ["x", "y"]
    assert scores(fused)["x"] == pytest.approx((0.6 / 61 + 0.4 / 62) / best, abs=APPROX)
    assert scores(fused)["y"] == pytest.approx((0.6 / 62 + 0.4 / 61) / best, abs=APPROX)
    assert fused[0].ranks == {"a": 1, "b": 2}
    assert fused[0].similarities == {"a": 0.9, "b": 6.0}


def test_weights_decide_in_rrf_where_models_disagree() -> None:
    def order(a: float, b: float) -> list[str]:
        lists = [ranked("global", "a", a, ("x", 1), ("y", 0)), ranked("global", "b", b, ("y", 1), ("x", 0))]
        return [one.chunk_id for one in weighted_rrf(lists)]

    assert order(0.6, 0.4) == ["x", "y"]
    assert order(0.4, 0.6) == ["y", "x"]


def test_first_place_everywhere_scores_one() -> None:
    lists = [ranked("global", "a", 0.6, ("x", 0.3)), ranked("global", "b", 0.4, ("x", 2.0))]
    assert scores(weighted_rrf(lists)) == {"x": pytest.approx(1.0)}
    assert scores(calibrated_scores(lists)) == {"x": pytest.approx(1.0)}


def test_a_model_that_did_not_find_a_candidate_adds_nothing_in_rrf() -> None:
    [x, y] = weighted_rrf([ranked("global", "a", 0.6, ("x", 1)), ranked("global", "b", 0.4, ("y", 1))])
    assert (x.ranks, y.ranks) == ({"a": 1}, {"b": 1})
    assert scores([x, y]) == pytest.approx({"x": 0.6, "y": 0.4})


def test_calibrated_scores_are_weighted_means_between_each_models_lowest_and_highest() -> None:
    lists = [
        ranked("personal", "a", 0.6, ("x", 0.9), ("y", 0.5)),
        ranked("global", "a", 0.6, ("g", 0.7)),
        ranked("personal", "b", 0.4, ("y", 10.0)),
        ranked("global", "b", 0.4, ("g", 5.0)),
    ]
    # a: x 1, g 0.5, y 0. b: y 1, g 0, x missing, which counts as the lowest.
    assert scores(calibrated_scores(lists)) == pytest.approx({"x": 0.6, "y": 0.4, "g": 0.3})
    # b scored x when asked: now x is its lowest and g half-way.
    filled = [ranked("personal", "b", 0.4, ("x", 0.0))]
    fused = calibrated_scores(lists, filled)
    assert scores(fused) == pytest.approx({"x": 0.6, "g": 0.5, "y": 0.4})
    assert fused[0].ranks == {"a": 1}, "a similarity that was filled in is no rank"
    assert fused[0].similarities == {"a": 0.9, "b": 0.0}


def test_a_weak_kb_stays_weak() -> None:
    lists = [ranked("personal", "a", 1, ("x", 0.15), ("y", 0.1)), ranked("global", "a", 1, ("g", 0.9), ("h", 0.8))]
    assert [one.chunk_id for one in calibrated_scores(lists)] == ["g", "h", "x", "y"]


def test_calibration_sees_through_each_models_own_scale() -> None:
    source = random.Random(7)
    for _ in range(20):
        hits = [(f"c{i}", source.random()) for i in range(10)]
        other = [(f"c{i}", source.random()) for i in range(10)]
        plain = calibrated_scores([ranked("global", "a", 0.6, *hits), ranked("global", "b", 0.4, *other)])
        scaled = [(name, 40 * value - 7) for name, value in other]
        again = calibrated_scores([ranked("global", "a", 0.6, *hits), ranked("global", "b", 0.4, *scaled)])
        assert scores(again) == pytest.approx(scores(plain))
        assert all(0 <= value <= 1 for value in scores(plain).values())


def test_a_model_that_found_nothing_at_all_is_no_trouble() -> None:
    """BM25 finds nothing for a question in words that no document holds."""
    lists = [ranked("global", "a", 0.6, ("x", 0.9), ("y", 0.1)), ranked("global", "b", 0.4)]
    assert scores(calibrated_scores(lists)) == pytest.approx({"x": 0.6, "y": 0.0})
    assert scores(weighted_rrf(lists)) == pytest.approx({"x": 0.6, "y": 0.6 * 61 / 62})


def test_no_hits_give_no_candidates() -> None:
    for lists in ([], [ranked("global", "a", 0.6)]):
        assert calibrated_scores(lists) == []
        assert weighted_rrf(lists) == []


def test_the_same_chunk_in_both_kbs_stays_two_candidates() -> None:
    lists = [ranked("personal", "a", 1, ("x", 0.9)), ranked("global", "a", 1, ("x", 0.4))]
    for fused in (weighted_rrf(lists), calibrated_scores(lists)):
        found = {one.key: one.similarities for one in fused}
        assert found == {("personal", "x"): {"a": 0.9}, ("global", "x"): {"a": 0.4}}
    assert {one.key: one.score for one in calibrated_scores(lists)} == {("personal", "x"): 1.0, ("global", "x"): 0.0}


@pytest.mark.parametrize("fuse", [weighted_rrf, calibrated_scores])
def test_ties_are_ordered_by_id_whatever_the_order_of_the_lists(
    fuse: Callable[[list[RankedList]], list[Fused]],
) -> None:
    lists = [
        ranked("global", "a", 0.5, ("q", 0.9), ("p", 0.2)),
        ranked("global", "b", 0.5, ("p", 0.9), ("q", 0.2)),
        ranked("personal", "a", 0.5, ("o", 0.9), ("n", 0.2)),
        ranked("personal", "b", 0.5, ("n", 0.9), ("o", 0.2)),
    ]
    expected = [("global", "p"), ("global", "q"), ("personal", "n"), ("personal", "o")]
    for seed in range(10):
        random.Random(seed).shuffle(lists)
        assert [one.key for one in fuse(lists)] == expected


def test_take_keeps_places_for_both_kbs() -> None:
    fused = [row(f"g{i}", 1 - i / 10, "global") for i in range(6)] + [row(f"p{i}", 0.3 - i / 10) for i in range(3)]
    fused.sort(key=lambda one: -one.score)
    assert [one.chunk_id for one in take(fused, 4, 0.5)] == ["g0", "g1", "p0", "p1"]
    assert [one.chunk_id for one in take(fused, 4, 0.75)] == ["g0", "p0", "p1", "p2"]
    assert [one.chunk_id for one in take(fused, 4, 0.0)] == ["g0", "g1", "g2", "g3"]
    assert [one.chunk_id for one in take(fused, 4, 1.0)] == ["g0", "p0", "p1", "p2"], "a place it cannot fill goes on"


def test_take_holds_its_promise_for_any_mixture() -> None:
    source = random.Random(11)
    for _ in range(200):
        kbs: list[KB] = [source.choice(("personal", "global")) for _ in range(source.randrange(12))]
        fused = sorted((row(str(i), source.random(), kb) for i, kb in enumerate(kbs)), key=lambda one: -one.score)
        top_k, share = source.randrange(1, 9), source.choice((0.0, 0.25, 0.5, 0.75, 1.0))
        taken = take(fused, top_k, share)
        places = round(top_k * share)
        assert len(taken) == min(top_k, len(fused))
        assert [one.score for one in taken] == sorted((one.score for one in taken), reverse=True)
        for kb, promised in (("personal", places), ("global", top_k - places)):
            have = [one for one in fused if one.kb == kb]
            mine = [one for one in taken if one.kb == kb]
            assert len(mine) >= min(promised, len(have))
            assert mine == have[: len(mine)], "the best of each kb"


def test_word_scores_are_scaled_within_their_kb_and_meanings_over_both() -> None:
    """A user's three papers make every word common: their word scores are low, and no worse for it."""
    own, shared = (("p1", 0.4), ("p2", 0.1)), (("g1", 9.0), ("g2", 1.0))
    of_words = [RankedList("personal", "b", 1, own, sparse=True), RankedList("global", "b", 1, shared, sparse=True)]
    assert scores(calibrated_scores(of_words)) == {"p1": 1.0, "g1": 1.0, "p2": 0.0, "g2": 0.0}
    of_meanings = [RankedList("personal", "a", 1, own), RankedList("global", "a", 1, shared)]
    assert scores(calibrated_scores(of_meanings))["p1"] == pytest.approx(0.3 / 8.9)


def test_a_shortlist_keeps_an_even_part_of_each_kb() -> None:
    kbs: list[KB] = [*["global"] * 5, *["personal"] * 3]  # type: ignore[list-item]
    assert shortlist(kbs, 4) == [0, 1, 5, 6]
    assert shortlist(kbs, 7) == [0, 1, 2, 3, 5, 6, 7]
    assert shortlist(kbs[:5], 3) == [0, 1, 2]
    assert shortlist(kbs, 50) == list(range(8))
    assert shortlist([], 5) == []


@pytest.mark.parametrize("fuse", [weighted_rrf, calibrated_scores])
def test_a_limit_leaves_the_shortlist_of_the_whole_list(fuse: Callable[..., list[Fused]]) -> None:
    source = random.Random(3)
    sizes: dict[KB, int] = {"global": 9, "personal": 4}
    lists = [
        ranked(kb, model, 0.5, *sorted(((f"{kb}{n}", source.random()) for n in range(size)), key=lambda hit: -hit[1]))
        for kb, size in sizes.items()
        for model in ("a", "b")
    ]
    whole = fuse(lists)
    for limit in (1, 4, 10, 13, 50):
        assert fuse(lists, limit=limit) == [whole[place] for place in shortlist([one.kb for one in whole], limit)]
