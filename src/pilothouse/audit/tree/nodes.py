"""Owns reading hashes of subtrees: leaves and every eighth level are stored, the rest is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pilothouse.audit.offline import node_hash
from pilothouse.audit.tree.ranges import Range, perfect
from pilothouse.kernel import DataError
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database, Tx

__all__ = ["HEIGHT", "fold", "roots"]

Q = load_queries("pilothouse.audit")
HEIGHT = 8


def fold(nodes: Sequence[bytes]) -> bytes:
    """Return the root over a complete level: 1, 2, 4, 8 ... nodes."""
    while len(nodes) > 1:
        nodes = [node_hash(nodes[n], nodes[n + 1]) for n in range(0, len(nodes), 2)]
    return nodes[0]


async def roots(source: Database | Tx, ranges: Sequence[Range]) -> list[bytes]:
    """Return the hash over each range of leaves; none may be empty.

    Raises:
        DataError: ``audit.damaged``: a stored hash that is needed is gone.
    """
    cut = [perfect(leaves) for leaves in ranges]
    stored = await _stored(source, [node for nodes in cut for node in nodes])
    return [_bagged([_computed(stored, level, place) for level, place in nodes]) for nodes in cut]


def _bagged(nodes: list[bytes]) -> bytes:
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = node_hash(node, root)
    return root


def _below(level: int, place: int) -> tuple[int, int, int]:
    """Return the stored level that a subtree is computed from, its first node there and how many."""
    base = level - level % HEIGHT
    count = 1 << (level - base)
    return base, place * count, count


def _computed(stored: dict[tuple[int, int], bytes], level: int, place: int) -> bytes:
    base, first, count = _below(level, place)
    try:
        return fold([stored[base, first + n] for n in range(count)])
    except KeyError as error:
        raise DataError(
            f"the hash {error.args[0]!r} of the log's tree is gone; run `pilothouse audit verify`",
            code="audit.damaged",
        ) from error


async def _stored(source: Database | Tx, nodes: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    wanted = sorted({_below(level, place) for level, place in nodes})
    rows = await source.fetch_all(
        Q.subtrees,
        {
            "levels": [level for level, _, _ in wanted],
            "firsts": [first for _, first, _ in wanted],
            "counts": [count for _, _, count in wanted],
        },
    )
    return {(row["level"], row["place"]): row["hash"] for row in rows}
