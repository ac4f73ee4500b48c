"""Owns the record of one attempt while it runs, and the port of whatever keeps it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol
from uuid import UUID

from pilothouse.labels import Label
from pilothouse.models.calling.render import Mode
from pilothouse.models.provider import Provider
from pilothouse.models.types import Answer, ChatRequest, Message, Usage

__all__ = ["Attempt", "Ended", "Keeper", "NoKeeper"]

Outcome = Literal["ok", "failed", "invalid", "refused", "cancelled"]


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt of one call at one provider.

    Attributes:
        id: UUIDv7; also the answer's ``call`` when this attempt gave it.
        call: Id of the call it belongs to.
        number: Counted from 1.
        messages: What is sent, without what the gateway adds.
        label: Join of what is sent.
        request_hash: Of what was asked, the same for each attempt.
        estimate: The most it may use; reserved before anything is sent.
        cost: What the estimate costs.
        dropped: Why providers before it were left out.
        seconds: Left until the deadline.
    """

    id: UUID
    call: str
    number: int
    request: ChatRequest
    messages: Sequence[Message]
    label: Label
    provider: Provider
    mode: Mode
    route: str
    request_hash: str
    schema_hash: str
    estimate: Usage
    cost: Decimal
    seconds: float
    dropped: Mapping[str, str] = field(default_factory=dict[str, str])
    redactors: tuple[str, ...] = ()
    repair: bool = False
    local: bool = True
    effect: str = ""
    began: float = field(default_factory=time.monotonic)
    first: float | None = None

    def took(self) -> float:
        """Return the seconds since it began."""
        return time.monotonic() - self.began


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an attempt came to.

    Attributes:
        code: Stable code of what went wrong.
        raw: Text that was refused, kept for whoever asks why.
        model: As whom it answered.
    """

    outcome: Outcome
    usage: Usage
    code: str = ""
    why: str = ""
    answer: Answer | None = None
    raw: str = ""
    model: str = ""


class Keeper(Protocol):
    """Keeps attempts and their budgets; the gateway's record."""

    async def open(self, attempt: Attempt) -> None:
        """Reserve its estimate in every budget that it falls under, and note that it begins.

        Raises:
            BudgetError: One of them has not enough left; nothing was reserved.
        """
        ...

    async def close(self, attempt: Attempt, ended: Ended) -> None:
        """Settle the reservation and store what it came to."""
        ...

    async def recorded(
        self, request: ChatRequest, request_hash: str, *, within: float | None = None
    ) -> Answer | None:
        """Return the answer that was stored for an identical request of the same rights.

        Args:
            request: Of the same rights.
            request_hash: What was asked.
            within: At most so many seconds old; None for any age.
        """
        ...


class NoKeeper:
    """Keeps nothing: for tests, and where there is no database."""

    async def open(self, attempt: Attempt) -> None:
        """Reserve nothing."""

    async def close(self, attempt: Attempt, ended: Ended) -> None:
        """Store nothing."""

    async def recorded(
        self, request: ChatRequest, request_hash: str, *, within: float | None = None
    ) -> Answer | None:
        """Return nothing."""
        return None
