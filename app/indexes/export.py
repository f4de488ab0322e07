"""Child process: `python -m app.indexes.export SOURCE TARGET --pooling mean|cls|pairs --precision int8|fp32`.

Turns a Hugging Face encoder folder into one ONNX file with pooling and L2 normalisation inside the graph; `pairs` a
cross-encoder into one that gives each pair its score. torch is imported here and nowhere else (design 5).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

# Published SHA-256 of all-MiniLM-L6-v2's weights (design 5).
KNOWN_WEIGHTS = {"all-MiniLM-L6-v2": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"}
OPSET = 17
# An int8 graph whose vectors stray further than this from fp32 is not kept (mean cosine 0.985 was measured for MiniLM).
MINIMUM_COSINE = 0.95
SAMPLES = (
    "The term of this agreement is three years from the effective date.",
    "How far ahead should a single be planned?",
    "Manager shall receive a commission of twenty percent of gross income.",
    "Pitch to playlist editors at least four weeks before release.",
    "governing law",
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m app.indexes.export", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--pooling", choices=("mean", "cls", "pairs"), default="mean")
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument("--known", default="", help="name of the model whose published SHA-256 the weights must have")
    options = parser.parse_args(arguments)
    if options.known in KNOWN_WEIGHTS and not _weights_match(options.source, KNOWN_WEIGHTS[options.known]):
        sys.stderr.write("The weights of the embedding model differ from the published ones; reinstall its package.\n")
        return 2
    try:
        export(options.source, options.target, options.pooling, options.precision)
    except NoCrossEncoder as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


class NoCrossEncoder(ValueError):
    """A model that was asked for as a cross-encoder, and whose scores would be made up."""


def export(source: Path, target: Path, pooling: str, precision: str) -> None:
    """Write model.onnx, tokenizer.json and export.json into `target`, complete or not at all."""
    import torch

    draft = target.with_name(target.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    model = _loaded(source, pairs=pooling == "pairs")
    takes_types = getattr(model.config, "type_vocab_size", 0) > 0
    graph = _pooled(model, pooling, takes_types)
    result = "score" if pooling == "pairs" else "vector"
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if takes_types else [])
    example = tuple(torch.ones((2, 8), dtype=torch.int64) for _ in names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracer remarks about constant shapes
        torch.onnx.export(
            graph, example, str(draft / "fp32.onnx"), input_names=names, output_names=[result],
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in names} | {result: {0: "batch"}},
            opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    shutil.copyfile(source / "tokenizer.json", draft / "tokenizer.json")
    dimension = int(model.config.hidden_size)
    _write_manifest(draft, dimension, "fp32")
    (draft / "fp32.onnx").rename(draft / "model.onnx")
    if precision == "int8":
        _quantize(draft, dimension, _scores if pooling == "pairs" else _vectors)
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)


def _loaded(source: Path, *, pairs: bool) -> Any:
    """The model; a cross-encoder must have one score for a pair, and the weights that make it."""
    from transformers import AutoModel, AutoModelForSequenceClassification

    kind = AutoModelForSequenceClassification if pairs else AutoModel
    model, found = kind.from_pretrained(
        str(source), attn_implementation="eager", local_files_only=True, output_loading_info=True
    )
    if pairs and (model.config.num_labels != 1 or found["missing_keys"]):
        raise NoCrossEncoder(
            f"The model at {source} gives no single score for a pair; name a cross-encoder at retrieval.cross_encoder.model."
        )
    return model.eval()


def _pooled(model: Any, pooling: str, takes_types: bool) -> Any:
    import torch

    class Pooled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            extra = {"token_type_ids": token_type_ids} if takes_types else {}
            output = self.model(input_ids=input_ids, attention_mask=attention_mask, **extra)
            if pooling == "pairs":
                return output.logits[:, 0]
            states = output.last_hidden_state
            if pooling == "cls":
                vector = states[:, 0]
            else:
                mask = attention_mask.unsqueeze(-1).to(states.dtype)
                vector = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(vector, p=2.0, dim=1)

    return Pooled()


def _vectors(folder: Path) -> Matrix:
    from app.indexes.onnx import OnnxEncoder

    return OnnxEncoder(folder, max_tokens=256, threads=1).encode(SAMPLES)


def _scores(folder: Path) -> Matrix:
    """Scores of every sample beside every other as one unit vector about their mean: their cosine is the correlation."""
    from app.indexes.cross_encoder import PairScorer

    scorer = PairScorer(folder, max_tokens=256)
    scores = np.concatenate([scorer.score(one, SAMPLES) for one in SAMPLES])
    scores -= scores.mean()
    unit: Matrix = (scores / (np.linalg.norm(scores) or 1.0)).astype(np.float32)[None, :]
    return unit


def _quantize(folder: Path, dimension: int, vectors: Callable[[Path], Matrix] = _vectors) -> None:
    """Replace model.onnx by its int8 form when that stays close to fp32 on this machine; else keep fp32."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    exact = vectors(folder)
    (folder / "model.onnx").rename(folder / "fp32.onnx")
    quantize_dynamic(folder / "fp32.onnx", folder / "model.onnx", weight_type=QuantType.QInt8, per_channel=True)
    close = vectors(folder)
    cosine = float(np.mean(np.sum(exact * close, axis=1)))
    if cosine >= MINIMUM_COSINE or dimension < 128:  # tiny test models have no room to be precise in
        (folder / "fp32.onnx").unlink()
        _write_manifest(folder, dimension, "int8")
    else:
        (folder / "fp32.onnx").replace(folder / "model.onnx")


def _write_manifest(folder: Path, dimension: int, precision: str) -> None:
    (folder / "export.json").write_text(json.dumps({"dimension": dimension, "precision": precision}), encoding="utf-8")


def _weights_match(source: Path, expected: str) -> bool:
    digest = hashlib.sha256()
    with (source / "model.safetensors").open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest() == expected


if __name__ == "__main__":
    raise SystemExit(main())
