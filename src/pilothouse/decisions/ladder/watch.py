"""Owns what the ladder looks at by itself: settled labels, the reviewers' catch rate, drift of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, Protocol

from pilothouse.decisions.ladder.labels import Labels
from pilothouse.decisions.ladder.maths.detector import ks, psi
from pilothouse.decisions.ladder.maths.selection import binomial_tail
from pilothouse.decisions.ladder.moves import CHANNEL, demote, ensure
from pilothouse.decisions.ladder.policy import LadderPolicy
from pilothouse.decisions.ladder.rows import certificate_of
from pilothouse.decisions.ladder.types import Rung, Unit
from pilothouse.kernel import PilothouseError
from pilothouse.storage import Query, load_queries

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pilothouse.storage import Database, Row, Tx

__all__ = ["CatchCounts", "Watch", "drifted", "seeded"]

Q = load_queries("pilothouse.decisions.ladder")
SURE: Final = 0.05
PSI_LIMIT: Final = 0.25
KS_LIMIT: Final = 1e-3


class CatchCounts(Protocol):
    """Tells how many seeded bad proposals about a unit's action were shown, and how many caught."""

    async def __call__(self, database: Database, unit: Unit) -> tuple[int, int]:
        """Return shown and caught, both since ever."""
        ...


async def seeded(database: Database, unit: Unit) -> tuple[int, int]:
    """Count the samples planted in the inbox under the action's name, whatever site and version."""
    from pilothouse.decisions.asking.seeds import catches

    found = await catches(database, unit.action)
    return found.shown, found.caught


class Watch:
    """Looks at every unit that climbs or stands above the rung everything starts at."""

    def __init__(
        self,
        database: Database,
        policy: LadderPolicy,
        labels: Labels,
        *,
        consider: Callable[[Tx, Unit], Awaitable[None]],
        catches: CatchCounts,
    ) -> None:
        self._database = database
        self._policy = policy
        self._labels = labels
        self._consider = consider
        self._catches = catches

    async def sweep(self) -> int:
        """Count what has settled and look at the catch rates; return how many labels were counted.

        Raises:
            PilothouseError: One unit could not be looked at (the first error); the others were.
        """
        failed: list[PilothouseError] = []
        counted = await self._each(Q.due_units, self._settle, failed)
        if self._policy.catch == "measured":
            await self._each(Q.watched_units, self._caught, failed)
        if failed:
            raise failed[0]
        return counted

    async def _each(
        self, units: Query, look: Callable[[Row], Awaitable[int]], failed: list[PilothouseError]
    ) -> int:
        total = 0
        for row in await self._database.fetch_all(units):
            try:
                total += await look(row)
            except PilothouseError as error:
                failed.append(error)
        return total

    async def _settle(self, row: Row) -> int:
        async with self._database.transaction() as tx:
            return await self._labels.settle(tx, _unit(row))

    async def _caught(self, seen: Row) -> int:
        """Store what is new about the reviewers; fall if they catch less than when the unit was certified."""
        unit = _unit(seen)
        shown, caught = await self._catches(self._database, unit)
        if (seen["shown"], seen["caught"]) == (shown, caught):
            return 0
        async with self._database.transaction() as tx:
            row = await ensure(tx, unit, self._policy)
            await tx.execute(Q.set_catch, {"id": row["test_id"], "shown": shown, "caught": caught})
            await tx.notify(CHANNEL)
            paper = certificate_of(row)
            if paper is None:
                await self._consider(tx, unit)
                return 0
            since, held = shown - paper.shown, caught - paper.caught
            if since > 0 and binomial_tail(since, held, paper.catch) <= SURE:
                words = f"{held} of {since} seeded bad proposals were caught since; proved: {paper.catch:.0%}"
                await demote(
                    tx,
                    row,
                    unit,
                    Rung.APPROVE,
                    self._policy,
                    why="ladder.catch_fell",
                    reason=words,
                    by="system",
                )
            else:
                await self._consider(tx, unit)
        return 0


def _unit(row: Row) -> Unit:
    return Unit(action=row["action"], tier=row["tier"], site=row["site"], version=row["version"])


def drifted(reference: Sequence[float], recent: Sequence[float], *, by: Literal["ks", "psi"]) -> str | None:
    """Return in words how the inputs have changed; None if they have not.

    Args:
        reference: Values (``ks``) or a histogram (``psi``) of the cases the certificate rests on.
        recent: The same of recent cases; for ``psi`` over the same bins.
        by: Kolmogorov-Smirnov at 0.1 %, or a population stability index above 0.25.

    Raises:
        UsageError: ``ladder.samples``.
    """
    if by == "psi":
        index = psi(reference, recent)
        return f"population stability index {index:.2f}" if index > PSI_LIMIT else None
    distance, chance = ks(reference, recent)
    return f"distance {distance:.2f}, chance {chance:.1e}" if chance < KS_LIMIT else None
