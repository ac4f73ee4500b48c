"""Owns the order of labels: join, who flows where, and the two ways up that a person or a record opens."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from pilothouse.kernel import UsageError
from pilothouse.labels.provenance import Condensed, Derived, Origin, node, parts
from pilothouse.labels.types import Integrity, Label, made

__all__ = ["condensed_label", "declassified", "flows_to", "join", "leaves", "lifted"]

KEPT = 4096
"""Joins remembered; when there are more, all are forgotten."""
MANY = 8
"""Leaves up to which a value made from several results keeps each."""
_FEW = 4
_joins: dict[tuple[Label, Label], Label] = {}
_unions: dict[tuple[frozenset[str], frozenset[str]], frozenset[str]] = {}
_interned: dict[Label, Label] = {}


def join(first: Label, *others: Label) -> Label:
    """Return the label of a value made from all: readers united, integrity the lowest, leaves united.

    Associative, commutative and idempotent. The join of a known pair is one look-up.
    """
    if len(others) > _FEW:
        return _join_all((first, *others))
    result = first
    for other in others:
        if other is not result:
            result = _joins.get((result, other)) or _join(result, other)
    return result


def _join(a: Label, b: Label) -> Label:
    readers = a.readers if a.readers is b.readers else _union(a.readers, b.readers)
    integrity = a.integrity if a.integrity <= b.integrity else b.integrity
    origin = a.origin if a.origin is b.origin else node(a.origin, b.origin)
    if readers is a.readers and integrity is a.integrity and origin is a.origin:
        joined = a
    elif readers is b.readers and integrity is b.integrity and origin is b.origin:
        joined = b
    else:
        joined = made(readers, integrity, origin)
    if len(_joins) >= KEPT:
        _joins.clear()
        _interned.clear()
        _unions.clear()
    joined = _joins[(a, b)] = _interned.setdefault(joined, joined)
    return joined


def _union(a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
    """Return the readers of both; one of the two itself where it has them all."""
    found = _unions.get((a, b))
    if found is None:
        found = _unions[(a, b)] = a if b <= a else b if a <= b else a | b
    return found


def _join_all(labels: tuple[Label, ...]) -> Label:
    distinct = {id(label): label for label in labels}.values()
    origins = {id(label.origin): label.origin for label in distinct}.values()
    found = {leaf for origin in origins for leaf in parts(origin)}
    return Label(
        readers=frozenset[str]().union(*{label.readers for label in distinct}),
        integrity=min(label.integrity for label in distinct),
        origin=Derived(sources=found),
    )


def flows_to(a: Label, b: Label) -> bool:
    """Return whether ``a`` may stand where ``b`` is promised: nobody new reads it, it is trusted no less."""
    return a.integrity >= b.integrity and a.readers <= b.readers


def leaves(label: Label) -> tuple[Origin | Condensed, ...]:
    """Return where a value comes from: every leaf once, sorted by hash."""
    return label.origin.leaves() if isinstance(label.origin, Derived) else (label.origin,)


@lru_cache(maxsize=4096)
def condensed_label(label: Label) -> Label:
    """Return ``label`` with one leaf in the place of many: made from many places is made from all."""
    found = leaves(label)
    if len(found) <= MANY:
        return label
    hashes = hashlib.sha256("".join(leaf.hash for leaf in found).encode())
    sources = {
        name for leaf in found for name in ((leaf.source,) if isinstance(leaf, Origin) else leaf.sources)
    }
    count = sum(1 if isinstance(leaf, Origin) else leaf.count for leaf in found)
    one = Condensed(count=count, digest=hashes.hexdigest(), sources=tuple(sorted(sources)))
    return Label(readers=label.readers, integrity=label.integrity, origin=Derived(sources=(one,)))


def lifted(label: Label, integrity: Integrity, *, by: Origin) -> Label:
    """Return ``label`` trusted as far as ``integrity``: an endorsement. Never lowers.

    Only decisions, effects and connectors call it, each under its own rule; a test of the house finds
    any other call.

    Args:
        label: Of the value endorsed.
        integrity: How far ``by`` vouches for it.
        by: The approval, certificate or record that vouches; it stays among the leaves.
    """
    return Label(
        readers=label.readers,
        integrity=max(label.integrity, integrity),
        origin=node(label.origin, _named(by)),
    )


def declassified(label: Label, readers: frozenset[str], *, by: Origin) -> Label:
    """Return ``label`` for ``readers``, some of those it had: a declassification.

    Only decisions, effects and connectors call it, as :func:`lifted`.

    Args:
        label: Of the value shown to more.
        readers: What is still required of who reads it.
        by: The person's approval or the registered redactor; it stays among the leaves.

    Raises:
        UsageError: ``labels.declassified``: ``readers`` asks for more than the label did.
    """
    if not readers <= label.readers:
        raise UsageError(
            f"{sorted(readers - label.readers)!r} are no readers of the label; join it to restrict it",
            code="labels.declassified",
        )
    return Label(readers=readers, integrity=label.integrity, origin=node(label.origin, _named(by)))


def _named(by: Origin) -> Origin:
    if by.__class__ is not Origin or not by.source or not by.version:
        raise UsageError(
            f"{by!r} vouches for nothing; name the approval, certificate or record as an Origin with source "
            "and version",
            code="labels.by",
        )
    return by
