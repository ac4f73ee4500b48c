"""Owns where values come from: leaves as sources gave them, and the sets that joins make of them."""
# pyright: reportPrivateUsage=false
# What is private here is private to this file.

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from math import isqrt
from typing import Any, NoReturn

from pilothouse.kernel import UsageError, wired

__all__ = ["MAX_LEAVES", "Condensed", "Derived", "Leaf", "Origin", "Position", "node", "parts"]

MAX_LEAVES = 256
"""More leaves than this are stored as one."""
_set = object.__setattr__


class Cached:
    """Keeps the hash and the digest of something that never changes."""

    __slots__ = ("_digest", "_hash")
    _hash: int
    _digest: str


class _Key(dict[str, str]):
    """The key of an origin: a dict that nobody changes, because hashes of the origin are kept."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the key of an origin never changes; make a new Origin")

    __setitem__ = __delitem__ = __ior__ = update = pop = popitem = clear = setdefault = _refuse  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[_Key], tuple[dict[str, str]]]:
        return _Key, (dict(self),)


@wired("position")
@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where inside a file or message a value stands; unset parts are None.

    Attributes:
        file: Name inside the source, never a path of this machine.
        offset: First byte, counted from 0.
        length: Bytes.
        line: Counted from 1.
        part: Segment, sheet, JSON path or MIME part, such as ``LOC[2].C517.3225``.
    """

    file: str | None = None
    offset: int | None = None
    length: int | None = None
    line: int | None = None
    part: str | None = None


@wired("origin")
@dataclass(frozen=True, slots=True, kw_only=True)
class Origin(Cached):
    """One value as one source gave it.

    Attributes:
        source: Name of the system as declared in the project.
        object: Table, resource, message type or file pattern.
        key: The row's key fields, as text; copied, and never changed afterwards.
        field: Column, JSON path or segment path.
        version: The row's version token (xmin, ETag, file hash, content hash); changes when the row does.
        read_at: When it was read (UTC).
        position: Where inside a file or message.
    """

    source: str
    object: str
    key: dict[str, str]
    field: str
    version: str
    read_at: datetime
    position: Position | None = None

    def __post_init__(self) -> None:
        if self.key.__class__ is not _Key:
            _set(self, "key", _Key(self.key))

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            key = frozenset(self.key.items())
            at = (self.source, self.object, key, self.field, self.version, self.read_at, self.position)
            _set(self, "_hash", hash(at))
            return self._hash

    @property
    def hash(self) -> str:
        """SHA-256 over all fields; the same in every process."""
        return _digest(
            self,
            lambda: [
                self.source, self.object, sorted(self.key.items()), self.field, self.version,
                self.read_at.timestamp(), self.position and _place(self.position),
            ],
        )  # fmt: skip


@wired("condensed")
@dataclass(frozen=True, slots=True, kw_only=True)
class Condensed(Cached):
    """Many leaves as one: the rows of a large result, or what was too much to store.

    Attributes:
        count: How many leaves it stands for.
        digest: SHA-256 over their hashes, or of query, data version and keys.
        sources: The systems they come from, sorted.
    """

    count: int
    digest: str
    sources: tuple[str, ...]

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            _set(self, "_hash", hash((self.count, self.digest, self.sources)))
            return self._hash

    @property
    def hash(self) -> str:
        """SHA-256 over all fields; the same in every process."""
        return _digest(self, lambda: [self.count, self.digest, self.sources])


Leaf = Origin | Condensed
_NONE: frozenset[Leaf] = frozenset()


def _place(at: Position) -> list[object]:
    return [at.file, at.offset, at.length, at.line, at.part]


def _digest(leaf: Cached, content: Callable[[], object]) -> str:
    try:
        return leaf._digest
    except AttributeError:
        text = json.dumps(content(), separators=(",", ":"))
        _set(leaf, "_digest", hashlib.sha256(text.encode()).hexdigest())
        return leaf._digest  # pyright: ignore[reportPrivateUsage]


def _condense(leaves: Iterable[Leaf]) -> Condensed:
    sources: set[str] = set()
    total = 0
    hashes = hashlib.sha256()
    for leaf in leaves:
        hashes.update(leaf.hash.encode())
        if isinstance(leaf, Origin):
            sources.add(leaf.source)
            total += 1
        else:
            sources.update(leaf.sources)
            total += leaf.count
    return Condensed(count=total, digest=hashes.hexdigest(), sources=tuple(sorted(sources)))


def _names_as_leaves(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 held the hashes of the leaves only."""
    return {
        "sources": [
            {"$t": "condensed@1", "v": {"count": 1, "digest": digest, "sources": []}}
            for digest in fields["sources"]
        ]
    }


class _Parts(Cached):
    """The slots of a derived origin, outside of its fields."""

    __slots__ = ("_base", "_extra", "_sources")
    _base: frozenset[Leaf]
    _extra: frozenset[Leaf]
    _sources: tuple[Leaf, ...]


@wired("derived", version=2, upgrades={1: _names_as_leaves})
@dataclass(frozen=True, init=False, eq=False, repr=False)
class Derived(_Parts):
    """The origin of a value made from several others: the leaves it comes from, each once.

    In memory every leaf is kept: a large part shared between nodes and a small part of this one, so a join
    with one more leaf does not copy all. Stored, more than 256 leaves become one :class:`Condensed`.

    Attributes:
        sources: What is stored: the leaves sorted by hash, or one that stands for all.
    """

    __slots__ = ()
    sources: tuple[Origin | Condensed, ...]

    def __init__(self, *, sources: Iterable[Origin | Condensed]) -> None:
        found = frozenset(sources)
        wrong = [leaf for leaf in found if not isinstance(leaf, Origin | Condensed)]  # pyright: ignore[reportUnnecessaryIsInstance]  # stored values come here
        if wrong:
            raise UsageError(
                f"{wrong[0]!r} is no origin; give Origin or Condensed, or join labels", code="labels.origin"
            )
        _fill(self, _NONE, found, _mixed(found))

    def __getattr__(self, name: str) -> tuple[Leaf, ...]:
        if name != "sources":
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        try:
            return self._sources
        except AttributeError:
            found = self.leaves()
            _set(self, "_sources", found if len(found) <= MAX_LEAVES else (_condense(found),))
            return self._sources

    def __len__(self) -> int:
        return len(self._base) + len(self._extra)

    def __contains__(self, leaf: object) -> bool:
        return leaf in self._extra or leaf in self._base

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Derived):
            return NotImplemented
        if self._hash != other._hash or len(self) != len(other):
            return False
        if self._base is other._base:
            return self._extra == other._extra
        return (self._base | self._extra) == (other._base | other._extra)

    def __repr__(self) -> str:
        return f"Derived({len(self)} sources)"

    def __reduce__(self) -> tuple[Any, tuple[tuple[Leaf, ...]]]:
        return _again, (self.leaves(),)

    def leaves(self) -> tuple[Leaf, ...]:
        """Return every leaf, sorted by hash."""
        return tuple(sorted((*self._base, *self._extra), key=lambda leaf: leaf.hash))


def _again(found: tuple[Leaf, ...]) -> Derived:
    return Derived(sources=found)


def _mixed(found: Iterable[Leaf]) -> int:
    """A hash of a set that grows with it: what was hashed before is not hashed again."""
    mixed = 0
    for leaf in found:
        mixed ^= hash(leaf)
    return mixed


def _fill(made: Derived, base: frozenset[Leaf], extra: frozenset[Leaf], mixed: int) -> Derived:
    _set(made, "_base", base)
    _set(made, "_extra", extra)
    _set(made, "_hash", mixed)
    return made


def parts(origin: Origin | Derived) -> tuple[Leaf, ...]:
    """Return the leaves of an origin, in no order."""
    if isinstance(origin, Origin):
        return (origin,)
    return (*origin._base, *origin._extra)


def node(first: Origin | Derived, second: Origin | Derived) -> Origin | Derived:
    """Return the origin with the leaves of both; one of the two itself where it has them all."""
    if hash(first) == hash(second) and first == second:
        return first
    if isinstance(first, Origin):
        if isinstance(second, Origin):
            both = frozenset((first, second))
            return _fill(object.__new__(Derived), _NONE, both, hash(first) ^ hash(second))
        return _with(second, first)
    if isinstance(second, Origin):
        return _with(first, second)
    return _merged(first, second) if len(first) >= len(second) else _merged(second, first)


def _with(large: Derived, leaf: Origin) -> Origin | Derived:
    base, extra = large._base, large._extra
    if leaf in extra or leaf in base:
        return large
    if not base and not extra:
        return leaf
    return _grown(base, extra.union((leaf,)), large._hash ^ hash(leaf))


def _merged(large: Derived, small: Derived) -> Derived:
    found = small._extra if small._base is large._base else parts(small)
    fresh = [leaf for leaf in found if leaf not in large]
    return _grown(large._base, large._extra.union(fresh), large._hash ^ _mixed(fresh)) if fresh else large


def _grown(base: frozenset[Leaf], extra: frozenset[Leaf], mixed: int) -> Derived:
    """Return a node; when its own part is too much to copy each time it becomes part of what is shared."""
    if len(extra) > 32 + isqrt(len(base)):
        base, extra = base | extra, _NONE
    return _fill(object.__new__(Derived), base, extra, mixed)
