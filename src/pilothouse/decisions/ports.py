"""Owns what the inbox needs from above: who resumes the waiting run, follows an answer, previews an edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pilothouse.decisions.items import Item
    from pilothouse.decisions.proposal import Proposal
    from pilothouse.decisions.types import Answer
    from pilothouse.storage import Tx

__all__ = ["Follower", "Previewer", "Reminder", "Resumer"]


class Resumer(Protocol):
    """Resumes a run that waits for an answer; ``app.py`` binds the engine."""

    async def resume(self, tx: Tx, run: str, key: str, value: Answer) -> object:
        """Meet the wait ``key`` of ``run`` with ``value`` inside ``tx``.

        Returns:
            False if nothing waits there any more (met by another subject, cancelled): then a person's answer
            is not stored and the item is withdrawn. Everything else means that the run goes on.
        """
        ...


class Follower(Protocol):
    """Takes the answers to one ``Proposal.kind``, inside the transaction that stores them."""

    async def answered(self, tx: Tx, proposal: Proposal, answer: Answer) -> None:
        """Act on ``answer``; raising undoes the answer."""
        ...


class Previewer(Protocol):
    """Shows what a call would do; the door does, from the tool's declaration."""

    def preview(self, tool: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``Proposal.preview`` for these arguments.

        Raises:
            UsageError: The tool is unknown or the arguments do not fit it.
        """
        ...


class Reminder(Protocol):
    """Tells people that an item still waits, inside the transaction that notes it."""

    async def remind(self, tx: Tx, item: Item, to: str) -> None:
        """Remind of ``item``; ``to`` is who is asked as well from now on, empty if nobody new."""
        ...
