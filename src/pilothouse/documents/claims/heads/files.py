"""Owns heads as plain files: numbers in ``weights.npz``, the rest in ``head.json``; hashes are checked."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.documents.claims.heads.head import Blend, Head, Limits, Weights
from pilothouse.documents.claims.heads.layout import Memory, Wording
from pilothouse.documents.claims.heads.net import Layers, Net
from pilothouse.documents.claims.types import Layout
from pilothouse.kernel import DataError, UsageError, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pilothouse.documents.claims.ports import Encoder
    from pilothouse.documents.claims.task import Task

__all__ = ["HEAD_FILE", "WEIGHTS_FILE", "load_head", "save_head"]

HEAD_FILE, WEIGHTS_FILE = "head.json", "weights.npz"
FORM, FORMS = 2, (1, 2)
"""Form 1 knew no nets."""
NET_PARTS = ("inner", "inner_bias", "outer", "outer_bias")


def save_head(head: Head, folder: Path) -> str:
    """Write the head into an existing folder; return the sha256 of its weights."""
    import numpy as np

    rows = sorted(head.weights.rows.items(), key=lambda one: one[1])
    wordings = head.memory.wordings
    lengths = [len(one.shingles) for one in wordings]
    arrays: dict[str, Any] = dict(
        features=np.array([key for key, _ in rows], dtype=np.uint32),
        matrix=head.weights.matrix.astype(np.float16),
        bias=head.weights.bias.astype(np.float32),
        words=np.array(sorted(head.weights.words), dtype=np.uint32),
        shingles=np.array([s for one in wordings for s in sorted(one.shingles)], dtype=np.uint32),
        lengths=np.array(lengths, dtype=np.int32),
        signatures=np.array([one.signature for one in wordings], dtype=np.uint32),
        seen=np.array([one.seen for one in wordings], dtype=np.int32),
        claimed=np.array([[name in one.types for name in head.types] for one in wordings], dtype=np.bool_),
        **_net_arrays(head.blend),
    )
    np.savez_compressed(folder / WEIGHTS_FILE, **arrays)
    digest = _digest(folder / WEIGHTS_FILE)
    body: dict[str, Any] = {
        "form": FORM,
        "name": head.name,
        "task": head.task,
        "types": list(head.types),
        "tightening": sorted(head.tightening),
        "limits": {name: _limits_rows(by) for name, by in head.limits.items()},
        "met": head.met,
        "clear": head.clear,
        "tau": head.memory.tau,
        "encoder": head.encoder,
        "encoded": sorted(head.encoded),
        "label": None if head.label is None else encode(head.label),
        "weights_sha256": digest,
    }
    (folder / HEAD_FILE).write_text(json.dumps(body, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return digest


def load_head(folder: Path, task: Task, *, encoder: Encoder | None = None) -> Head:
    """Return the head in a folder, ready to judge.

    Args:
        folder: With ``head.json`` and ``weights.npz``.
        task: It must have been trained for a task of this name, with types that still exist.
        encoder: What will give it vectors; it must be the one it was trained with.

    Raises:
        DataError: ``claims.head``: a file is missing, changed or of another form.
        UsageError: ``claims.base``: trained for another task or on another encoder's vectors.
    """
    body = _body(folder)
    if body["task"] != task.name or not set(body["types"]) <= set(task.by_name):
        raise UsageError(
            f"head {body['name']!r} was trained for task {body['task']!r} with types {body['types']}, "
            f"not for {task.name!r}; train one for it",
            code="claims.base",
        )
    if body["encoder"] and (encoder is None or encoder.version != body["encoder"]):
        given = "none is given" if encoder is None else f"given is {encoder.version[:12]!r}"
        raise UsageError(
            f"head {body['name']!r} needs vectors of the encoder {body['encoder'][:12]!r}, {given}; "
            "install its pack or train a head without vectors",
            code="claims.base",
        )
    arrays = _arrays(folder, body)
    tightening = frozenset(one.name for one in task.types if one.tightens) & frozenset(body["types"])
    return Head(
        name=body["name"],
        task=body["task"],
        types=tuple(body["types"]),
        tightening=tightening | frozenset(body["tightening"]),
        weights=_weights(arrays),
        limits={name: _limits(entry) for name, entry in body["limits"].items()},
        met=float(body["met"]),
        clear=float(body["clear"]),
        memory=_memory(arrays, body),
        blend=_blend(arrays),
        encoder=body["encoder"],
        encoded=frozenset(body["encoded"]),
        label=None if body["label"] is None else decode(body["label"]),
    )


def _body(folder: Path) -> dict[str, Any]:
    try:
        body = json.loads((folder / HEAD_FILE).read_text(encoding="utf-8"))
        digest = _digest(folder / WEIGHTS_FILE)
    except (OSError, ValueError) as error:
        raise DataError(f"head in {str(folder)!r}: {error}", code="claims.head") from error
    if body.get("form") not in FORMS:
        raise DataError(
            f"head in {str(folder)!r} has form {body.get('form')!r}, known is {FORM}; train it again",
            code="claims.head",
        )
    if body["weights_sha256"] != digest:
        raise DataError(
            f"{str(folder / WEIGHTS_FILE)!r} hashes to {digest[:12]}, the head names "
            f"{body['weights_sha256'][:12]}; restore the file or train again",
            code="claims.head",
        )
    return body


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _arrays(folder: Path, body: Mapping[str, Any]) -> Mapping[str, NDArray[Any]]:
    import numpy as np

    with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as opened:
        arrays = {name: opened[name] for name in opened.files}
    count = len(body["types"])
    sound = (
        not arrays.get("vectors", np.zeros(0)).size
        and arrays["matrix"].shape == (len(arrays["features"]), count)
        and arrays["bias"].shape == (count,)
        and all(bool(np.isfinite(one).all()) for one in arrays.values())
    )
    if not sound:
        raise DataError(f"the weights in {str(folder)!r} do not fit {count} types", code="claims.head")
    return arrays


def _weights(arrays: Mapping[str, NDArray[Any]]) -> Weights:
    return Weights(
        rows={int(key): row for row, key in enumerate(arrays["features"])},
        matrix=arrays["matrix"],
        bias=arrays["bias"],
        words=frozenset(int(one) for one in arrays["words"]),
    )


def _net_arrays(blend: Blend | None) -> dict[str, NDArray[Any]]:
    import numpy as np

    if blend is None:
        return {}
    stacked = {
        f"net_{name}": np.stack([getattr(one, name) for one in blend.net.members]).astype(np.float16)
        for name in NET_PARTS
    }
    edges = {"net_mean": blend.net.mean, "net_scale": blend.net.scale}
    joins = {"blend": np.stack([blend.words, blend.vector, blend.shift])}
    return stacked | {name: one.astype(np.float32) for name, one in (edges | joins).items()}


def _blend(arrays: Mapping[str, NDArray[Any]]) -> Blend | None:
    import numpy as np

    if "blend" not in arrays:
        return None
    parts = [arrays[f"net_{name}"].astype(np.float32) for name in NET_PARTS]
    members = tuple(Layers(*member) for member in zip(*parts, strict=True))
    return Blend(Net(arrays["net_mean"], arrays["net_scale"], members), *arrays["blend"])


def _memory(arrays: Mapping[str, NDArray[Any]], body: Mapping[str, Any]) -> Memory:
    wordings: list[Wording] = []
    at = 0
    for number, length in enumerate(arrays["lengths"]):
        shingles = frozenset(int(one) for one in arrays["shingles"][at : at + length])
        at += int(length)
        types = frozenset(
            n for n, claims in zip(body["types"], arrays["claimed"][number], strict=True) if claims
        )
        wordings.append(
            Wording(shingles, int(arrays["signatures"][number]), int(arrays["seen"][number]), types)
        )
    return Memory(wordings, float(body["tau"]))


def _limits_rows(by: Mapping[Layout, Limits]) -> dict[str, dict[str, float | None]]:
    return {
        layout: {
            "tighten": one.tighten,
            "fill": None if math.isinf(one.fill) else one.fill,
            "proven": one.proven,
            "temperature": one.temperature,
            "shift": one.shift,
        }
        for layout, one in by.items()
    }


def _limits(entry: Mapping[str, Mapping[str, float | None]]) -> dict[Layout, Limits]:
    found: dict[Layout, Limits] = {}
    layouts: tuple[Layout, Layout] = ("known", "new")
    for layout in layouts:
        one = entry[layout]
        fill = one["fill"]
        found[layout] = Limits(
            tighten=float(one["tighten"] or 0.0),
            fill=math.inf if fill is None else fill,
            proven=float(one["proven"] or 0.0),
            temperature=float(one["temperature"] or 1.0),
            shift=float(one["shift"] or 0.0),
        )
    return found
