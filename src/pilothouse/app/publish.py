"""Owns publishing workflows: a flow that could never pass the door is refused before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse.connectors import Sources
    from pilothouse.workflows import FlowTable

__all__ = ["publish"]


def publish(sources: Sources) -> tuple[FlowTable, ...]:
    """Check the flows of every loaded workflow against what the declared sources promise.

    Raises:
        UsageError: ``workflows.never_passes``: names the workflow, the tool and the argument.
    """
    from pilothouse.workflows import WORKFLOWS, check_flows

    promised = {source: sources.promised(source) for source in sources.names()}
    found = tuple(check_flows(WORKFLOWS[name], promised) for name in sorted(WORKFLOWS))
    for table in found:
        table.require()
    return found
