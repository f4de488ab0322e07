from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.indexes.model_files import exported_folder
from app.indexes.onnx import SLICE, OnnxEncoder
from tests.tiny_bert import MINILM_TEXTS, TEXTS, TINY_TOKENS, TorchMade, cosines, minilm_row, torch_made

__all__ = ["torch_made"]


def tiny(made: TorchMade, pooling: str, max_tokens: int = TINY_TOKENS) -> OnnxEncoder:
    folder, _ = exported_folder(made.row(pooling=pooling), made.settings(made.row()).data)
    return OnnxEncoder(folder, max_tokens=max_tokens, threads=1)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_vectors_are_torchs_own_for_both_ways_of_pooling(torch_made: TorchMade, pooling: str) -> None:
    vectors = tiny(torch_made, pooling).encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 32)
    assert vectors.dtype == np.float32
    assert cosines(vectors, torch_made.vectors[pooling]).min() > 0.9999
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_two_ways_of_pooling_and_the_texts_differ(torch_made: TorchMade) -> None:
    cls, mean = torch_made.vectors["cls"], torch_made.vectors["mean"]
    assert cosines(cls, mean).min() < 0.99
    assert cosines(cls[:-1], cls[1:]).max() < 0.99
    assert cosines(mean[:-1], mean[1:]).max() < 0.99


def test_a_text_keeps_its_vector_whatever_it_is_batched_with(torch_made: TorchMade) -> None:
    encoder = tiny(torch_made, "mean")
    many = [TEXTS[number % len(TEXTS)] for number in range(2 * SLICE + 3)]
    together = encoder.encode(many)
    alone = np.vstack([encoder.encode([text]) for text in many])
    assert together == pytest.approx(alone, abs=1e-5)


def test_the_row_of_the_settings_says_where_a_text_is_cut(torch_made: TorchMade) -> None:
    longer = ["ten " * 40, "ten " * 39 + "tour"]
    cut = tiny(torch_made, "mean").encode(longer)
    assert cosines(cut[:1], cut[1:])[0] > 0.99999
    whole = tiny(torch_made, "mean", max_tokens=60).encode(longer)
    assert cosines(whole[:1], whole[1:])[0] < 0.9999


def test_minilm_is_sentence_transformers_minilm_beyond_128_tokens(torch_made: TorchMade, models_dir: Path) -> None:
    """The packaged tokenizer.json cuts and pads at 128; the model reads 256."""
    exact_folder, _ = exported_folder(minilm_row(precision="fp32"), torch_made.settings(minilm_row()).data)
    exact = OnnxEncoder(exact_folder, max_tokens=256, threads=1).encode(MINILM_TEXTS)
    assert cosines(exact, torch_made.vectors["minilm"]).min() > 0.9999
    [small_folder] = models_dir.glob("minilm-????????")
    small = OnnxEncoder(small_folder, max_tokens=256, threads=1).encode(MINILM_TEXTS)
    assert cosines(small, torch_made.vectors["minilm"]).min() > 0.97
    assert cosines(small, exact).min() < 0.99999, "the default is the int8 graph"


def test_words_after_the_128th_token_count(models_dir: Path) -> None:
    [folder] = models_dir.glob("minilm-????????")
    encoder = OnnxEncoder(folder, max_tokens=256, threads=1)
    start = "clause " * 150
    vectors = encoder.encode([start + "royalties", start + "passport"])
    assert cosines(vectors[:1], vectors[1:])[0] < 0.999


def test_several_threads_may_encode_at_once(torch_made: TorchMade) -> None:
    from concurrent.futures import ThreadPoolExecutor

    encoder = tiny(torch_made, "cls")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: encoder.encode(TEXTS), range(12)))
    assert all(cosines(result, torch_made.vectors["cls"]).min() > 0.9999 for result in results)
