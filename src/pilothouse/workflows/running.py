"""Owns the small verbs of a workflow: child, continue_as, sleep, wait_for, schedule, trigger."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NoReturn, TypeVar

from pilothouse import engine
from pilothouse.engine import CATALOG, Catalog, ChildCall, RunLabels, Schedule, Subject, Trigger
from pilothouse.kernel import UsageError
from pilothouse.labels import Label, join
from pilothouse.workflows.declare import Workflow
from pilothouse.workflows.flow import Site, configured, live, site_of, verb

__all__ = ["Signal", "child", "continue_as", "schedule", "sleep", "trigger", "wait_for"]

W = TypeVar("W", bound=Workflow[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What ``wait_for`` came to.

    Attributes:
        name: The signal that came; None when none did in time.
        value: What it carried.
    """

    name: str | None
    value: Any = None


@verb("child")
def child(workflow: Workflow[..., Any], /, *args: Any, queue: str | None = None, **kwargs: Any) -> ChildCall:
    """Return a run of ``workflow`` as a child: await it, or pass many to ``gather``."""
    site = site_of(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]
    values = workflow.signature.bind(workflow.name, args, kwargs)
    order = {name: position + 1 for name, position in workflow.signature.order.items()}

    def labels() -> RunLabels:
        return live().beginning_of(site, values, order)

    def noted(label: Label | None) -> None:
        live().note(site, label)

    return engine.child(workflow.name, values, queue=queue, labels=labels, on_label=noted)


@verb("continue")
def continue_as(**args: Any) -> NoReturn:
    """End this run and let a new run of the same workflow go on with ``args``; for loops without end.

    The new run's key is ``<this run>:next``. The result of this run is None.

    Raises:
        UsageError: ``engine.not_top_level``, or ``engine.child_continues`` in a child.
    """
    site: Site | None = site_of(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]
    labels = live().beginning_of(site, args, {}) if engine.in_run() else None
    engine.continue_as(labels, **args)


async def sleep(duration: timedelta) -> None:
    """Wait; a minute or more costs nothing but a row.

    Raises:
        UsageError: ``engine.not_top_level`` for a long sleep anywhere but at the top level.
    """
    await engine.sleep(duration)


@verb("wait")
def wait_for(*names: str, within: timedelta | None = None) -> Coroutine[Any, Any, Signal]:
    """Park until the first of these signals comes, or ``within`` has passed.

    What a signal carries is untrusted, and readable by the run's principal alone, unless whoever sent it
    said otherwise.

    Raises:
        UsageError: ``engine.not_top_level``, or no names.
    """
    return _wait_for(site_of(sys._getframe(1)), names, within)  # pyright: ignore[reportPrivateUsage]


async def _wait_for(site: Site | None, names: tuple[str, ...], within: timedelta | None) -> Signal:
    if not names:
        raise UsageError("wait_for() needs the name of a signal", code="workflows.no_signal")
    subjects: Sequence[Subject] = [Subject(kind="signal", ref=name) for name in names]
    waited = await engine.wait(subjects, until=within, name=" or ".join(names), unlabelled=False)
    flow = live()
    if waited.outcome == "expired":
        # That nobody came is told by the clock; what brought the run here is told by the pc.
        flow.note(site, flow.inputs(site))
        return Signal(name=None)
    flow.note(site, join(flow.inputs(site), waited.label or flow.unknown()))
    return Signal(name=names[waited.subject], value=waited.value)


def schedule(
    cron: str,
    *,
    name: str | None = None,
    timezone: str = "UTC",
    missed: Literal["skip", "one", "all"] = "one",
    args: Mapping[str, Any] | None = None,
    catalog: Catalog = CATALOG,
) -> Callable[[W], W]:
    """Start the workflow below at the times of a cron rule, each exactly once.

    Args:
        cron: Five fields, local time.
        name: Default the workflow's.
        timezone: IANA name.
        missed: Which ticks are made up for after downtime.
        args: Arguments of every run.
        catalog: Where it is declared.
    """

    def register(workflow: W) -> W:
        found = Schedule(
            name=name or workflow.name, cron=cron, workflow=workflow.name, timezone=timezone,
            args=dict(args or {}), missed=missed, queue=workflow.definition.queue,
            label=configured(f"workflow:{workflow.name}", workflow.version),
        )  # fmt: skip
        catalog.declare(schedules=[found])
        return workflow

    return register


def trigger(
    topic: str,
    *,
    key: Callable[[Any], str] | None = None,
    args: Callable[[Any], Mapping[str, Any]] | None = None,
    name: str | None = None,
    catalog: Catalog = CATALOG,
) -> Callable[[W], W]:
    """Start the workflow below once for every event of a topic of the change feed.

    Args:
        topic: Such as ``discharge.listed``.
        key: Identity of an event's value; default its position in the feed. Give it when the source has one.
        args: Arguments from an event's value; default the value itself, a mapping.
        name: Stable name of the cursor; default workflow and topic.
        catalog: Where it is declared.
    """

    def register(workflow: W) -> W:
        found = Trigger(
            name=name or f"{workflow.name}:{topic}", topic=topic, workflow=workflow.name,
            key=key, args=args or dict,
        )  # fmt: skip
        catalog.declare(triggers=[found])
        return workflow

    return register
