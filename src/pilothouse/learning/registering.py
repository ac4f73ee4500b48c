"""Owns heads in the registry: a version with its card, files by hash, rollback by tag."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.documents.claims import Task, heads, load_head
from pilothouse.kernel import DataError

if TYPE_CHECKING:
    from pilothouse.documents.claims import Encoder
    from pilothouse.kernel import Json, Principal
    from pilothouse.labels import Label
    from pilothouse.registry import Asset, Assets

__all__ = ["KIND", "open_head", "register_head"]

KIND = "head"
_FILES = (heads.HEAD_FILE, heads.WEIGHTS_FILE)


async def register_head(
    assets: Assets, folder: Path, card: Mapping[str, Any], label: Label, by: Principal, *, base: Path
) -> Asset:
    """Store a version of a task's head: where its files lie, with their hashes; the card goes with it.

    Args:
        assets: The registry.
        folder: Of the head.
        card: As training made it.
        label: Join of what it was made from.
        by: Who publishes; needs ``registry:publish:head``.
        base: Folder that the stored path is relative to.
    """
    body: dict[str, Json] = {
        "folder": str(folder.resolve().relative_to(base.resolve())),
        "task": str(card["task"]),
        "base": str(card["encoder"]),
        "files": {name: _digest(folder / name) for name in _FILES},
    }
    return await assets.put(KIND, str(card["task"]), body, by, card=dict(card), label=label)


def open_head(asset: Asset, task: Task, *, base: Path, encoder: Encoder | None = None) -> heads.Head:
    """Return the head of a registered version; its files must be those that were registered.

    Raises:
        DataError: ``claims.head``: a file is missing or was changed.
        UsageError: ``claims.base``: trained for another task or encoder.
    """
    folder = base / str(asset.body["folder"])
    files = asset.body["files"]
    for name in _FILES:
        wanted = files.get(name) if isinstance(files, dict) else None
        if not (folder / name).is_file() or _digest(folder / name) != wanted:
            raise DataError(
                f"{str(folder / name)!r} is not the file of {asset.id}; restore it or tag another version",
                code="claims.head",
            )
    return load_head(folder, task, encoder=encoder)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
