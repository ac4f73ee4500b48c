"""The embedded encoder on its real weights: near things are near, nothing is cut, company does not matter."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from pilothouse.kernel import UsageError
from pilothouse.models import Encoder
from pilothouse.models.adapters.onnx_minilm import OnnxMiniLM
from pilothouse.registry.packs import Packs

QUESTIONS = {
    "Who pays for the storage?": "The consignee pays the storage charges after five free days.",
    "The box is being held": "The container must not be released until further notice.",
    "Can the cargo catch fire?": "The shipment holds lithium batteries, which may burn.",
    "When does the ship come in?": "The vessel is expected at berth 4 on Tuesday morning.",
}


@pytest.fixture(scope="module")
def encoder(model_packs: Packs) -> Iterator[OnnxMiniLM]:
    made = OnnxMiniLM(model_packs.open("minilm"))
    yield made
    made.close()


async def test_it_is_an_encoder_whose_version_is_its_weights(encoder: OnnxMiniLM, model_packs: Packs) -> None:
    port: Encoder = encoder
    assert len(port.version) == 64
    again = OnnxMiniLM(model_packs.open("minilm"))
    assert again.version == encoder.version
    again.close()


async def test_an_answer_is_nearest_to_its_question(encoder: OnnxMiniLM) -> None:
    asked = await encoder.encode(list(QUESTIONS), kind="query")
    said = await encoder.encode(list(QUESTIONS.values()))
    assert asked.shape == said.shape == (4, encoder.dimensions)
    assert asked.dtype == np.float32
    assert np.allclose(np.linalg.norm(said, axis=1), 1, atol=1e-5)
    assert (asked @ said.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


async def test_a_vector_does_not_depend_on_the_company(encoder: OnnxMiniLM) -> None:
    """Padding and batches must not leak: the same text is the same vector, alone or among others."""
    lot = random.Random(7)
    words = [
        "hold",
        "release",
        "customs",
        "invoice",
        "port",
        "gate",
        "weigh",
        "seal",
        "pallet",
        "storm",
        "berth",
    ]
    texts = [" ".join(lot.choices(words, k=lot.randrange(1, 90))) for _ in range(40)]
    together = await encoder.encode(texts)
    alone = np.concatenate([await encoder.encode([text]) for text in texts])
    assert (together * alone).sum(axis=1).min() > 0.9999
    shuffled = texts[::-1]
    assert np.allclose((await encoder.encode(shuffled))[::-1], together, atol=1e-5)


async def test_a_long_text_is_windowed_and_said_so(encoder: OnnxMiniLM) -> None:
    filler = "The weather at the terminal was calm and the cranes worked as planned. " * 40
    ending = "Container MSKU1234567 is contaminated with poison."
    report = await encoder.encode_reported(["short", filler, filler + ending])
    assert report.windows[0] == 1
    assert report.windows[1] > 1
    with_it, without = report.vectors[2], report.vectors[1]
    assert float(with_it @ without) < 0.9999, "the end of a long text was cut"
    windows = await encoder.windows(filler + ending)
    assert len(windows) == report.windows[2]
    assert (windows[0].start, windows[-1].end) == (0, len(filler + ending))
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert all(0 < window.tokens <= 254 for window in windows)


@pytest.mark.parametrize("text", ["", " ", "\0", "🚢" * 500, "é" * 3000, "a\u0301" * 700, "x" * 20_000])
async def test_odd_texts_have_a_vector_too(encoder: OnnxMiniLM, text: str) -> None:
    (vector,) = await encoder.encode([text])
    assert np.isfinite(vector).all()
    windows = await encoder.windows(text)
    assert windows[0].start == 0
    assert windows[-1].end == len(text)


async def test_no_texts_are_no_rows(encoder: OnnxMiniLM) -> None:
    assert (await encoder.encode([])).shape == (0, encoder.dimensions)


def test_another_pack_is_refused(model_packs: Packs) -> None:
    with pytest.raises(UsageError) as caught:
        OnnxMiniLM(model_packs.open("smollm2"))
    assert caught.value.code == "packs.no_file"
