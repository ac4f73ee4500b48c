"""Owns looking at a port from a durable run: which port as of when, its discharge list, facts in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pilothouse import step
from pilothouse.kernel import UsageError, wired
from pilothouse.workflows import bound, version_of
from pilothouse_port.bindings import Bindings, SourcesReader, list_consignments, load_bindings
from pilothouse_port.bindings import gather as gather_facts
from pilothouse_port.evaluate import local_time
from pilothouse_port.types import Consignment, Facts

__all__ = ["Gathered", "PortRef", "bound_reader", "gather_batch", "list_boxes", "one_of", "policy_version"]

POLICY = "port.policy"


@wired("port.ref")
@dataclass(frozen=True, slots=True, kw_only=True)
class PortRef:
    """Which port, as of when: paths of mapping and policy, and the time asked about.

    With ``live`` a box is looked at again as of the very moment of its release; else the time stays frozen,
    as in a replay or a made world.
    """

    bindings: str
    policy: str
    as_of: datetime
    live: bool = False

    def load(self) -> Bindings:
        """Read the mapping and its policy as they stand now."""
        return load_bindings(Path(self.bindings), policy_document=Path(self.policy))

    @property
    def versions_key(self) -> str:
        """Name under which an approval binds the policy's version."""
        return f"{POLICY}:{self.bindings}|{self.policy}"


@wired("port.gathered")
@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Facts of some consignments and the queries they took."""

    facts: tuple[Facts, ...]
    lookups: int


@version_of(POLICY)
async def policy_version(name: str) -> str:
    """Return the version of the policy table in force for a :attr:`PortRef.versions_key`."""
    bindings, _, policy = name.partition("|")
    table = load_bindings(Path(bindings), policy_document=Path(policy)).table
    return f"{table.version}{' stale' if table.stale else ''}"


def bound_reader(principal: Any) -> SourcesReader:
    """Return the sources as ``principal`` reads them, noted for the labels of the run."""
    return SourcesReader(bound().need("sources"), principal)


def one_of(boxes: Sequence[Consignment], container: str, bl: str = "") -> Consignment:
    """Return the consignment that somebody means; the B/L may be left out where there is only one.

    Raises:
        UsageError: ``port.no_box``, ``port.which_bl``.
    """
    found = [one for one in boxes if one.container == container and bl in ("", one.bl)]
    if not found:
        under = f" under {bl!r}" if bl else ""
        raise UsageError(f"{container!r}{under} is not on the discharge list", code="port.no_box")
    if len(found) > 1:
        bills = ", ".join(one.bl for one in found)
        raise UsageError(f"{container} is under {bills}; name one with --bl", code="port.which_bl")
    return found[0]


@step
async def list_boxes(port: PortRef) -> list[Consignment]:
    """Read the discharge list."""
    from pilothouse.engine import acting

    return list(await list_consignments(port.load(), bound_reader(acting())))


@step
async def gather_batch(port: PortRef, boxes: list[Consignment], at: datetime) -> Gathered:
    """Read the facts of a batch: one query a system and object, whatever the number of boxes."""
    from pilothouse.engine import acting

    bindings = port.load()
    got = await gather_facts(bindings, bound_reader(acting()), boxes, at=local_time(bindings, at))
    return Gathered(facts=tuple(got.facts), lookups=got.lookups)
