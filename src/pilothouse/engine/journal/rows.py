"""Owns turning rows into nouns and back; shared by everything that talks to the engine's tables."""

from __future__ import annotations

import json
import zlib
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from pilothouse.engine.types import Entry, Run
from pilothouse.kernel import Principal, principal_fields, principal_from
from pilothouse.storage import Row, load_queries

__all__ = ["Q", "channel_ready", "entry_of", "packed", "principal_of", "principal_text", "run_of"]

Q = load_queries("pilothouse.engine")
channel_ready = "engine_ready"
PACK_FROM = 256
"""Letters from which a text is worth compressing; PostgreSQL itself begins at rows of 2,000 bytes."""

_RUN = tuple(name for name in Run.__dataclass_fields__ if name != "principal")
_ENTRY = tuple(name for name in Entry.__dataclass_fields__ if name not in ("run", "evidence"))


def principal_text(principal: Principal) -> str:
    """Return the stored form of who a run acts for."""
    return json.dumps(principal_fields(principal), ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=512)
def principal_of(text: str) -> Principal:
    """Return the principal of a stored form."""
    return principal_from(json.loads(text))


def run_of(row: Row) -> Run:
    """Return the run of a row with all columns."""
    fields = {name: row[name] for name in _RUN}
    return Run(principal=principal_of(cast("str", row["principal"])), **fields)


def entry_of(row: Row, *, run: UUID | None = None) -> Entry:
    """Return the entry of a row; columns that were not read keep their defaults."""
    fields: dict[str, Any] = {name: row[name] for name in _ENTRY if name in row}
    small = row.get("packed")
    if small is not None:
        fields["output"] = zlib.decompress(bytes(small), -15).decode()
    return Entry(run=run or row["run"], evidence=tuple(row.get("evidence") or ()), **fields)


def packed(text: str | None) -> bytes | None:
    """Return an inline text compressed; None where it stays as it is."""
    if text is None or len(text) < PACK_FROM:
        return None
    body = text.encode()
    small = zlib.compress(body, 6, -15)
    return small if len(small) < len(body) * 0.9 else None
