"""Owns the small verbs of a workflow: child, sleep, wait_for, schedule, trigger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar

from pilothouse import engine
from pilothouse.engine import CATALOG, Catalog, ChildCall, Schedule, Subject, Trigger
from pilothouse.kernel import UsageError
from pilothouse.workflows.declare import Workflow

__all__ = ["Signal", "child", "schedule", "sleep", "trigger", "wait_for"]

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


def child(workflow: Workflow[..., Any], /, *args: Any, queue: str | None = None, **kwargs: Any) -> ChildCall:
    """Return a run of ``workflow`` as a child: await it, or pass many to ``gather``."""
    values = workflow.signature.bind(workflow.name, args, kwargs)
    return engine.child(workflow.name, values, queue=queue)


async def sleep(duration: timedelta) -> None:
    """Wait; a minute or more costs nothing but a row.

    Raises:
        UsageError: ``engine.not_top_level`` for a long sleep anywhere but at the top level.
    """
    await engine.sleep(duration)


async def wait_for(*names: str, within: timedelta | None = None) -> Signal:
    """Park until the first of these signals comes, or ``within`` has passed.

    Raises:
        UsageError: ``engine.not_top_level``, or no names.
    """
    if not names:
        raise UsageError("wait_for() needs the name of a signal", code="workflows.no_signal")
    subjects: Sequence[Subject] = [Subject(kind="signal", ref=name) for name in names]
    waited = await engine.wait(subjects, until=within, name=" or ".join(names))
    if waited.outcome == "expired":
        return Signal(name=None)
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
