"""Owns the agents and tools that code declares, such as a solution's, until a project is opened."""

from __future__ import annotations

from pilothouse.agents.specs.spec import AgentSpec
from pilothouse.agents.tools import ActTool, ReadTool

__all__ = ["SPECS", "TOOLS", "declare_agents"]

SPECS: dict[str, AgentSpec] = {}
"""Every declared agent by name; the registry's version of a name goes first."""
TOOLS: dict[str, ReadTool | ActTool] = {}
"""Every declared tool by name; the last declaration counts."""


def declare_agents(*found: AgentSpec | ReadTool | ActTool) -> None:
    """Let every project that loads this code use these agents, and their specs name these tools."""
    for one in found:
        if isinstance(one, AgentSpec):
            SPECS[one.name] = one
        else:
            TOOLS[one.name] = one
