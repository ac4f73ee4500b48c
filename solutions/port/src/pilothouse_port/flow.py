"""Owns the durable run: one workflow gathers a discharge list, one per consignment asks and releases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pilothouse import child, decide, gather, now, perform, step, workflow
from pilothouse.kernel import ConflictError, UsageError, wired
from pilothouse.workflows import configured
from pilothouse_port.assist.work import assist
from pilothouse_port.bindings import Bindings
from pilothouse_port.desk.asking import (
    ANSWER_WITHIN,
    DESK,
    Released,
    notify,
    rules_of,
    summary_of,
    title_of,
)
from pilothouse_port.desk.looking import Gathered, PortRef, bound_reader, gather_batch, list_boxes
from pilothouse_port.evaluate import judge, local_time
from pilothouse_port.outward import cancel_args, cancel_release, notice_args, release_args, release_container
from pilothouse_port.pack import Pack
from pilothouse_port.reading import read_facts, reader_for
from pilothouse_port.types import Consignment, Facts

if TYPE_CHECKING:
    from pilothouse.app import Studio
    from pilothouse.engine import Entry, Run

__all__ = [
    "Gathered",
    "PortRef",
    "Released",
    "Weighed",
    "assist",
    "cancel",
    "discharge",
    "notify",
    "release",
    "release_all",
    "release_container",
]

BATCH = 200
CANCELLING = "cancelling"
_LIVE = ("ready", "running")


@wired("port.weighed")
@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A pack with the arguments of what it leads to: the release, or a note to the party."""

    pack: Pack
    release: dict[str, Any] | None
    notice: dict[str, Any] | None = None


@step
async def weigh(port: PortRef, facts: Facts, lookups: float, number: int, at: datetime) -> Weighed:
    """Judge the facts by the policy as it stands now."""
    from pilothouse.engine import acting

    bindings, principal = port.load(), acting()
    reads = await reader_for(bindings, bound_reader(principal), asker=principal.id)
    readout = await read_facts(facts, reads)
    here = local_time(bindings, at)
    pack = judge(facts, bindings.table, at=here, readout=readout, lookups=lookups, number=number)
    release = release_args(bindings, pack)
    notice = None if release else notice_args(bindings, facts, pack)
    return Weighed(pack=pack, release=release, notice=notice)


@workflow(name="port.discharge", version="1")
async def discharge(port: PortRef) -> list[Released]:
    """Gather the discharge list in batches and decide every consignment in a run of its own."""
    boxes = await list_boxes(port)
    gathered: list[Gathered] = []
    for first in range(0, len(boxes), BATCH):
        gathered.append(await gather_batch(port, boxes[first : first + BATCH], port.as_of))
    shares = [(facts, got.lookups / len(got.facts)) for got in gathered for facts in got.facts]
    return await gather(
        *(child(release, port, facts, share, number) for number, (facts, share) in enumerate(shares))
    )


@workflow(name="port.release", version="1")
async def release(port: PortRef, facts: Facts, lookups: float, number: int) -> Released:
    """Weigh one consignment, ask the desk, and release on a yes; evidence that moved is gathered anew."""
    at = port.as_of
    box = facts.consignment
    while True:
        weighed = await weigh(port, facts, lookups, number, at)
        pack = weighed.pack
        call = None if weighed.release is None else release_container.bind(**weighed.release)
        answer = await decide(
            title_of(pack),
            of=call,
            evidence=pack.evidence,
            who=DESK,
            within=ANSWER_WITHIN,
            unless="hold",
            summary=summary_of(pack),
            verdict=pack.verdict.advised.value,
            reasons=rules_of(pack),
            data_versions={port.versions_key: pack.verdict.table_version},
            policy_version=pack.verdict.table_version,
            topic="" if call else "release_container",
        )
        if call is None and answer.approved and weighed.notice is not None:
            # The desk agrees to hold; that the party is told is a question of its own.
            return await child(notify, box, weighed.notice)
        if call is None or not answer.approved:
            return Released(consignment=box, state="held", by=answer.by, reason=answer.reason)
        # The door reads the cited values again; a stop or a hold where there was no row is found only here.
        at = now() if port.live else port.as_of
        fresh = await gather_batch(port, [box], at)
        again = await weigh(port, fresh.facts[0], float(fresh.lookups), number, at)
        if again.pack.content != pack.content:
            facts, lookups = fresh.facts[0], float(fresh.lookups)
            continue
        try:
            done = await perform(
                call,
                answer,
                data_versions={port.versions_key: pack.verdict.table_version},
                policy_version=pack.verdict.table_version,
            )
        except ConflictError:
            # Something decisive moved in the last moment: gather again and ask again.
            facts = (await gather_batch(port, [box], at)).facts[0]
            continue
        return Released(consignment=box, state=done.state, by=answer.by, reason="; ".join(done.reasons))


@step
async def right_of(port: PortRef, box: Consignment, right: str) -> dict[str, Any]:
    """Put the cancellation of a granted right together."""
    args = cancel_args(port.load(), box.container, box.bl, right)
    if args is None:
        raise UsageError(
            "this port cannot take releases back: add effects.cancel to port.yaml", code="port.cancel"
        )
    return args


@workflow(name="port.cancel", version="1")
async def cancel(port: PortRef, box: Consignment, right: str, why: str) -> Released:
    """Ask those who may cancel, never those who may release, and take the right back on a yes."""
    call = cancel_release.bind(**await right_of(port, box, right))
    answer = await decide(
        f"cancel the release of {box.container} under {box.bl}", of=call, who=CANCELLING,
        within=ANSWER_WITHIN, summary=why,
    )  # fmt: skip
    if not answer.approved:
        return Released(consignment=box, state="released", by=answer.by, reason=answer.reason)
    done = await perform(call, answer)
    return Released(consignment=box, state=done.state, by=answer.by, reason="; ".join(done.reasons))


async def release_all(
    folder: Path,
    bindings: Bindings,
    *,
    at: datetime,
    live: bool = False,
    acting: str | None = None,
    tell: Callable[[dict[str, int]], None] = lambda _counts: None,
) -> list[Pack]:
    """Start the discharge run of the project, or find it, and work until every box is weighed and asked.

    Args:
        folder: The project.
        bindings: The port as configured.
        at: The time asked about.
        live: Look again as of the moment of each release; see :class:`PortRef`.
        acting: Whom the runs act for.
        tell: Gets the number of runs by state, a few times a second.

    Raises:
        UsageError: ``port.run_failed``: a run failed or is blocked; names it and why.
    """
    from pilothouse.app import open_studio

    port = PortRef(
        bindings=str(bindings.path.resolve()), policy=str(bindings.document.resolve()), as_of=at, live=live
    )
    async with open_studio(folder, acting=acting) as studio:
        started = await discharge.start(
            port,
            key=f"{at.isoformat()}:{bindings.version[:16]}",
            options={"principal": studio.principal, "label": configured("port", bindings.version)},
        )
        children = await _settled(studio, started, tell)
        return [await _pack_of(studio, run) for run in children]


async def _settled(studio: Studio, started: Run, tell: Callable[[dict[str, int]], None]) -> list[Run]:
    """Wait until the parent waits for its children and every child has ended or asked somebody."""
    while True:
        parent = await studio.engine.get(started.id)
        children = await studio.engine.runs(parent=started.id, limit=10_000)
        states = [run.state for run in children]
        tell({state: states.count(state) for state in sorted(set(states))})
        if parent.state in ("failed", "blocked", "cancelled"):
            raise UsageError(
                f"run {parent.id} is {parent.state}: {parent.reason}; see `pilothouse show {parent.id}`",
                code="port.run_failed",
            )
        if parent.state not in _LIVE and not any(state in _LIVE for state in states):
            return sorted(children, key=lambda run: run.key)
        await asyncio.sleep(0.2)


async def _pack_of(studio: Studio, run: Run) -> Pack:
    """Return the last pack that a release run weighed."""
    weighed: list[Entry] = [e async for e in studio.engine.history(run.id) if e.name.endswith("weigh")]
    if not weighed:
        raise UsageError(
            f"run {run.id} is {run.state} without a pack: {run.reason}; see `pilothouse show {run.id}`",
            code="port.run_failed",
        )
    return cast("Weighed", await studio.engine.output(weighed[-1])).pack
