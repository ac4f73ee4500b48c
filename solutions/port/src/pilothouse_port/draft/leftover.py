"""Owns columns that nobody explained and whose name says nothing: what is left beside the others."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from pilothouse_port.draft.guess import Guesser, Look
from pilothouse_port.draft.scan import Column

__all__ = ["left_for", "unnamed_aliases", "unnamed_consignee", "unnamed_holder"]

_SHAPES: Final[dict[str, tuple[str, ...]]] = {
    "charge.currency": ("currency",),
    "consignee.name": ("name",),
    "consignee.party": ("whole",),
    "credit.as_of": ("day",),
    "credit.valid_until": ("day",),
    "discharge.at": ("moment",),
    "health.valid_until": ("day",),
    "mandate.valid_until": ("day",),
    "order.valid_until": ("moment", "day"),
    "party.contact": ("mail",),
    "party.contact_changed_at": ("moment",),
    "party.name": ("name",),
}
"""Facts whose values look like little else in their tables."""
_OTHER: Final = frozenset({"created", "start"})


def left_for(look: Look, fact: str, taken: Collection[str]) -> Column | None:
    """Return the only column of a table that may hold ``fact``, of those nobody explained or took."""
    keys = {name for name, _ in look.keys.values()}
    fits = [
        column
        for column in _unexplained(look)
        if column.shape in _SHAPES.get(fact, ())
        and column.name not in keys.union(taken)
        and not look.concepts[column.name] & _OTHER
    ]
    return fits[0] if len(fits) == 1 else None


def unnamed_aliases(g: Guesser) -> tuple[Look, Column] | None:
    """Return the only words in a table that its owner calls one of other names."""
    for look in g.looks:
        words = [c for c in look.table.columns.values() if c.shape in ("name", "text", "id")]
        words = [column for column in words if "customer" not in look.concepts[column.name]]
        if "alias" in look.words and len(words) == 1:
            return look, words[0]
    return None


def unnamed_consignee(g: Guesser) -> tuple[Look, Column] | None:
    """Return whose number stands beside the consignee's name: the one other column of numbers."""
    found = g.find("consignee", "name", keys=["bl"], near=["kind", "version", "bl"])
    if found is None:
        return None
    number = left_for(found[0], "consignee.party", ())
    return (found[0], number) if number is not None else None


def unnamed_holder(g: Guesser) -> tuple[Look, Column] | None:
    """Return who holds mandates where nobody wrote of that column: the one other column of such numbers."""
    found = g.find("giver", near=["mandate", "scope", "state"], shapes=("id", "whole", "code"))
    if found is None or found[0].column("scope") is None:
        return None
    look, giver = found
    others = [c for c in _unexplained(look) if c is not giver and _masked(c) == _masked(giver)]
    return (look, others[0]) if len(others) == 1 else None


def _unexplained(look: Look) -> list[Column]:
    return [column for column in look.table.columns.values() if column.name not in look.meanings]


def _masked(column: Column) -> set[str]:
    """Return how the values are written, whatever their digits."""
    return {re.sub(r"\d", "0", value) for value in column.distinct}
