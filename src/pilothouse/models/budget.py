"""Owns budgets: which limits a call falls under, and what it would take of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from pilothouse.models.types import ChatRequest, Usage
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["BudgetRule", "BudgetScope", "BudgetState", "Budgets", "Share", "amount"]

Q = load_queries("pilothouse.models")
BudgetScope = Literal["project", "principal", "group", "caller", "run"]
Unit = Literal["tokens", "money", "cpu_seconds", "wall_seconds"]
Key = tuple[str, str, str, str]
KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRule:
    """One limit of the project.

    Attributes:
        scope: ``project`` all together, ``principal`` each person or service, ``group`` each team,
            ``caller`` each agent or workflow version, ``run`` each run.
        name: Whose: a pattern such as ``*`` or ``claims-reader@*``; each that fits has a budget of its own.
        unit: ``tokens`` of prompt and answer, ``money``, ``cpu_seconds`` or ``wall_seconds``.
        most: The limit.
        per: ``day`` or ``month`` (UTC) starts anew; empty is for good.
    """

    scope: BudgetScope
    unit: Unit
    most: Decimal
    name: str = "*"
    per: Literal["", "day", "month"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A budget that a call falls under."""

    id: int
    rule: BudgetRule
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """How a budget stands.

    Attributes:
        over: What providers used beyond what was reserved for them.
        lost: Estimates of calls whose process died.
    """

    scope: str
    name: str
    unit: str
    period: str
    most: Decimal
    reserved: Decimal
    used: Decimal
    over: Decimal
    lost: Decimal


class Budgets:
    """The rules of a project and their rows.

    Args:
        database: Where they are.
        rules: The limits.
    """

    def __init__(self, database: Database, rules: Sequence[BudgetRule] = ()) -> None:
        self._database = database
        self._rules = tuple(rules)
        self._ids: dict[Key, int] = {}

    async def shares(self, request: ChatRequest) -> list[Share]:
        """Return every budget that ``request`` falls under, made where it is the first."""
        found: list[Share] = []
        for rule in self._rules:
            for name in _names(rule, request):
                found.append(Share(id=await self._id(rule, name), rule=rule, name=name))
        return found

    async def _id(self, rule: BudgetRule, name: str) -> int:
        key = (rule.scope, name, rule.unit, _period(rule))
        known = self._ids.get(key)
        if known is None:
            values = {"scope": key[0], "name": key[1], "unit": key[2], "period": key[3], "most": rule.most}
            known = int(await self._database.fetch_value(Q.budget, values))
            if len(self._ids) >= KEPT:
                self._ids.clear()
            self._ids[key] = known
        return known

    async def states(self, *, limit: int = 100) -> tuple[BudgetState, ...]:
        """Return the budgets, fullest first."""
        rows = await self._database.fetch_all(Q.budgets, {"limit": limit})
        names = ("scope", "name", "unit", "period", "most", "reserved", "used", "over", "lost")
        return tuple(BudgetState(**{name: row[name] for name in names}) for row in rows)

    async def sweep(self) -> int:
        """Settle what killed processes had reserved at its estimate; return how many budgets it touched."""
        return await self._database.execute(Q.lost_reservations)


def amount(unit: Unit, usage: Usage, *, cost: Decimal, seconds: float) -> Decimal:
    """Return how much of ``unit`` a usage is."""
    if unit == "tokens":
        return Decimal(usage.prompt_tokens + usage.output_tokens)
    if unit == "money":
        return cost
    return Decimal(f"{usage.cpu_seconds if unit == 'cpu_seconds' else seconds:.6f}")


def _names(rule: BudgetRule, request: ChatRequest) -> Iterable[str]:
    """Return under which names a request falls under a rule."""
    who = request.principal
    named: dict[BudgetScope, Iterable[str]] = {
        "project": ("*",),
        "principal": (who.id,),
        "group": sorted(who.groups),
        "caller": (request.caller,) if request.caller else (),
        "run": (request.run,) if request.run else (),
    }
    if rule.scope == "project":
        return named["project"]
    return [name for name in named[rule.scope] if fnmatchcase(name, rule.name)]


def _period(rule: BudgetRule) -> str:
    now = datetime.now(UTC)
    return {"": "", "day": now.strftime("%Y-%m-%d"), "month": now.strftime("%Y-%m")}[rule.per]
