"""A cross-encoder of a few kilobytes with random weights, and what transformers itself makes of some pairs.

`python -m tests.tiny_cross FOLDER` does it in a process of its own, so that torch is never imported by the tests.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from app.config import CrossEncoderSettings, DataSettings
from app.indexes import model_files
from app.indexes.cross_encoder import OnnxCrossEncoder
from tests.processes import make_in_child

WORDS = (
    "what commission does the manager take takes a of seventeen percent gross income pays artist royalties on tour who"
    " record label fee shared ten twenty months term studio merchandise"
).split()
QUESTION = "What commission does the manager take?"
PASSAGES = (
    "royalties are shared",
    "the manager takes a commission of twenty percent of gross income on tour",
    "income",
    "the label pays the artist ten percent of the royalties on a record",
    "ten " * 60,  # longer than MAX_TOKENS
    "unheard of",
)
LONG_QUESTION = "what commission " * 30
MAX_TOKENS = 32


@dataclass(frozen=True)
class TinyCross:
    """`folder` is a data folder with the fp32 export in `models/` and the model in `cross/`."""

    folder: Path

    @property
    def data(self) -> DataSettings:
        return DataSettings(dir=self.folder)

    def row(self, **values: Any) -> CrossEncoderSettings:
        row = {"enabled": True, "model": str(self.folder / "cross"), "precision": "fp32", "max_tokens": MAX_TOKENS}
        return CrossEncoderSettings.model_validate(row | values)

    @property
    def exported(self) -> Path:
        return model_files.exported_cross_encoder(self.row(), self.data)

    def encoder(self, workers: int = 1) -> OnnxCrossEncoder:
        return OnnxCrossEncoder(self.exported, max_tokens=MAX_TOKENS, workers=workers)

    @cached_property
    def made(self) -> dict[str, Any]:
        """logits: transformers on QUESTION and LONG_QUESTION beside PASSAGES; refused: what the export says of others."""
        made: dict[str, Any] = json.loads((self.folder / "made.json").read_text(encoding="utf-8"))
        return made


@pytest.fixture(scope="session")
def tiny_cross(tmp_path_factory: pytest.TempPathFactory) -> TinyCross:
    """Made once for the whole run, although several test modules import this fixture."""
    folder = tmp_path_factory.getbasetemp() / "tiny-cross"
    if not (folder / "made.json").exists():
        make_in_child("tests.tiny_cross", folder)
    return TinyCross(folder)


# The child


def main(folder: Path) -> None:
    _save_models(folder)
    logits = [_logits(folder / "cross", question) for question in (QUESTION, LONG_QUESTION)]
    refused = {name: _export(folder / name, folder / "out", []) for name in ("two", "headless")}

    def here(options: list[str], source: Path, target: Path, what: str) -> None:
        assert _export(source, target, options) == [0, ""]

    model_files.run_export = here  # one import of torch; the child process of its own is tested too
    model_files.exported_cross_encoder(TinyCross(folder).row(), DataSettings(dir=folder))
    (folder / "made.json").write_text(json.dumps({"logits": logits, "refused": refused}), encoding="utf-8")


def _export(source: Path, target: Path, options: list[str]) -> list[Any]:
    from app.indexes import export

    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = export.main([str(source), str(target), *(options or ["--pooling", "pairs"])])
    return [code, said.getvalue() if code else ""]


def _save_models(folder: Path) -> None:
    """`cross`: one score for a pair; `two`: two classes; `headless`: an encoder whose folder says one label, without a head."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    vocabulary = {word: number for number, word in enumerate((*special, *dict.fromkeys(WORDS)))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )  # fmt: skip
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    torch.manual_seed(11)
    shape = {
        "vocab_size": len(vocabulary), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": 64, "initializer_range": 0.5,
    }  # fmt: skip
    for name, kind, labels in (
        ("cross", BertForSequenceClassification, 1), ("two", BertForSequenceClassification, 2), ("headless", BertModel, 1),
    ):  # fmt: skip
        kind(BertConfig(num_labels=labels, **shape)).eval().save_pretrained(folder / name)
        fast.save_pretrained(folder / name)


def _logits(folder: Path, question: str) -> list[float]:
    """One pair at a time through transformers' own tokenizer: nothing of ours is involved."""
    import torch
    from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    logits = []
    for passage in PASSAGES:
        with torch.no_grad():
            pair = tokenizer(
                question,
                passage,
                truncation=True,
                max_length=MAX_TOKENS,
                return_token_type_ids=True,
                return_tensors="pt",
            )
            logits.append(float(model(**pair).logits[0, 0]))
    return logits


if __name__ == "__main__":
    main(Path(sys.argv[1]))
