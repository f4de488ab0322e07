from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger

from app.config import ROOT, Settings, child_environment, load_settings
from app.errors import Unavailable
from app.indexes import cross_encoder, model_files
from app.indexes.cross_encoder import AbsentCrossEncoder, OnnxCrossEncoder, PairScorer, open_cross_encoder
from app.indexes.onnx import padded
from tests.tiny_cross import LONG_QUESTION, MAX_TOKENS, PASSAGES, QUESTION, TinyCross, tiny_cross

__all__ = ["tiny_cross"]


def settings(folder: Path, **row: Any) -> Settings:
    return load_settings(env={}, data={"dir": str(folder)}, retrieval={"cross_encoder": row})


def test_the_export_gives_the_scores_of_transformers(tiny_cross: TinyCross) -> None:
    """Pairs of all lengths in one call, the longest cut, by question and by passage."""
    scorer = PairScorer(tiny_cross.exported, max_tokens=MAX_TOKENS)
    assert np.ptp(tiny_cross.made["logits"][0]) > 0.1, "the model tells the pairs apart"
    for question, logits in zip((QUESTION, LONG_QUESTION), tiny_cross.made["logits"], strict=True):
        assert np.abs(scorer.score(question, PASSAGES) - logits).max() < 1e-4


def test_a_model_without_one_trained_score_is_refused(tiny_cross: TinyCross) -> None:
    """transformers itself would make up the weights that are not there, and only warn."""
    for name in ("two", "headless"):
        code, said = tiny_cross.made["refused"][name]
        assert code == 2
        assert said.splitlines()[-1] == (
            f"The model at {tiny_cross.folder / name} gives no single score for a pair; "
            "name a cross-encoder at retrieval.cross_encoder.model."
        )
    assert not (tiny_cross.folder / "out").exists()


def test_the_child_process_exports_int8_once(
    tiny_cross: TinyCross, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = settings(
        tmp_path, enabled=True, model=str(tiny_cross.folder / "cross"), max_tokens=MAX_TOKENS, precision="int8"
    )
    encoder = open_cross_encoder(row)
    assert isinstance(encoder, OnnxCrossEncoder)
    scores = encoder.score(QUESTION, PASSAGES, 30).result(30)
    encoder.close()
    assert np.corrcoef(scores, tiny_cross.made["logits"][0])[0, 1] > 0.9
    [folder] = (path for path in (tmp_path / "models").iterdir() if path.is_dir())
    assert json.loads((folder / "export.json").read_text())["precision"] == "int8"
    assert sorted(file.name for file in folder.iterdir()) == ["export.json", "model.onnx", "tokenizer.json"]
    monkeypatch.setattr(model_files, "run_export", lambda *_: pytest.fail("exported twice"))
    assert isinstance(open_cross_encoder(row), OnnxCrossEncoder)


def test_off_by_default_it_looks_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_encoder, "exported_cross_encoder", lambda *_: pytest.fail("looked for weights"))
    assert load_settings(env={}).retrieval.cross_encoder.enabled is False
    assert open_cross_encoder(load_settings(env={}, data={"dir": str(tmp_path)})) is None


def test_one_setting_can_come_from_the_environment() -> None:
    row = load_settings(env={"AIM_RETRIEVAL__CROSS_ENCODER__ENABLED": "true"}).retrieval.cross_encoder
    assert row == load_settings(env={}).retrieval.cross_encoder.model_copy(update={"enabled": True})


def opened_with_warning(row: Settings) -> tuple[str, list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="WARNING")
    try:
        encoder = open_cross_encoder(row)
    finally:
        logger.remove(sink)
    assert isinstance(encoder, AbsentCrossEncoder)
    with pytest.raises(Unavailable) as caught:
        encoder.score(QUESTION, PASSAGES, 1).result(1)
    assert caught.value.sentence == encoder.reason
    return encoder.reason, lines


def test_weights_that_are_not_here_are_a_warning_with_their_place(tmp_path: Path) -> None:
    reason, [line] = opened_with_warning(settings(tmp_path, enabled=True, model="somebody/absent"))
    assert reason == (
        "The weights of the cross-encoder are not on this machine; put the folder of somebody/absent at "
        f"{tmp_path / 'models' / 'source' / 'somebody--absent'}, or set data.download_models to true."
    )
    assert "cross-encoder not available" in line


def test_a_damaged_file_is_a_warning_too(tiny_cross: TinyCross, tmp_path: Path) -> None:
    row = settings(tmp_path, enabled=True, model=str(tiny_cross.folder / "cross"), precision="fp32")
    target = tmp_path / "models" / tiny_cross.exported.name
    target.mkdir(parents=True)
    (target / "export.json").write_text("{}")
    (target / "model.onnx").write_bytes(b"no graph")
    reason, lines = opened_with_warning(row)
    assert reason.startswith("The cross-encoder cannot be loaded (")
    assert reason.endswith("; check retrieval.cross_encoder in config.yaml.")
    assert len(lines) == 1


def test_work_whose_time_is_over_is_dropped(tiny_cross: TinyCross, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else questions would queue behind those that nobody waits for any more."""
    encoder, released = tiny_cross.encoder(workers=1), threading.Event()
    runs: list[int] = []

    def counted(rows: Any, pad: int) -> Any:
        runs.append(len(rows))
        return padded(rows, pad)

    monkeypatch.setattr(cross_encoder, "padded", counted)
    encoder._lane.submit(released.wait, 20)
    late = encoder.score(QUESTION, PASSAGES, 0.01)
    time.sleep(0.03)
    released.set()
    with pytest.raises(TimeoutError):
        late.result(10)
    assert runs == []
    assert len(encoder.score(QUESTION, PASSAGES, 10).result(10)) == len(PASSAGES)
    encoder.close()


def test_a_score_that_is_no_number_is_a_failure(tiny_cross: TinyCross, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def run(self, *_: Any) -> Any:
            return [np.float32("nan")]

    scorer = PairScorer(tiny_cross.exported, max_tokens=MAX_TOKENS)
    monkeypatch.setattr(scorer, "_session", Broken())
    with pytest.raises(ValueError, match="no number"):
        scorer.score(QUESTION, PASSAGES)


def test_serving_never_imports_torch(tiny_cross: TinyCross) -> None:
    code = (
        "import sys; from pathlib import Path; from app.indexes.cross_encoder import PairScorer\n"
        f"PairScorer(Path({str(tiny_cross.exported)!r}), max_tokens=32).score('who pays', ['the label'])\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), check=False, timeout=60)
    assert done.returncode == 0
