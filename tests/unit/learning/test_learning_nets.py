"""Nets over vectors: what they learn, which labels count, and how a head joins them with its words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from pilothouse.documents.claims import Encoder, Head, load_head, plain_text, prepare, task_of
from pilothouse.documents.claims.heads import spoken
from pilothouse.labels import unknown
from pilothouse.learning import Example, Examples, train_heads
from pilothouse.learning.net import fit_net

TASK = task_of(
    {
        "task": {"name": "halt", "languages": ["en"]},
        "types": {"stop": {"tightens": True}},
        "concepts": {"hold": {"en": ["hold"]}},
    }
)
SENTENCES = {
    "Keep it behind the gate": ("stop", 0), "Nobody may collect the box": ("stop", 1),
    "Do not let the unit leave": ("stop", 2), "Freeze the delivery for now": ("stop", 3),
    "When can we collect the box": ("", 4), "The papers are on their way": ("", 5),
    "Thank you for the quick answer": ("", 6), "We have paid this morning": ("", 7),
}  # fmt: skip


class Meanings:
    """An encoder whose first number is the meaning; the words do not show in it."""

    version = "meanings-1"

    async def encode(
        self, texts: Sequence[str], *, kind: Literal["query", "passage"] = "passage"
    ) -> NDArray[np.float32]:
        rows = np.random.default_rng(3).normal(0, 0.05, (len(texts), 8)).astype(np.float32)
        for at, text in enumerate(texts):
            rows[at, 0] = (
                1.0 if any(text.startswith(one) for one, (type_, _) in SENTENCES.items() if type_) else -1.0
            )
        return rows


def test_a_net_tells_types_apart_and_rows_without_weight_teach_nothing() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3000, 6)).astype(np.float32)
    truths = (np.abs(vectors[:, :2]) > 0.7).astype(np.float32)  # no line tells these apart
    weights = np.ones_like(truths)
    spoilt = truths.copy()
    spoilt[:1000] = 1 - spoilt[:1000]
    weights[:1000] = 0
    net = fit_net(vectors, spoilt, weights, seed=1)
    right = (net.score(vectors[1000:]) > 0) == (truths[1000:] > 0.5)
    assert right.mean() > 0.8
    again = fit_net(vectors, spoilt, weights, seed=1)
    assert np.array_equal(net.score(vectors), again.score(vectors))


def _trained(tmp_path: Path, encoder: Encoder | None) -> Head:
    rows = [
        Example(text=f"{text}, item {end}.", labels=frozenset({type_} if type_ else ()), id=f"{number}.{end}")
        for text, (type_, number) in SENTENCES.items()
        for end in ("red", "green", "blue", "old", "new", "small", "large")
    ]
    made = asyncio.run(
        train_heads(TASK, Examples(rows=tuple(rows), label=unknown("test")), tmp_path, encoder=encoder)
    )
    return load_head(made.folder, TASK, encoder=encoder)


def test_a_head_joins_words_and_vectors_and_keeps_both_in_its_files(tmp_path: Path) -> None:
    encoder = Meanings()
    head = _trained(tmp_path, encoder)
    assert head.blend is not None
    assert head.blend.vector[0] > 0
    marked = prepare(plain_text("Keep it behind the gate, item grey."), TASK).marked[0]
    vector = asyncio.run(encoder.encode([spoken(marked)]))[0]
    judged = head.judge([marked], {0: vector})[0]
    assert judged.opinions["stop"].p > 0.5
    assert head.judge([marked], {})[0].opinions == {}, "without its vectors it keeps silent"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Hold MSCU6639871 please.", "Hold the container please."),
        ("Bill HLCUANT240917 and 4711823.", "Bill the shipment and the invoice."),
        ("Write to a.b@firm.example in 3 days.", "Write to an e-mail address in 3 days."),
    ],
)
def test_an_encoder_reads_values_by_name(text: str, read: str) -> None:
    assert spoken(prepare(plain_text(text), TASK).marked[0]) == read
