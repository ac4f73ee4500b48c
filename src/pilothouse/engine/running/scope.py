"""Owns scopes and keys: where in a run a call stands, which keys are recorded, what is drawn there."""

from __future__ import annotations

import contextvars
import hashlib
import random as random_module
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from pilothouse.engine.running.labelling import join_seen
from pilothouse.kernel import UsageError
from pilothouse.labels import Label, unknown

if TYPE_CHECKING:
    from pilothouse.engine.running.segment import Segment

__all__ = ["CURRENT", "Positions", "Scope", "here"]

ScopeKind = Literal["top", "branch", "step"]


class Positions:
    """Which keys of a journal are taken, and the last position of every scope."""

    __slots__ = ("_inner", "_last")

    def __init__(self, keys: Iterable[str]) -> None:
        self._last: dict[str, int] = {}
        self._inner: set[str] = set()
        for key in keys:
            self.add(key)

    def add(self, key: str) -> None:
        """Note a recorded key and the scopes that it stands in."""
        scope, _, last = key.rpartition(".")
        while last.isdigit():
            if self._last.get(scope, -1) < int(last):
                self._last[scope] = int(last)
            if not scope:
                return
            self._inner.add(scope)
            scope, _, last = scope.rpartition(".")

    def last(self, scope: str) -> int:
        """Return the highest recorded position of ``scope``, or -1."""
        return self._last.get(scope, -1)

    def beyond(self, path: str) -> bool:
        """Whether anything is recorded after one of the gathers that the branch ``path`` stands in."""
        parts = path.split(".") if path else []
        return any(self.last(".".join(parts[:i])) > int(parts[i]) for i in range(0, len(parts), 2))

    def has_inside(self, key: str) -> bool:
        """Whether entries stand beneath ``key``, so that it is a gather or a branch."""
        return key in self._inner


class Scope:
    """A place where calls are numbered: the function body, a gather branch, or the inside of a step."""

    __slots__ = ("busy", "draws", "kind", "label", "last", "path", "position", "recorded", "segment")

    def __init__(self, segment: Segment, *, kind: ScopeKind, path: str, last: datetime) -> None:
        self.segment = segment
        self.kind = kind
        self.path = path
        self.position = 0
        self.last = last
        self.busy: str | None = None
        self.draws = 0
        self.recorded = 0
        self.label: Label | None = None

    def at(self, position: int) -> str:
        """Return the key of ``position`` in this scope."""
        return f"{self.path}.{position}" if self.path else str(position)

    def take(self, name: str) -> str:
        """Return the key of the next call and mark the scope busy with it.

        Raises:
            UsageError: ``engine.concurrent`` when another call of this scope is still running.
        """
        if self.busy is not None:
            raise UsageError(
                f"{name!r} was called while {self.busy!r} is still running; use gather()",
                code="engine.concurrent",
            )
        key = self.at(self.position)
        self.position += 1
        self.draws = 0
        self.busy = name
        return key

    def free(self) -> None:
        """Mark the scope as no longer busy."""
        self.busy = None

    def see(self, label: Label | None) -> None:
        """Join the label of something recorded here into this scope and its segment; None is unknown."""
        if label is None:
            label = unknown(self.segment.run.principal.id)
        self.label = join_seen(self.label, label)
        self.segment.see(label)

    def draw(self) -> bytes:
        """Return 32 bytes that depend only on the root run, this place and the number of draws here."""
        self.draws += 1
        place = f"{self.segment.run.root}|{self.at(self.position)}|{self.draws}"
        return hashlib.sha256(place.encode()).digest()

    def generator(self) -> random_module.Random:
        """Return a generator seeded by :meth:`draw`."""
        return random_module.Random(self.draw())  # noqa: S311 - reproducible on purpose, not a secret

    def identifier(self) -> UUID:
        """Return a UUID (version 8) made of :meth:`draw`."""
        raw = bytearray(self.draw()[:16])
        raw[6] = (raw[6] & 0x0F) | 0x80
        raw[8] = (raw[8] & 0x3F) | 0x80
        return UUID(bytes=bytes(raw))


CURRENT: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("pilothouse_scope", default=None)


def here(verb: str) -> Scope:
    """Return the scope that the caller runs in.

    Raises:
        UsageError: ``engine.outside_run``.
    """
    scope = CURRENT.get()
    if scope is None:
        raise UsageError(
            f"{verb}() works only inside a workflow; start one and call it there", code="engine.outside_run"
        )
    scope.segment.check_live()
    return scope
