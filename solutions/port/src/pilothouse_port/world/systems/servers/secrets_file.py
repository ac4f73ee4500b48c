"""Owns the passwords of a running world: drawn once, kept in the run folder for its owner's eyes only."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["FILE", "kept_passwords", "write_secrets"]

FILE: Final = "secrets.json"


def kept_passwords(run: Path, names: Iterable[str]) -> dict[str, str]:
    """The password of every name; new names get one, old ones keep theirs."""
    path = run / "passwords.json"
    try:
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    wanted = {name: kept.get(name) or secrets.token_urlsafe(18) for name in names}
    if wanted != kept:
        _write_private(path, {**kept, **wanted})
    return wanted


def write_secrets(run: Path, values: dict[str, str]) -> Path:
    """Write what ``secret://file/...`` references lead to."""
    path = run / FILE
    _write_private(path, values)
    return path


def _write_private(path: Path, values: dict[str, str]) -> None:
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(values, out, indent=1)
    part.replace(path)
