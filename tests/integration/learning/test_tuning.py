"""An encoder is tuned: its changes are computed beside the untouched weights, and refused elsewhere."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pilothouse.documents.claims import task_of
from pilothouse.kernel import DataError, UsageError
from pilothouse.labels import unknown
from pilothouse.learning import Example, Examples, Tuning, tune_encoder
from pilothouse.models.adapters.e5 import E5Small
from pilothouse.registry.packs import OpenPack, Packs

TRAIN_PYTHON = os.environ.get("TRAIN_PYTHON")
TEXTS = [
    "Please hold the container.",
    "ok",
    "Bitte geben Sie den Container nicht heraus, wir sind nicht bezahlt.",
]
TASK = task_of(
    {"task": {"name": "hold", "languages": ["en"]}, "types": {"hold": {"tightens": True}}}, where="test"
)
SAID = [(f"Please {verb} the {thing} {when}.", verb in ("keep", "block"))
        for verb in ("keep", "block", "wash", "weigh") for thing in ("box", "unit", "reefer")
        for when in ("now", "until we write", "for the whole of next week")]  # fmt: skip


@pytest.fixture(scope="module")
def pack(model_packs: Packs) -> OpenPack:
    return model_packs.open("e5-small")


def forward(network: Mapping[str, Any], changes: Mapping[str, Any], tokens: Any) -> Any:
    """The encoder in float64, as its paper has it: what the graph must come near."""

    def times(at: str, given: Any) -> Any:
        out = given @ network[f"{at}.w"].T + network[f"{at}.b"]
        return out + given @ changes[f"{at}.down"].T @ changes[f"{at}.up"].T if f"{at}.up" in changes else out

    def norm(given: Any, at: str) -> Any:
        off = given - given.mean(-1, keepdims=True)
        return (
            off / np.sqrt((off**2).mean(-1, keepdims=True) + 1e-12) * network[f"{at}.w"] + network[f"{at}.b"]
        )

    gelu = np.vectorize(lambda one: one * 0.5 * (1 + math.erf(one / math.sqrt(2))))
    hidden = norm(network["table"][tokens] + network["places"][: len(tokens)], "emb.ln")
    for layer in range(12):
        split = [
            times(f"l{layer}.{name}", hidden).reshape(len(tokens), 12, 32).swapaxes(0, 1) for name in "qkv"
        ]
        scores = np.exp(split[0] @ split[1].swapaxes(1, 2) / math.sqrt(32))
        met = (scores / scores.sum(-1, keepdims=True) @ split[2]).swapaxes(0, 1).reshape(len(tokens), -1)
        hidden = norm(hidden + times(f"l{layer}.ao", met), f"l{layer}.aln")
        hidden = norm(hidden + times(f"l{layer}.fo", gelu(times(f"l{layer}.fi", hidden))), f"l{layer}.oln")
    mean = hidden.mean(0)
    return mean / np.linalg.norm(mean)


def changes_for(network: Mapping[str, Any], size: float) -> dict[str, Any]:
    draw = np.random.default_rng(7)
    made: dict[str, Any] = {}
    for at in ("l0.q", "l5.fi", "l11.fo"):
        rows, columns = network[f"{at}.w"].shape
        made[f"{at}.down"] = draw.normal(0, size, (4, columns)).astype(np.float16)
        made[f"{at}.up"] = draw.normal(0, size, (rows, 4)).astype(np.float16)
    return made


async def test_changes_are_computed_beside_the_untouched_weights(pack: OpenPack, tmp_path: Path) -> None:
    bare = E5Small(pack)
    network = await bare.unpacked(TEXTS)
    changes = changes_for(network, 0.2)
    np.savez(tmp_path / "delta.npz", base=network["base"], **changes)
    tuned = E5Small(pack, delta=tmp_path / "delta.npz")
    rows = np.split(network["tokens"], network["ends"][:-1])
    for encoder, added in ((bare, {}), (tuned, changes)):
        found = await encoder.encode(TEXTS, kind="query")
        wanted = np.stack([forward(network, added, tokens) for tokens in rows])
        assert ((found * wanted).sum(1) > 0.999).all()
    moved = (await bare.encode(TEXTS, kind="query") * await tuned.encode(TEXTS, kind="query")).sum(1)
    assert (moved < 0.999).all()
    assert bare.version != tuned.version
    assert tuned.version == E5Small(pack, delta=tmp_path / "delta.npz").version
    alone = [await E5Small(pack, delta=tmp_path / "delta.npz").encode([text], kind="query") for text in TEXTS]
    assert np.array_equal(np.concatenate(alone), await tuned.encode(TEXTS, kind="query"))


@pytest.mark.parametrize("fault", ["base", "half", "shape", "nan", "text", "strange"])
async def test_changes_that_do_not_fit_are_refused(pack: OpenPack, tmp_path: Path, fault: str) -> None:
    network = await E5Small(pack).unpacked(["a"])
    changes: dict[str, Any] = {"base": network["base"], **changes_for(network, 0.1)}
    path = tmp_path / "delta.npz"
    if fault == "base":
        changes["base"] = np.array("0" * 64)
    if fault == "half":
        del changes["l0.q.up"]
    if fault == "shape":
        changes["l0.q.up"] = changes["l0.q.up"][:100]
    if fault == "nan":
        changes["l0.q.up"][0, 0] = np.nan
    if fault == "strange":
        changes["l99.q.down"], changes["l99.q.up"] = changes.pop("l0.q.down"), changes.pop("l0.q.up")
    np.savez(path, **changes)
    if fault == "text":
        path.write_text("no arrays")
    with pytest.raises(DataError) as caught:
        await E5Small(pack, delta=path).encode(["a"])
    assert caught.value.code == "models.delta"


def examples(said: list[tuple[str, bool]] = SAID) -> Examples:
    rows = [Example(text=text, labels=frozenset({"hold"} if held else ()), id=str(at), source="")
            for at, (text, held) in enumerate(said)]  # fmt: skip
    return Examples(rows=tuple(rows), label=unknown("test"), licence="CC0-1.0")


async def test_an_interpreter_without_the_extra_is_told_so(pack: OpenPack, tmp_path: Path) -> None:
    tuning = Tuning(folder=tmp_path, python=Path(sys.executable))
    with pytest.raises(UsageError) as caught:
        await tune_encoder([(TASK, examples())], E5Small(pack), tuning)
    assert caught.value.code == "learning.no_train"


async def test_texts_that_claim_nothing_teach_nothing(pack: OpenPack, tmp_path: Path) -> None:
    harmless = examples([(text, False) for text, _ in SAID])
    with pytest.raises(DataError) as caught:
        await tune_encoder([(TASK, harmless)], E5Small(pack), Tuning(folder=tmp_path))
    assert caught.value.code == "learning.too_few"


@pytest.mark.timeout(1800)
@pytest.mark.skipif(TRAIN_PYTHON is None, reason="opt in: TRAIN_PYTHON names an interpreter with [train]")
async def test_a_tuned_encoder_lays_apart_what_the_task_keeps_apart(pack: OpenPack, tmp_path: Path) -> None:
    tuning = Tuning(folder=tmp_path, epochs=12, batch=8, python=Path(str(TRAIN_PYTHON)))
    delta = await tune_encoder([(TASK, examples())], E5Small(pack), tuning)

    async def margin(encoder: E5Small) -> float:
        """Words and a language it was not tuned on: how much nearer the like is than the other."""
        held = await encoder.encode(
            ["Block that crate till Friday.", "Bitte die Kiste blockieren."], kind="query"
        )
        fine = await encoder.encode(["Wash that crate till Friday.", "Bitte die Kiste wiegen."], kind="query")
        return float(held[0] @ held[1] - max(held[0] @ fine[0], held[1] @ fine[1], held[0] @ fine[1]))

    assert await margin(E5Small(pack, delta=delta)) > await margin(E5Small(pack)) + 0.1
