"""Owns the catalogue of workflow definitions, queues and schedules that a process offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pilothouse.engine.types import QueueSpec, Schedule, Trigger
from pilothouse.kernel import UsageError

__all__ = ["CATALOG", "SHIPPED_QUEUES", "Catalog", "Definition"]

SHIPPED_QUEUES = tuple(QueueSpec(name=name) for name in ("default", "agents", "context", "bulk"))


def _accept_all(args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take any arguments as they are."""
    return args


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A workflow as the engine needs it.

    Attributes:
        name: Registered name.
        version: Declared tag plus source hash.
        body: The author's function, taking decoded keyword arguments.
        accept: Returns the arguments in their declared types; raises
            :class:`~pilothouse.kernel.UsageError` for those that do not fit.
        queue: Where its runs go unless ``start`` says otherwise.
        pin: Only this exact version may continue a run.
    """

    name: str
    version: str
    body: Callable[..., Awaitable[Any]]
    accept: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _accept_all
    queue: str = "default"
    pin: bool = False


@dataclass(slots=True)
class Catalog:
    """What one process knows how to run; tests build their own."""

    definitions: dict[str, Definition] = field(default_factory=dict[str, Definition])
    queues: dict[str, QueueSpec] = field(default_factory=lambda: {q.name: q for q in SHIPPED_QUEUES})
    schedules: dict[str, Schedule] = field(default_factory=dict[str, Schedule])
    triggers: dict[str, Trigger] = field(default_factory=dict[str, Trigger])

    def register(self, definition: Definition) -> None:
        """Add or replace a workflow; the last registration of a name wins."""
        self.definitions[definition.name] = definition

    def declare(
        self,
        *,
        queues: Iterable[QueueSpec] = (),
        schedules: Iterable[Schedule] = (),
        triggers: Iterable[Trigger] = (),
    ) -> None:
        """Add or replace queues, schedules and triggers by name."""
        self.queues.update({spec.name: spec for spec in queues})
        self.schedules.update({schedule.name: schedule for schedule in schedules})
        self.triggers.update({trigger.name: trigger for trigger in triggers})

    def find(self, name: str) -> Definition:
        """Return the workflow ``name``.

        Raises:
            UsageError: ``engine.unknown_workflow``, naming what is registered.
        """
        if name in self.definitions:
            return self.definitions[name]
        known = ", ".join(sorted(self.definitions)) or "none"
        raise UsageError(
            f"no workflow {name!r} is registered here (known: {known}); import the module that declares it",
            code="engine.unknown_workflow",
        )

    def queue(self, name: str, *, partition: str | None) -> QueueSpec:
        """Return the queue ``name``, checking that ``partition`` fits it.

        Raises:
            UsageError: ``engine.unknown_queue`` or ``engine.partition``.
        """
        spec = self.queues.get(name)
        if spec is None:
            known = ", ".join(sorted(self.queues))
            raise UsageError(
                f"no queue {name!r} is declared (declared: {known}); declare it with QueueSpec",
                code="engine.unknown_queue",
            )
        if (spec.per_partition is not None) != (partition is not None):
            need = "needs a partition" if partition is None else f"has no partitions, got {partition!r}"
            raise UsageError(f"queue {name!r} {need}", code="engine.partition")
        return spec


CATALOG = Catalog()
