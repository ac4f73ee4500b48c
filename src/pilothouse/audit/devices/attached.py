"""Owns which second device and which key belong to an open database of this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from pilothouse.audit.heads.keys import Signer
    from pilothouse.audit.ports import AuditDevice
    from pilothouse.audit.settings import AuditSettings
    from pilothouse.storage import Database

__all__ = ["Attached", "attach", "attached", "detach"]


@dataclass(slots=True, kw_only=True)
class Attached:
    """What an open database has beside it; mutable, of one process.

    Attributes:
        settings: Of audit.
        device: The second device; None if there is none.
        signer: Signs heads; None where the key cannot be read.
        keys: Public keys whose heads count.
        refused: Why the second device does not take lines now; None while it does.
        said: The last alarm, so that it is raised once and not twice a second.
        seen: Entries of the second device that the database refused to adopt.
    """

    settings: AuditSettings
    device: AuditDevice | None = None
    signer: Signer | None = None
    keys: frozenset[str] = frozenset()
    refused: str | None = None
    said: str | None = None
    seen: set[bytes] = field(default_factory=set[bytes])


_attached: WeakKeyDictionary[Database, Attached] = WeakKeyDictionary()


def attach(database: Database, what: Attached) -> None:
    """Remember what belongs to ``database``."""
    _attached[database] = what


def attached(database: Database) -> Attached | None:
    """Return what belongs to ``database``."""
    return _attached.get(database)


def detach(database: Database, before: Attached | None) -> None:
    """Forget it; what was there before counts again."""
    _attached.pop(database, None)
    if before is not None:
        _attached[database] = before
