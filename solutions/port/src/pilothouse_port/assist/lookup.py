"""Owns the tool of the exception handler: one fact of its box, read again, as far as records say it."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, replace
from typing import Final

from pilothouse.agents import AgentSpec, ReadTool
from pilothouse.connectors import as_text
from pilothouse.engine import acting
from pilothouse.kernel import Json, Principal, UsageError
from pilothouse.labels import Integrity, Labelled, join, unknown
from pilothouse_port.bindings import gather
from pilothouse_port.desk.looking import PortRef, bound_reader
from pilothouse_port.evaluate import local_time
from pilothouse_port.facts import FACTS
from pilothouse_port.types import Consignment, Fact, Reading, Unknown

__all__ = ["LOOK_UP", "on_desk", "only_records", "said", "under"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """The box that the agent works on; it names facts, never a port, a box or a file."""

    port: PortRef
    box: Consignment
    agent: Principal


_DESK: contextvars.ContextVar[_Desk] = contextvars.ContextVar("pilothouse_port_desk")


def on_desk(port: PortRef, box: Consignment, agent: AgentSpec) -> None:
    """Lay a box on the desk of the running workflow; each replay does so again."""
    _DESK.set(_Desk(port=port, box=box, agent=agent.principal("desk")))


def only_records(reading: Reading) -> Reading:
    """Return the reading, or that it is unknown where a stranger could have written part of it."""
    if all(item.label.integrity >= Integrity.RECORD for item in reading.cited):
        return reading
    return Unknown(name=reading.name, cause="unread", detail="no record says so")


def said(reading: Reading) -> Json:
    """Return what a reading says, in words of records and of ours alone."""
    if isinstance(reading, Fact):
        return [as_text(item.value) for item in reading.cited]
    return f"unknown: {reading.cause}" if isinstance(reading, Unknown) else "no row"


def under(data: Json, *readings: Reading) -> Labelled:
    """Return what code made of readings, under the join of all that they cite."""
    labels = [item.label for reading in readings for item in reading.cited]
    return Labelled(value=data, label=join(*labels) if labels else unknown(acting().id))


async def _look_up(fact: str) -> Labelled:
    if fact not in FACTS:
        raise UsageError(f"{fact!r} is not a fact of the catalogue", code="port.fact_unknown")
    desk = _DESK.get(None)
    if desk is None:
        raise UsageError("no box lies on the desk; this tool is for `port.assist` alone", code="port.no_desk")
    bindings = desk.port.load()
    reader = bound_reader(replace(acting(), agent=desk.agent))
    at = local_time(bindings, desk.port.as_of)
    got = await gather(bindings, reader, [desk.box], at=at, texts=False, names=[fact])
    found = only_records(got.facts[0][fact])
    # Which row it is was found by what else was read for it.
    return under({"fact": fact, "says": said(found)}, found, *got.facts[0].readings.values())


LOOK_UP: Final = ReadTool(
    name="port_look_up",
    read=_look_up,
    needs=("fact",),
    description="Reads one fact about the container from its system of record, such as credit.limit.",
    parameters={
        "type": "object", "properties": {"fact": {"type": "string", "enum": [*sorted(FACTS)]}},
        "required": ["fact"], "additionalProperties": False,
    },
)  # fmt: skip
"""Reads with the rights that both the agent and whom it acts for have; texts are out of its reach."""
