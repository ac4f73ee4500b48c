"""Owns the label: who may read a value, how far it may be trusted and where it comes from."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from pilothouse.kernel import UsageError, wired
from pilothouse.labels.provenance import Cached, Derived, Origin, parts

__all__ = ["Integrity", "Label", "Labelled", "made"]


@wired("integrity")
class Integrity(enum.IntEnum):
    """How far a value may be trusted; the join of two is the lower."""

    UNTRUSTED = 0
    RECORD = 1
    APPROVED = 2
    OPERATOR = 3


@wired("label", kept=True)
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Label(Cached):
    """Who may read a value and how far it may be trusted; there are no default values.

    Two labels are equal when readers, integrity and the leaves of their origins are.

    Attributes:
        readers: ACL ids; only who satisfies all of them may read. The empty set is public.
        integrity: See :class:`Integrity`.
        origin: One :class:`Origin`, or :class:`Derived` for a joined value.

    Raises:
        UsageError: ``labels.invalid``: a field is not of its type.
    """

    readers: frozenset[str]
    integrity: Integrity
    origin: Origin | Derived

    def __post_init__(self) -> None:
        if (
            self.readers.__class__ is not frozenset
            or self.integrity.__class__ is not Integrity
            or self.origin.__class__ not in _ORIGINS
        ):
            raise UsageError(
                f"{self!r} is no label: readers are a frozenset of ACL ids, integrity is an Integrity and "
                "origin an Origin or Derived",
                code="labels.invalid",
            )
        if isinstance(self.origin, Derived) and len(self.origin) == 1:
            (only,) = parts(self.origin)
            if isinstance(only, Origin):
                _set(self, "origin", only)

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            _set(self, "_hash", hash((self.readers, int(self.integrity), self.origin)))
            return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Label):
            return NotImplemented
        return (
            self.integrity is other.integrity
            and self.readers == other.readers
            and self.origin == other.origin
        )


_ORIGINS = (Origin, Derived)
_set = object.__setattr__


def made(readers: frozenset[str], integrity: Integrity, origin: Origin | Derived) -> Label:
    """Return a label of parts that come from labels: nothing is checked again."""
    label = object.__new__(Label)
    _set(label, "readers", readers)
    _set(label, "integrity", integrity)
    _set(label, "origin", origin)
    return label


@wired("labelled")
@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A value and its label; the two are never parted.

    Raises:
        UsageError: ``labels.missing``: the label is not one.
    """

    value: Any
    label: Label

    def __post_init__(self) -> None:
        if self.label.__class__ is not Label:
            raise UsageError(
                f"a value without a label: {self.label!r} is none; unlabelled is never public",
                code="labels.missing",
            )
