"""Owns the order of labels: join, who flows where, and the two ways up that a person or a record opens."""

from __future__ import annotations

from pilothouse.kernel import UsageError
from pilothouse.labels.provenance import Condensed, Derived, Origin, node, parts
from pilothouse.labels.types import Integrity, Label

__all__ = ["declassified", "flows_to", "join", "leaves", "lifted"]

KEPT = 8192
"""Joins remembered; when there are more, all are forgotten."""
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
    readers = _union(a.readers, b.readers)
    integrity = a.integrity if a.integrity <= b.integrity else b.integrity
    joined = _made(readers, integrity, node(a.origin, b.origin), like=(a, b))
    if len(_joins) >= KEPT:
        _joins.clear()
        _interned.clear()
        _unions.clear()
    joined = _interned.setdefault(joined, joined)
    _joins[(a, b)] = joined
    return joined


def _made(
    readers: frozenset[str], integrity: Integrity, origin: Origin | Derived, *, like: tuple[Label, ...]
) -> Label:
    """Return one of ``like`` that says the same, else a new label."""
    for label in like:
        if label.integrity is integrity and label.origin is origin and label.readers == readers:
            return label
    return Label(readers=readers, integrity=integrity, origin=origin)


def _union(a: frozenset[str], b: frozenset[str]) -> frozenset[str]:
    if a is b or not b:
        return a
    if not a:
        return b
    found = _unions.get((a, b))
    if found is None:
        found = _unions[(a, b)] = a | b
    return found


def _join_all(labels: tuple[Label, ...]) -> Label:
    distinct = {id(label): label for label in labels}.values()
    found = {
        leaf for origin in {id(one.origin): one.origin for one in distinct}.values() for leaf in parts(origin)
    }
    return _made(
        frozenset[str]().union(*{label.readers for label in distinct}),
        min(label.integrity for label in distinct),
        Derived(sources=found),
        like=(),
    )


def flows_to(a: Label, b: Label) -> bool:
    """Return whether ``a`` may stand where ``b`` is promised: nobody new reads it, it is trusted no less."""
    return a.integrity >= b.integrity and a.readers <= b.readers


def leaves(label: Label) -> tuple[Origin | Condensed, ...]:
    """Return where a value comes from: every leaf once, sorted by hash."""
    return label.origin.leaves() if isinstance(label.origin, Derived) else (label.origin,)


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
