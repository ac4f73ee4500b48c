"""Owns the stored secrets: set, list, remove, reveal; a value is opened only to dial out with it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from pilothouse.kernel import Principal, UsageError, require, wired
from pilothouse.storage.queries import load_queries
from pilothouse.storage.vault.key import find_key, make_key

if TYPE_CHECKING:
    from pilothouse.kernel import Authority
    from pilothouse.storage.database import Database, Tx
    from pilothouse.storage.settings import StorageSettings

__all__ = ["RIGHT", "SecretStore", "StoredSecret"]

RIGHT = "secrets:change"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
MAX = 64 * 1024


@wired("storage.secret")
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSecret:
    """What may be shown of a secret.

    Attributes:
        name: What ``secret://store/<name>`` refers to.
        set_at: When it was set last.
        set_by: By whom.
    """

    name: str
    set_at: datetime
    set_by: str


class SecretStore:
    """The secrets of one database, closed with the key of this machine.

    ``reveal`` answers from what the last ``refresh`` read; every process refreshes each second, so a rotated
    secret holds everywhere within two.
    """

    def __init__(self, database: Database, settings: StorageSettings, *, authority: Authority) -> None:
        self._database = database
        self._settings = settings
        self._authority = authority
        self._sealed: dict[str, bytes] = {}

    async def refresh(self) -> None:
        """Read the ciphertexts again; nothing is opened."""
        queries = load_queries("pilothouse.storage")
        rows = await self._database.fetch_all(queries.secrets)
        self._sealed = {row["name"]: bytes(row["sealed"]) for row in rows}

    async def put(self, tx: Tx, name: str, value: str, by: Principal) -> None:
        """Set or replace a secret inside the caller's transaction; ``refresh`` shows it after the commit.

        Raises:
            DeniedError: ``policy.denied``: without ``secrets:change``.
            UsageError: ``storage.secret``: a name or value that cannot be.
        """
        require(by, RIGHT, authority=self._authority)
        if not NAME.fullmatch(name):
            raise _wrong(name, "may have letters, digits, '_', '.' and '-' only")
        if not value or len(value.encode()) > MAX:
            raise _wrong(name, f"must have 1 to {MAX} bytes")
        sealed = make_key(self._settings).close(value.encode())
        queries = load_queries("pilothouse.storage")
        await tx.execute(queries.put_secret, {"name": name, "sealed": sealed, "by": by.id})

    async def remove(self, tx: Tx, name: str, by: Principal) -> None:
        """Forget a secret inside the caller's transaction.

        Raises:
            DeniedError: ``policy.denied``: without ``secrets:change``.
            UsageError: ``storage.secret``: there is none of that name.
        """
        require(by, RIGHT, authority=self._authority)
        queries = load_queries("pilothouse.storage")
        if not await tx.execute(queries.remove_secret, {"name": name}):
            raise _wrong(name, "is not there; see `pilothouse secrets list`")

    async def names(self) -> list[StoredSecret]:
        """Return what is stored, without the values."""
        queries = load_queries("pilothouse.storage")
        rows = await self._database.fetch_all(queries.secrets)
        return [StoredSecret(name=r["name"], set_at=r["set_at"], set_by=r["set_by"]) for r in rows]

    def reveal(self, name: str, field: str = "") -> str:
        """Return a secret, or one field of a secret that is a JSON object.

        Raises:
            UsageError: ``storage.secret``: not there, no key on this machine, or no such field.
            DataError: ``storage.secret_key``: the key does not fit.
        """
        sealed = self._sealed.get(name)
        if sealed is None:
            raise _wrong(name, f"is not there; run `pilothouse secrets set {name}`")
        key = find_key(self._settings)
        if key is None:
            raise _wrong(
                name, "cannot be opened: its key is not on this machine; see PILOTHOUSE_SECRETS_KEY_FILE"
            )
        text = key.open(name, sealed).decode()
        return _field(name, text, field) if field else text


def _field(name: str, text: str, field: str) -> str:
    try:
        value: object = json.loads(text)
    except ValueError:
        raise _wrong(name, f"is no JSON object, so it has no field {field!r}") from None
    for step in field.split("."):
        value = cast("Mapping[str, object]", value).get(step) if isinstance(value, Mapping) else None
    if not isinstance(value, str) or not value:
        raise _wrong(name, f"has no text at {field!r}")
    return value


def _wrong(name: str, why: str) -> UsageError:
    return UsageError(f"secret {name!r} {why}", code="storage.secret")
