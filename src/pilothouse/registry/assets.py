"""Owns versions of what people make: agents, heads, adapters, prompts, routes; each with a card and tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import (
    RIGHTS,
    Authority,
    DataError,
    Json,
    Principal,
    UsageError,
    content_hash,
    decode,
    encode,
    require,
)
from pilothouse.storage import Jsonb, load_queries

if TYPE_CHECKING:
    from pilothouse.labels import Label
    from pilothouse.registry.ports import Recorder
    from pilothouse.storage import Database, Row

__all__ = ["APPROVED", "PUBLISH", "Asset", "Assets"]

Q = load_queries("pilothouse.registry")
PUBLISH = "registry:publish"
APPROVED = "approved"
"""The tag of the version that runs where nobody names another; set by a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One version of one asset; immutable.

    Attributes:
        kind: ``agent``, ``head``, ``adapter``, ``prompt``, ``routes`` and so on.
        version: 1, 2, 3 and so on for each kind and name.
        hash: Of the body: the same body again is the same version.
        body: The asset itself, or where its files lie with their hashes.
        card: What people should know: data, figures, limits, licence.
        label: Join of what it was made from; None for what a person wrote.
        tags: Names that point here today.
    """

    kind: str
    name: str
    version: int
    hash: str
    body: Mapping[str, Json]
    card: Mapping[str, Json]
    label: Label | None
    created_by: str
    created_at: datetime
    tags: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Such as ``claims-reader@3``."""
        return f"{self.name}@{self.version}"


class Assets:
    """The assets of one database.

    Args:
        database: Where they are.
        recorder: Gets every version and every tag.
        authority: Says who may publish (``registry:publish:<kind>``).
    """

    def __init__(self, database: Database, *, recorder: Recorder, authority: Authority = RIGHTS) -> None:
        self._database = database
        self._recorder = recorder
        self._authority = authority

    async def put(
        self,
        kind: str,
        name: str,
        body: Mapping[str, Json],
        by: Principal,
        *,
        card: Mapping[str, Json] | None = None,
        label: Label | None = None,
    ) -> Asset:
        """Store a version, or return the one that has this body already.

        Raises:
            DeniedError: ``policy.denied``: without ``registry:publish:<kind>``.
        """
        require(by, f"{PUBLISH}:{kind}", authority=self._authority)
        values = {"kind": kind, "name": name, "hash": content_hash(body)}
        async with self._database.transaction() as tx:
            await tx.execute(Q.lock_asset, {"key": f"registry_asset:{kind}:{name}"})
            known = await tx.fetch_one(Q.asset_by_hash, values)
            if known is None:
                made = {
                    **values,
                    "body": Jsonb(dict(body)),
                    "card": Jsonb(dict(card or {})),
                    "label": None if label is None else Jsonb(encode(label)),
                    "by": by.id,
                }
                known = await tx.fetch_one(Q.insert_asset, made)
                told = {"kind": kind, "name": name, "hash": values["hash"]}
                await self._recorder.record(tx, "registry.asset_added", by.id, told)
        if known is None:
            raise DataError(f"{kind} {name!r} was not stored", code="registry.asset")
        return await self.get(kind, name, version=known["version"])

    async def tag(self, kind: str, name: str, version: int, tag: str, by: Principal) -> None:
        """Point a tag at a version; ``approved`` is what runs.

        Raises:
            DeniedError: ``policy.denied``: without ``registry:publish:<kind>``.
            UsageError: ``registry.no_asset``.
        """
        require(by, f"{PUBLISH}:{kind}", authority=self._authority)
        found = await self.get(kind, name, version=version)
        async with self._database.transaction() as tx:
            await tx.execute(
                Q.set_tag, {"kind": kind, "name": name, "version": version, "tag": tag, "by": by.id}
            )
            told = {"kind": kind, "name": name, "version": version, "tag": tag, "hash": found.hash}
            await self._recorder.record(tx, "registry.asset_tagged", by.id, told)

    async def get(self, kind: str, name: str, *, version: int | None = None, tag: str | None = None) -> Asset:
        """Return a version, what a tag points at, or by default the approved one, else the newest.

        Raises:
            UsageError: ``registry.no_asset``.
        """
        rows = await self._database.fetch_all(Q.assets, {"kind": kind, "name": name})
        for row in rows:
            if version is not None and row["version"] != version:
                continue
            if tag is not None and tag not in row["tags"]:
                continue
            if version is None and tag is None and not _preferred(row, rows):
                continue
            return _asset(row)
        wanted = f"version {version}" if version is not None else f"tag {tag!r}" if tag else "any version"
        raise UsageError(f"there is no {kind} {name!r} with {wanted}", code="registry.no_asset")

    async def list(self, kind: str | None = None) -> tuple[Asset, ...]:
        """Return every version, newest first within its name."""
        rows = await self._database.fetch_all(Q.assets, {"kind": kind, "name": None})
        return tuple(_asset(row) for row in rows)


def _preferred(row: Row, rows: list[Row]) -> bool:
    approved = [one["version"] for one in rows if APPROVED in one["tags"]]
    return row["version"] == (approved[0] if approved else rows[0]["version"])


def _asset(row: Row) -> Asset:
    label: Any = None if row["label"] is None else decode(row["label"])
    return Asset(
        kind=row["kind"],
        name=row["name"],
        version=row["version"],
        hash=row["hash"],
        body=row["body"],
        card=row["card"],
        label=label,
        created_by=row["created_by"],
        created_at=row["created_at"],
        tags=tuple(row["tags"]),
    )
