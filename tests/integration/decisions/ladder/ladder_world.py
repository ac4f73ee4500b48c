"""People who may sign, a quick policy, and the ways up the ladder that several tests take."""

from __future__ import annotations

from uuid import UUID

from pilothouse.decisions import Inbox, InboxFilter
from pilothouse.decisions.ladder import Ladder, LadderPolicy, Standing, Unit
from pilothouse.kernel import Principal
from pilothouse.storage import Database

RIGHTS = frozenset({"ladder:change", "decisions:*"})
IDA = Principal(id="owner.ida", rights=RIGHTS)
JON = Principal(id="owner.jon", rights=RIGHTS)
KAI = Principal(id="owner.kai", rights=RIGHTS)
UNIT = Unit(action="book_slot", tier=1, site="north", version="v1")
QUICK = LadderPolicy(
    eps={1: 0.2, 2: 0.2, 3: 0.2, 4: 0.2}, settle_days={1: 0, 2: 0, 3: 0, 4: 0}, catch="assumed"
)


class Counts:
    """Says how many seeded proposals were shown and caught."""

    def __init__(self) -> None:
        self.now = (0, 0)

    async def __call__(self, database: Database, unit: Unit) -> tuple[int, int]:
        return self.now


async def clean(ladder: Ladder, unit: Unit, *, upto: int = 500, tag: str = "c") -> Standing:
    """Label good cases until the unit is ready to be promoted."""
    for number in range(upto):
        standing = await ladder.standing(unit)
        if standing.ready:
            return standing
        await ladder.label(unit, f"{tag}-{number}", wrong=False, source="test")
    raise AssertionError(f"not ready after {upto}: {await ladder.standing(unit)}")


async def asked(inbox: Inbox, topic: str = "ladder") -> list[UUID]:
    """Return the open questions of a topic."""
    page = await inbox.list(IDA, InboxFilter(topic=topic, state="open"))
    return [item.id for item in page.items]


async def climb(ladder: Ladder, inbox: Inbox, unit: Unit, *, tag: str = "c") -> Standing:
    """Label and sign until the unit is one rung higher."""
    await clean(ladder, unit, tag=tag)
    [question] = await asked(inbox)
    await inbox.approve(question, JON)
    return await ladder.standing(unit)
