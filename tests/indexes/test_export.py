from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import ROOT, DataSettings, child_environment
from app.errors import Unavailable
from app.indexes import export, model_files
from app.indexes.model_files import exported_folder, is_enabled, source_folder
from app.indexes.onnx import OnnxEncoder
from tests.tiny_bert import SMALL, TEXTS, TINY_TOKENS, TorchMade, cosines, minilm_row, torch_made

__all__ = ["torch_made"]


def test_weights_that_are_not_the_published_ones_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"somebody else's")
    code = export.main([str(tmp_path), str(tmp_path / "out"), "--known", "all-MiniLM-L6-v2"])
    assert code == 2
    assert capsys.readouterr().err == (
        "The weights of the embedding model differ from the published ones; reinstall its package.\n"
    )
    assert not (tmp_path / "out").exists()


def test_the_packaged_minilm_has_the_published_weights() -> None:
    folder = source_folder(minilm_row(), DataSettings())
    assert folder is not None
    assert export._weights_match(folder, export.KNOWN_WEIGHTS["all-MiniLM-L6-v2"])


def test_the_refusal_reaches_the_user_as_that_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"somebody else's")
    monkeypatch.setattr(model_files, "source_folder", lambda *_: tmp_path)
    with pytest.raises(Unavailable, match="differ from the published ones; reinstall its package"):
        exported_folder(minilm_row(), DataSettings(dir=tmp_path))


def test_an_export_that_fails_is_told_in_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "empty"
    source.mkdir()
    monkeypatch.setattr(model_files, "source_folder", lambda *_: source)
    with pytest.raises(Unavailable, match=f"^The embedding model 'minilm' could not be prepared from {source}.$"):
        exported_folder(minilm_row(), DataSettings(dir=tmp_path))
    assert list((tmp_path / "models").glob("*/")) == []


def test_weights_that_are_not_here_are_named_with_their_place(tmp_path: Path) -> None:
    row = minilm_row(name="bge", model="BAAI/bge-base-en-v1.5")
    with pytest.raises(Unavailable) as caught:
        exported_folder(row, DataSettings(dir=tmp_path))
    assert str(tmp_path / "models" / "source" / "BAAI--bge-base-en-v1.5") in caught.value.sentence
    assert "data.download_models" in caught.value.sentence


def test_weights_in_the_data_folder_enable_a_row_and_are_exported_once(
    torch_made: TorchMade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = torch_made.row(model=SMALL, pooling="cls", precision="int8")
    assert not is_enabled(row, TorchMade(tmp_path).settings(row))
    settings = torch_made.settings(row)
    assert is_enabled(row, settings)
    monkeypatch.setattr(model_files, "_export", lambda *_: pytest.fail("exported twice"))
    folder, fingerprint = exported_folder(row, settings.data)
    assert sorted(file.name for file in folder.iterdir()) == ["export.json", "model.onnx", "tokenizer.json"]
    assert json.loads((folder / "export.json").read_text()) == {"dimension": 32, "precision": "int8"}
    assert "-int8-" in fingerprint
    vectors = OnnxEncoder(folder, max_tokens=TINY_TOKENS, threads=1).encode(TEXTS)
    assert 0.9 < cosines(vectors, torch_made.vectors["cls"]).min() < 0.99999


def test_the_fingerprint_follows_whatever_changes_passage_vectors(torch_made: TorchMade) -> None:
    data = torch_made.settings(torch_made.row()).data
    rows = [
        torch_made.row(),
        torch_made.row(pooling="cls"),
        torch_made.row(passage_prefix="passage: "),
        torch_made.row(max_tokens=16),
    ]
    fingerprints = [exported_folder(row, data)[1] for row in rows]
    assert len(set(fingerprints)) == len(rows)
    unchanged = torch_made.row(query_prefix="query: ", batch_size=3, weight=2)
    assert exported_folder(unchanged, data)[1] == fingerprints[0]
    assert max(map(len, fingerprints)) <= 80, "fits its column"


def test_an_int8_graph_that_strays_is_not_kept(
    torch_made: TorchMade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact, _ = exported_folder(torch_made.row(), torch_made.settings(torch_made.row()).data)
    folder = tmp_path / "copy"
    shutil.copytree(exact, folder)
    monkeypatch.setattr(export, "MINIMUM_COSINE", 1.01)
    export._quantize(folder, 384)
    assert sorted(file.name for file in folder.iterdir()) == ["export.json", "model.onnx", "tokenizer.json"]
    assert json.loads((folder / "export.json").read_text())["precision"] == "fp32"
    assert (folder / "model.onnx").read_bytes() == (exact / "model.onnx").read_bytes()


def test_the_serving_process_never_imports_torch(tmp_path: Path) -> None:
    code = "import sys, app.indexes.embeddings, app.indexes.onnx, app.indexes.export, app.main; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), check=False, timeout=60)
    assert done.returncode == 0
