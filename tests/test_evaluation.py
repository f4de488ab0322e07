from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from app.errors import AppError
from app.evaluation import Line, Question, evaluate, load, ndcg, recall, reciprocal_rank
from tests.conftest import settings_in

FOUND = ["a", "b", "c", "d", "e"]
PASSAGES = {
    "mechanicals": ("Royalties", "Mechanical royalties are paid to songwriters for every copy of a song."),
    "managers": ("Managers", "A personal manager takes fifteen to twenty percent of gross income."),
    "sunset": ("Managers", "A sunset clause lowers the commission in steps after the term has ended."),
    "rider": ("Touring", "A technical rider lists the microphones and monitors that a stage must have."),
    "sync": ("Licensing", "A sync licence lets a film use a song; the fee is agreed for each use."),
    "isrc": ("Releases", "Every recording carries an ISRC, a code of twelve characters, for reports."),
}
QUESTIONS = [
    ("How much does a manager take?", ["managers"]),
    ("What does a technical rider list?", ["rider"]),
    ("Who is paid mechanical royalties?", ["mechanicals"]),
    ("How does a sunset clause change commission after the term?", ["sunset"]),
]


def gold(*ids: str) -> frozenset[str]:
    return frozenset(ids)


def labelled(file: Path, **changes: Any) -> Path:
    data = {
        "passages": [{"id": key, "title": title, "text": text} for key, (title, text) in PASSAGES.items()],
        "questions": [{"id": n, "question": text, "gold": ids} for n, (text, ids) in enumerate(QUESTIONS)],
    }
    file.write_text(json.dumps({**data, **changes}), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("wanted", "depth", "value"),
    [
        (gold("a"), 1, 1.0),
        (gold("b"), 1, 0.0),
        (gold("b"), 5, 1.0),
        (gold("a", "e"), 4, 0.5),
        (gold("a", "x", "y"), 5, 1 / 3),
    ],
)
def test_recall_is_the_share_of_gold_found(wanted: frozenset[str], depth: int, value: float) -> None:
    assert recall(FOUND, wanted, depth) == pytest.approx(value)


@pytest.mark.parametrize(
    ("wanted", "depth", "value"),
    [
        (gold("a"), 10, 1.0),
        (gold("c"), 10, 1 / 3),
        (gold("e", "b"), 10, 1 / 2),
        (gold("e"), 4, 0.0),
        (gold("x"), 10, 0.0),
    ],
)
def test_reciprocal_rank_is_that_of_the_first_gold(wanted: frozenset[str], depth: int, value: float) -> None:
    assert reciprocal_rank(FOUND, wanted, depth) == pytest.approx(value)


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (gold("a"), 1.0),
        (gold("a", "b"), 1.0),
        (gold("b"), 1 / math.log2(3)),
        (gold("a", "c"), (1 + 1 / 2) / (1 + 1 / math.log2(3))),
        (gold("b", "e", "x"), (1 / math.log2(3) + 1 / math.log2(6)) / (1 + 1 / math.log2(3) + 1 / 2)),
        (gold("x"), 0.0),
    ],
)
def test_ndcg_by_hand(wanted: frozenset[str], value: float) -> None:
    assert ndcg(FOUND, wanted, 10) == pytest.approx(value)


def test_ndcg_looks_no_deeper_than_asked() -> None:
    assert ndcg(FOUND, gold("e"), 4) == 0.0
    assert ndcg(FOUND, frozenset(FOUND), 2) == pytest.approx(1.0), "more gold than places is no fault of the ranking"


def test_figures_are_means_over_the_questions() -> None:
    line = Line("ours", found=[["a", "b"], ["x", "c"], []], seconds=[0.001, 0.003, 0.002])
    figures = line.figures([Question("1", gold("a")), Question("2", gold("c")), Question("3", gold("d"))])
    assert figures["name"] == "ours"
    assert figures["recall@1"] == pytest.approx(1 / 3, abs=1e-4)
    assert figures["recall@5"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["mrr@10"] == pytest.approx((1 + 0.5) / 3, abs=1e-4)
    assert figures["ndcg@10"] == pytest.approx((1 + 1 / math.log2(3)) / 3, abs=1e-4)
    assert figures["p50_ms"] == 2.0


def test_one_time_is_its_own_percentile() -> None:
    figures = Line("ours", found=[["a"]], seconds=[0.004]).figures([Question("1", gold("a"))])
    assert (figures["p50_ms"], figures["p95_ms"]) == (4.0, 4.0)


def test_no_percentile_is_slower_than_the_slowest() -> None:
    line = Line("ours", found=[["a"]] * 3, seconds=[0.001, 0.002, 0.009])
    assert line.figures([Question("1", gold("a"))] * 3)["p95_ms"] <= 9.0


@pytest.mark.parametrize(
    "text",
    ["not json", "[]", "{}", '{"passages": [], "questions": []}', '{"passages": [{"id": 1}], "questions": []}', "null"],
)
def test_a_file_of_another_form_is_told_in_a_sentence(tmp_path: Path, text: str) -> None:
    (file := tmp_path / "labels.json").write_text(text, encoding="utf-8")
    with pytest.raises(AppError, match=r"labels\.json") as caught:
        load(file)
    assert caught.value.sentence.endswith(".")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="check the path"):
        load(tmp_path / "gone.json")


def test_questions_without_gold_are_left_out_and_numbers_are_ids(tmp_path: Path) -> None:
    asked = [{"question": "one", "gold": [7]}, {"question": "two", "gold": []}]
    passages = [{"id": 7, "title": "t", "text": "x"}]
    rows, questions = load(labelled(tmp_path / "labels.json", passages=passages, questions=asked))
    assert rows == [{"id": "7", "title": "t", "text": "x"}]
    assert questions == [Question("one", gold("7"))]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> dict[str, Any]:
    """One real evaluation, with a passage so long that it is cut into several chunks."""
    folder = tmp_path_factory.mktemp("evaluation")
    settings = settings_in(folder / "data", models_dir, llm={"provider": "none"})
    long = " ".join(f"Paragraph {number} tells of the harbour, the ferry and the weather." for number in range(60))
    passages = [{"id": key, "title": title, "text": text} for key, (title, text) in PASSAGES.items()]
    passages.append({"id": "long", "title": "Ferry", "text": long + " The pilot's whistle is made of brass."})
    questions = [{"question": text, "gold": ids} for text, ids in QUESTIONS]
    questions.append({"question": "What is the pilot's whistle made of?", "gold": ["long"]})
    said: list[str] = []
    file = labelled(folder / "labels.json", passages=passages, questions=questions)
    found = evaluate(settings, file, say=said.append)
    return {**found, "said": said, "left": sorted(path.name for path in (folder / "data").iterdir())}


def test_evaluate_prints_what_the_readme_promises(outcome: dict[str, Any]) -> None:
    assert (outcome["file"], outcome["questions"], outcome["passages"]) == ("labels.json", 5, 7)
    assert [line["name"] for line in outcome["results"]] == [
        "ours",
        "stock:reciprocal_rerank",
        "stock:relative_score",
        "stock:dist_based_score",
        "stock:simple",
        "index:minilm",
        "index:bm25",
    ]
    for line in outcome["results"]:
        assert set(line) == {"name", "recall@1", "recall@5", "mrr@10", "ndcg@10", "p50_ms", "p95_ms"}
        assert all(0 <= line[name] <= 1 for name in ("recall@1", "recall@5", "mrr@10", "ndcg@10"))
        assert line["recall@1"] <= line["recall@5"]
        assert line["p50_ms"] > 0
    assert outcome["said"] == ["Indexing 7 passages.", "Asking 5 questions."]


def test_every_ranking_finds_what_is_plainly_there(outcome: dict[str, Any]) -> None:
    for line in outcome["results"]:
        assert line["recall@5"] == 1.0, line["name"]
    [ours] = [line for line in outcome["results"] if line["name"] == "ours"]
    assert (ours["recall@1"], ours["mrr@10"], ours["ndcg@10"]) == (1.0, 1.0, 1.0)


def test_the_real_data_folder_is_left_alone(outcome: dict[str, Any]) -> None:
    assert outcome["left"] == ["models"]
