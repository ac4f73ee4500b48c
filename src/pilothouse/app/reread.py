"""Owns reading evidence again: the door asks, the connectors answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.connectors import Query, Row, Sources
from pilothouse.kernel import SYSTEM
from pilothouse.labels import Labelled, Origin

if TYPE_CHECKING:
    from pilothouse.decisions import Evidence

__all__ = ["SourceRereader"]


class SourceRereader:
    """Reads one value again at the place its origin names.

    It acts as the system: whether the approval still holds must not depend on what the clerk may read.
    Derived values have no place of their own and are found again only through the evidence they come from.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def reread(self, evidence: Evidence) -> Labelled | None:
        """Return the value as it stands now; None if the source no longer has the row or the field.

        Raises:
            UnavailableError: The source does not answer.
            DataError: The object is gone or answers with rubbish.
        """
        origin = evidence.label.origin
        if not isinstance(origin, Origin):
            return None
        query = Query(origin.object, where={name: [value] for name, value in origin.key.items()})
        rows = await self._sources.read(SYSTEM, origin.source, query, reader=_reader(evidence))
        row = _same(rows, origin)
        return row.labelled(origin.field) if row is not None and origin.field in row else None


def _reader(evidence: Evidence) -> str | None:
    """Return for whom the value was read, where its source is declared without readers."""
    people = [acl.removeprefix("user:") for acl in evidence.label.readers if acl.startswith("user:")]
    return people[0] if len(people) == 1 else None


def _same(rows: list[Row], origin: Origin) -> Row | None:
    """Return the row of the same key; where the source allows duplicates, the one of the same version."""
    found = [row for row in rows if row.key == origin.key]
    return next((row for row in found if row.version == origin.version), found[0] if found else None)
