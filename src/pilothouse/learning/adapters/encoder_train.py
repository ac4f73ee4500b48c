"""Owns one tuning of the encoder in a process of its own: sentences with claims in, low-rank changes out.

Run as a file by an interpreter that has the extra ``train``; the program that asks never imports torch. It
reads a job of JSON from the path given and the arrays beside it, prints one line of JSON now and then, and
writes ``delta.npz``. Low-rank changes: Hu et al. 2021, arXiv 2106.09685; targets are smoothed (Szegedy et al.
2016, arXiv 1512.00567), for some labels are wrong.
"""

# The training libraries are not in the environment of the checks, on purpose.
# pyright: reportMissingModuleSource=false, reportMissingImports=false, reportUnknownMemberType=false
from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

__all__: list[str] = []

MATRICES = ("q", "k", "v", "ao", "fi", "fo")
SHARPNESS = 3.0
"""A mean of hidden states is short; its logits are not."""
DROPPED = 0.1
EPSILON = 1e-12
HEAD_RATE = 3e-3


def _main(path: Path) -> int:
    job: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    import torch

    if torch.version.cuda is not None:
        _say(error="this torch was built for CUDA; install the CPU build, see the extra train")
        return 3
    torch.set_num_threads(int(job["threads"]))
    torch.manual_seed(int(job["seed"]))
    with np.load(path.parent / "arrays.npz", allow_pickle=False) as found:
        arrays = dict(found.items())
    network = _Network(arrays, job, _started(job))
    _train(network, arrays, job)
    changes = {name: one.detach().numpy().astype(np.float16) for name, one in network.changes.items()}
    part = path.parent / "delta.part.npz"
    np.savez(part, base=arrays["base"], **changes)
    part.replace(path.parent / "delta.npz")
    _say(event="trained", cpu_seconds=time.process_time())
    return 0


def _started(job: dict[str, Any]) -> dict[str, Any]:
    """Return the changes that an earlier training made, to go on from."""
    if not job.get("start"):
        return {}
    with np.load(job["start"], allow_pickle=False) as found:
        return {name: array.astype(np.float32) for name, array in found.items() if name != "base"}


class _Network:
    """The encoder in float32 with trainable changes, and a linear head that is thrown away."""

    def __init__(self, arrays: dict[str, Any], job: dict[str, Any], start: dict[str, Any]) -> None:
        import torch

        rank = int(job["rank"])

        self._fixed = {
            name: torch.from_numpy(np.ascontiguousarray(array))
            for name, array in arrays.items()
            if array.dtype == np.float32 and name not in ("truths", "weights")
        }
        self._heads = int(arrays["heads"])
        self.layers = sum(name.endswith(".q.w") for name in self._fixed)
        self.first = max(0, self.layers - int(job["layers"]))
        self.changes: dict[str, Any] = {}
        for layer in range(self.first, self.layers):
            for name in MATRICES:
                at = f"l{layer}.{name}"
                rows, columns = self._fixed[f"{at}.w"].shape
                down = start.get(f"{at}.down", np.random.default_rng(layer).normal(0, 0.02, (rank, columns)))
                up = start.get(f"{at}.up", np.zeros((rows, rank)))
                for side, numbers in (("down", down), ("up", up)):
                    made = torch.tensor(np.asarray(numbers, np.float32), requires_grad=True)
                    self.changes[f"{at}.{side}"] = made
        width = self._fixed["table"].shape[1]
        self.head = torch.nn.Linear(width, arrays["truths"].shape[1])

    def below(self, rows: list[Any], size: int) -> list[Any]:
        """Return what the untouched layers make of each row: it never changes, so it is made once."""
        import torch

        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        made: list[Any] = [None] * len(rows)
        with torch.no_grad():
            for start in range(0, len(order), size):
                batch = order[start : start + size]
                lot = [self._fixed["table"][torch.from_numpy(rows[at])] for at in batch]
                hidden, mask = _padded(lot)
                hidden = self._norm(hidden + self._fixed["places"][: hidden.shape[1]], "emb.ln")
                for layer in range(self.first):
                    hidden = self._layer(layer, hidden, _hides(mask), learning=False)
                for place, at in enumerate(batch):
                    made[at] = hidden[place, : len(rows[at])].half()
        return made

    def logits(self, lot: list[Any]) -> Any:
        """Return the scores of rows that :meth:`below` made; something is dropped from each."""
        import torch

        hidden, mask = _padded([one.float() for one in lot])
        for layer in range(self.first, self.layers):
            hidden = self._layer(layer, hidden, _hides(mask), learning=True)
        mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        return self.head(torch.nn.functional.dropout(mean, DROPPED) * SHARPNESS)

    def _layer(self, layer: int, given: Any, hidden_from: Any, *, learning: bool) -> Any:
        import torch

        functional = torch.nn.functional
        texts, tokens, width = given.shape

        def split(one: Any) -> Any:
            return one.view(texts, tokens, self._heads, width // self._heads).transpose(1, 2)

        asked, key, seen = (split(self._times(f"l{layer}.{name}", given)) for name in ("q", "k", "v"))
        met = functional.scaled_dot_product_attention(asked, key, seen, attn_mask=hidden_from)
        out = self._times(f"l{layer}.ao", met.transpose(1, 2).reshape(texts, tokens, width))
        between = self._norm(given + functional.dropout(out, DROPPED, learning), f"l{layer}.aln")
        wide = functional.gelu(self._times(f"l{layer}.fi", between))
        narrow = functional.dropout(self._times(f"l{layer}.fo", wide), DROPPED, learning)
        return self._norm(between + narrow, f"l{layer}.oln")

    def _times(self, at: str, given: Any) -> Any:
        import torch

        linear = torch.nn.functional.linear
        base = linear(given, self._fixed[f"{at}.w"], self._fixed[f"{at}.b"])
        if f"{at}.up" not in self.changes:
            return base
        return base + linear(linear(given, self.changes[f"{at}.down"]), self.changes[f"{at}.up"])

    def _norm(self, given: Any, at: str) -> Any:
        import torch

        weight, bias = self._fixed[f"{at}.w"], self._fixed[f"{at}.b"]
        return torch.nn.functional.layer_norm(given, weight.shape, weight, bias, EPSILON)


def _padded(lot: list[Any]) -> tuple[Any, Any]:
    import torch

    mask = torch.zeros((len(lot), max(len(one) for one in lot)))
    for at, one in enumerate(lot):
        mask[at, : len(one)] = 1
    return torch.nn.utils.rnn.pad_sequence(lot, batch_first=True), mask


def _hides(mask: Any) -> Any:
    return ((1 - mask) * -1e9)[:, None, None, :]


def _train(network: _Network, arrays: dict[str, Any], job: dict[str, Any]) -> None:
    import torch

    rows = np.split(arrays["tokens"].astype(np.int64), arrays["ends"][:-1])
    owners = arrays["owners"]
    truths = torch.from_numpy(arrays["truths"]) * 0.98 + 0.005
    weights = torch.from_numpy(arrays["weights"])
    changed, head = list(network.changes.values()), list(network.head.parameters())
    rates = (float(job["rate"]), HEAD_RATE)
    optimiser = torch.optim.AdamW([{"params": changed}, {"params": head}], lr=rates[0], weight_decay=0.01)
    batches = _batches(rows, owners, job)
    below = network.below(rows, 4 * int(job["batch"]))
    lost = 0.0
    for step, batch in enumerate(batches):
        pace = min(1.0, (step + 1) / 30) * max(0.05, 1 - step / len(batches))
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * pace
        logits = network.logits([below[at] for at in batch])
        own = owners[batch]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truths[own], weight=weights[own])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*changed, *head], 1.0)
        optimiser.step()
        lost = 0.98 * lost + 0.02 * float(loss.detach()) if step else float(loss.detach())
        if (step + 1) % 50 == 0 or step + 1 == len(batches):
            spent = time.process_time()
            _say(event="step", step=step + 1, steps=len(batches), loss=round(lost, 4), cpu_seconds=spent)


def _batches(rows: list[Any], owners: Any, job: dict[str, Any]) -> list[list[int]]:
    """Each epoch one way to write each sentence; sentences of about one length together."""
    order = random.Random(int(job["seed"]))  # noqa: S311 - an order, not a secret
    ways: dict[int, list[int]] = {}
    for at, owner in enumerate(owners):
        ways.setdefault(int(owner), []).append(at)
    size = int(job["batch"])
    made: list[list[int]] = []
    for _ in range(int(job["epochs"])):
        chosen = [order.choice(one) for one in ways.values()]
        order.shuffle(chosen)
        fresh: list[list[int]] = []
        for start in range(0, len(chosen), size * 32):
            alike = sorted(chosen[start : start + size * 32], key=lambda at: len(rows[at]))
            fresh += [alike[at : at + size] for at in range(0, len(alike), size)]
        order.shuffle(fresh)
        made += fresh
    return made


def _say(**told: object) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(_main(Path(sys.argv[1])))
