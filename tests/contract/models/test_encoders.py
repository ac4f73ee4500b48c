"""What every encoder promises, on its real weights: nothing is cut, company does not matter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from pilothouse.kernel import UsageError
from pilothouse.models import Encoder
from pilothouse.models.adapters.e5 import E5Small
from pilothouse.models.adapters.encoding import EncoderWeights, ThreadedEncoder
from pilothouse.models.adapters.onnx_minilm import OnnxMiniLM
from pilothouse.registry.packs import Packs


@dataclass(frozen=True)
class Offered:
    opened: Callable[[EncoderWeights], ThreadedEncoder]
    pack: str
    exact: bool  # rows of a batch are bit by bit those of a text alone


OFFERED = {
    "minilm": Offered(OnnxMiniLM, "minilm", exact=False),
    "e5-small": Offered(E5Small, "e5-small", exact=True),
}


@pytest.fixture(scope="module", params=sorted(OFFERED))
def offered(request: pytest.FixtureRequest) -> Offered:
    return OFFERED[request.param]


@pytest.fixture(scope="module")
def encoder(offered: Offered, model_packs: Packs) -> Iterator[ThreadedEncoder]:
    made = offered.opened(model_packs.open(offered.pack))
    yield made
    made.close()


async def test_its_version_is_its_weights(
    offered: Offered, encoder: ThreadedEncoder, model_packs: Packs
) -> None:
    port: Encoder = encoder
    assert len(port.version) == 64
    again = offered.opened(model_packs.open(offered.pack))
    assert again.version == encoder.version
    again.close()


async def test_a_vector_does_not_depend_on_the_company(
    offered: Offered, encoder: ThreadedEncoder, model_packs: Packs
) -> None:
    """Padding, batches and what was asked before must not leak."""
    lot = random.Random(7)
    words = ["hold", "release", "customs", "gate", "Siegel", "palette", "tormenta", "nabrzeże", "não"]
    texts = [" ".join(lot.choices(words, k=lot.randrange(1, 90))) for _ in range(40)]
    other = offered.opened(model_packs.open(offered.pack))
    together = await encoder.encode(texts)
    alone = np.concatenate([await other.encode([text]) for text in reversed(texts)])[::-1]
    other.close()
    shuffled = (await encoder.encode(texts[::-1]))[::-1]
    for rows in (alone, shuffled):
        assert np.array_equal(rows, together) if offered.exact else np.allclose(rows, together, atol=5e-3)
    assert (together * alone).sum(axis=1).min() > 0.9999


async def test_many_at_once_are_each_right(encoder: ThreadedEncoder) -> None:
    texts = ["Hold the box.", "The seal was broken.", "When does the vessel arrive?"]
    wanted = await encoder.encode(texts)
    found = await asyncio.gather(*(encoder.encode([text, text]) for text in texts))
    for rows, vector in zip(found, wanted, strict=True):
        assert np.allclose(rows, np.stack([vector, vector]), atol=5e-3)
        assert np.array_equal(rows[0], rows[1])


async def test_a_long_text_is_windowed_and_said_so(encoder: ThreadedEncoder) -> None:
    filler = "The weather at the terminal was calm and the cranes worked as planned. " * 60
    ending = "Container MSKU1234567 is contaminated with poison."
    report = await encoder.encode_reported(["short", filler, filler + ending])
    assert report.windows[0] == 1
    assert report.windows[1] > 1
    assert float(report.vectors[1] @ report.vectors[2]) < 0.9999, "the end of a long text was cut"
    again = await encoder.encode_reported([filler])
    assert again.windows[0] == report.windows[1]


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "\ud800", "</s>", "🚢" * 500, "é" * 3000, "a\u0301" * 700, "x" * 20_000]
)
async def test_odd_texts_have_a_vector_too(encoder: ThreadedEncoder, text: str) -> None:
    (vector,) = await encoder.encode([text])
    assert vector.shape == (encoder.dimensions,)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5


async def test_no_texts_are_no_rows(encoder: ThreadedEncoder) -> None:
    assert (await encoder.encode([])).shape == (0, encoder.dimensions)


def test_another_pack_is_refused(offered: Offered, model_packs: Packs) -> None:
    with pytest.raises(UsageError) as caught:
        offered.opened(model_packs.open("smollm2"))
    assert caught.value.code == "packs.no_file"
