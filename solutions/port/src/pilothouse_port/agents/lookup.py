"""Owns the one tool of the exception handler: a fact of the catalogue, read now and under its own label."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from pilothouse import engine
from pilothouse.agents import ReadTool, Value
from pilothouse.connectors import as_text
from pilothouse.kernel import Json, Principal, UsageError
from pilothouse.labels import join, unknown
from pilothouse.workflows import bound
from pilothouse_port.agents.cases import valued
from pilothouse_port.bindings import SourcesReader, gather, load_bindings
from pilothouse_port.evaluate import local_time
from pilothouse_port.facts import FACTS
from pilothouse_port.types import Absent, Consignment, Fact, Reading

__all__ = ["LOOK_UP", "OnDesk", "on_desk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDesk:
    """The box that is worked on; an agent names a fact, never a port or a file.

    Attributes:
        bindings: Path of the mapping.
        policy: Path of the policy document.
        at: The time asked about.
    """

    bindings: str
    policy: str
    at: datetime
    box: Consignment


_DESK: contextvars.ContextVar[OnDesk] = contextvars.ContextVar("pilothouse_port_desk")


def on_desk(desk: OnDesk) -> None:
    """Lay a box on the desk of the running workflow; each replay does so again."""
    _DESK.set(desk)


async def _look_up(fact: str) -> Value:
    if fact not in FACTS:
        raise UsageError(f"{fact!r} is not a fact of the catalogue", code="port.fact")
    desk = _DESK.get()
    bindings = load_bindings(Path(desk.bindings), policy_document=Path(desk.policy))
    reader = SourcesReader(bound().need("sources"), _through_agent(engine.acting()))
    got = await gather(bindings, reader, [desk.box], at=local_time(bindings, desk.at), texts=False)
    return shown(got.facts[0][fact])


def shown(reading: Reading) -> Value:
    """Return a reading as an agent gets it, under the labels of the values it cites."""
    label = join(*(item.label for item in reading.cited)) if reading.cited else unknown(engine.acting().id)
    if isinstance(reading, Fact):
        values: list[Json] = [as_text(item.value) for item in reading.cited]
        return valued({"fact": reading.name, "state": "known", "values": values}, label)
    state = "no row" if isinstance(reading, Absent) else f"unknown: {reading.cause}"
    return valued({"fact": reading.name, "state": state, "values": []}, label)


def _through_agent(principal: Principal) -> Principal:
    """Return the clerk as the handler may act for him: to read sources, and nothing else."""
    rights = frozenset({"sources:*", "user:*", "acl:*", "group:*"})
    return replace(principal, agent=Principal(id="port-exception-handler", kind="service", rights=rights))


_FACTS: list[Json] = [*sorted(FACTS)]
_PARAMETERS: dict[str, Json] = {
    "type": "object", "properties": {"fact": {"type": "string", "enum": _FACTS}}, "required": ["fact"],
    "additionalProperties": False,
}  # fmt: skip

LOOK_UP: Final = ReadTool(
    name="port_look_up",
    read=_look_up,
    needs=("fact",),
    description="Reads one fact about the box now, such as credit.limit, order.state or pickup.at.",
    parameters=_PARAMETERS,
)
"""Reads with the rights that both the clerk and the handler have."""
