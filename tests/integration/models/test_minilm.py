"""The embedded encoder on its real weights: near things are near, windows cover a text."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

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


async def test_an_answer_is_nearest_to_its_question(encoder: OnnxMiniLM) -> None:
    asked = await encoder.encode(list(QUESTIONS), kind="query")
    said = await encoder.encode(list(QUESTIONS.values()))
    assert asked.shape == said.shape == (4, encoder.dimensions)
    assert asked.dtype == np.float32
    assert np.allclose(np.linalg.norm(said, axis=1), 1, atol=1e-5)
    assert (asked @ said.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


async def test_the_windows_of_a_long_text_cover_it(encoder: OnnxMiniLM) -> None:
    text = "The weather at the terminal was calm and the cranes worked as planned. " * 40
    windows = await encoder.windows(text)
    assert len(windows) == (await encoder.encode_reported([text])).windows[0] > 1
    assert (windows[0].start, windows[-1].end) == (0, len(text))
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert all(0 < window.tokens <= 254 for window in windows)


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800", "🚢" * 500, "a\u0301" * 700, "x" * 20_000])
async def test_the_windows_of_odd_texts_cover_them(encoder: OnnxMiniLM, text: str) -> None:
    windows = await encoder.windows(text)
    assert windows[0].start == 0
    assert windows[-1].end == len(text)
