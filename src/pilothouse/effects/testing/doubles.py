"""Owns doubles of the ports: moving sources, a receiver that remembers, a waiting run, rungs, people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.decisions import Answer, Evidence, Rung, Standing, Unit
from pilothouse.effects.declare import EffectCall, Probed
from pilothouse.kernel import DeniedError, Principal, new_id
from pilothouse.labels import Labelled, Origin

if TYPE_CHECKING:
    from pilothouse.storage import Tx

__all__ = [
    "FakeLadder",
    "FakePeople",
    "FakeReceiver",
    "FakeResumer",
    "FakeSources",
]


@dataclass(kw_only=True)
class FakeSources:
    """A ``Rereader`` and ``Versions`` over values that a test may change.

    Attributes:
        values: What each field says now; a field left out is gone.
        versions: The versions in force.
        row_version: The version token of every row.
        error: Raised instead of an answer.
        reads: How often something was read again.
    """

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    versions: dict[str, str] = field(default_factory=dict[str, str])
    row_version: str = "1"
    error: Exception | None = None
    reads: int = 0

    async def reread(self, evidence: Evidence) -> Labelled | None:
        """Return what the field says now, under the label it had."""
        self.reads += 1
        if self.error is not None:
            raise self.error
        origin = evidence.label.origin
        if not isinstance(origin, Origin) or origin.field not in self.values:
            return None
        moved = replace(origin, version=self.row_version, read_at=datetime.now(UTC))
        return Labelled(value=self.values[origin.field], label=replace(evidence.label, origin=moved))

    async def current(self, names: list[str]) -> Mapping[str, str]:
        """Return the versions known."""
        return {name: self.versions[name] for name in names if name in self.versions}


@dataclass(kw_only=True)
class FakeReceiver:
    """A foreign system: remembers what it got, and knows an effect id when it sees it again.

    Attributes:
        got: Every call that arrived, doubles included.
        done: What it did, by effect id: once each.
        before: Raised before it acts, one per call.
        after: Raised after it acted, one per call.
        knows: What its probe answers; None answers truthfully.
    """

    got: list[EffectCall] = field(default_factory=list[EffectCall])
    done: dict[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    before: list[Exception] = field(default_factory=list[Exception])
    after: list[Exception] = field(default_factory=list[Exception])
    knows: Probed | Exception | None = None

    async def __call__(self, call: EffectCall) -> Any:
        """Act on a call, unless this effect id was acted on before."""
        self.got.append(call)
        if self.before:
            raise self.before.pop(0)
        self.done.setdefault(call.effect_id, dict(call.args))
        if self.after:
            raise self.after.pop(0)
        return {"reference": f"R-{call.effect_id}"}

    async def probe(self, call: EffectCall) -> Probed:
        """Tell whether the effect happened."""
        if isinstance(self.knows, Exception):
            raise self.knows
        if self.knows is not None:
            return self.knows
        if call.effect_id in self.done:
            return Probed(state="done", result={"reference": f"R-{call.effect_id}"})
        return Probed(state="not_done")


@dataclass(kw_only=True)
class FakeResumer:
    """A run that waits.

    Attributes:
        got: (run, key, answer) in the order they came.
        error: Raised instead of resuming.
        waiting: False once nothing waits any more.
    """

    got: list[tuple[str, str, Answer]] = field(default_factory=list[tuple[str, str, Answer]])
    error: Exception | None = None
    waiting: bool = True

    async def resume(self, tx: Tx, run: str, key: str, value: Answer) -> bool:
        """Note the answer."""
        if self.error is not None:
            raise self.error
        if self.waiting:
            self.got.append((run, key, value))
        return self.waiting


@dataclass(kw_only=True)
class FakeLadder:
    """A ``Ladder`` whose rungs a test sets; every version starts at ``APPROVE``.

    Attributes:
        rungs: Where each version stands, by ``Unit.version``.
        remembered: What ``standing`` still says although the rung has moved.
        share: The share reviewed.
        lot: Effect ids that the lot draws.
        reviews: Effect ids a person was asked about, with the title.
        broken: Whether asking fails.
        falls: Which version was taken down, why, and for what reason.
    """

    rungs: dict[str, Rung] = field(default_factory=dict[str, Rung])
    remembered: dict[str, Rung] = field(default_factory=dict[str, Rung])
    share: float = 0.1
    lot: set[str] = field(default_factory=set[str])
    reviews: dict[str, str] = field(default_factory=dict[str, str])
    broken: bool = False
    falls: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    async def standing(self, unit: Unit) -> Standing:
        """Return where the version stands, or what is remembered of it."""
        rung = self.remembered.get(unit.version, self.rungs.get(unit.version, Rung.APPROVE))
        return Standing(unit=unit, rung=rung, review=self.share, n=0, k=0, log_e=0.0, bound=1.0)

    async def require_rung(self, tx: Tx, unit: Unit, rung: Rung) -> None:
        """Refuse unless the version stands that high."""
        if self.rungs.get(unit.version, Rung.APPROVE) < rung:
            raise DeniedError(f"{unit} stands lower", code="ladder.below", reasons=("ladder.below",))

    def drawn(self, effect_id: str, share: float) -> bool:
        """Whether the test put the effect into the lot."""
        return effect_id in self.lot

    async def demote(self, unit: Unit, *, by: Principal, reason: str, why: str) -> bool:
        """Take the version down to ``APPROVE``, and note why."""
        self.falls.append((unit.version, why, reason))
        self.rungs[unit.version] = Rung.APPROVE
        return True

    async def review(self, tx: Tx, unit: Unit, effect_id: str, *, title: str, **asked: Any) -> UUID:
        """Note what a person was asked."""
        if self.broken:
            raise RuntimeError("the ladder is broken")
        self.reviews[effect_id] = title
        return new_id()


@dataclass(kw_only=True)
class FakePeople:
    """``Principals`` and a ``Directory`` that a test may change.

    Attributes:
        people: Who is there today.
        reads: What each recipient may read.
    """

    people: dict[str, Principal] = field(default_factory=dict[str, Principal])
    reads: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    async def find(self, id: str) -> Principal | None:
        """Return the principal as it is today."""
        return self.people.get(id)

    def acls(self, recipient: str) -> frozenset[str]:
        """Return what the recipient may read; nothing for the unknown."""
        return self.reads.get(recipient, frozenset())
