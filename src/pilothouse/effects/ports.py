"""Owns what the door needs from outside: evidence, versions, people, recipients and rungs as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import UUID

from pilothouse.decisions import Evidence, Rung, Standing, Unit
from pilothouse.kernel import Principal
from pilothouse.labels import Label, Labelled

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = ["Directory", "Ladder", "Principals", "Rereader", "Versions"]


class Rereader(Protocol):
    """Reads evidence again at its source; ``app.py`` binds the connectors."""

    async def reread(self, evidence: Evidence) -> Labelled | None:
        """Return the value as it stands now; None if the source no longer has it.

        Raises:
            UnavailableError: The source does not answer; the effect waits.
        """
        ...


class Versions(Protocol):
    """Tells the versions in force now, so that a caller's memory of them does not count."""

    async def current(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return the versions known under ``names``: ``policy_version`` and keys of ``data_versions``.

        A name left out keeps what the caller said.
        """
        ...


class Principals(Protocol):
    """Tells who somebody is today, so that an approval lapses with its approver."""

    async def find(self, id: str) -> Principal | None:
        """Return the principal with today's rights and groups; None if there is none any more."""
        ...


class Directory(Protocol):
    """Tells what a recipient, such as a mail address or a channel, may read."""

    def acls(self, recipient: str) -> frozenset[str]:
        """Return the ACL ids that everybody behind ``recipient`` satisfies today; none for the unknown."""
        ...


class Ladder(Protocol):
    """Tells how far a version may act alone; without one every unit stands at ``APPROVE``."""

    async def standing(self, unit: Unit) -> Standing:
        """Return where ``unit`` stands; it may be a moment old."""
        ...

    async def require_rung(self, tx: Tx, unit: Unit, rung: Rung) -> None:
        """Refuse unless ``unit`` stands at ``rung`` or higher, and keep it there until ``tx`` ends.

        Raises:
            DeniedError: ``ladder.below``.
        """
        ...

    def drawn(self, effect_id: str, share: float) -> bool:
        """Whether the lot says that a person reviews this effect."""
        ...

    async def demote(
        self, unit: Unit, *, by: Principal, reason: str, why: Literal["ladder.label_violation"]
    ) -> bool:
        """Take ``unit`` down to ``APPROVE`` at once; False if it stands there or lower."""
        ...

    async def review(
        self,
        tx: Tx,
        unit: Unit,
        effect_id: str,
        *,
        title: str,
        principal: str,
        proposer: str,
        args: Mapping[str, Any] | None = None,
        summary: str = "",
        evidence: tuple[Evidence, ...] = (),
        labels: Mapping[str, Label] | None = None,
    ) -> UUID:
        """Ask a person whether a drawn effect was right, in the transaction that stores its outcome."""
        ...
