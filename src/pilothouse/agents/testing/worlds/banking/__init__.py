"""Owns the banking world: an account, its payees and orders, and bills and notices from outside."""

from __future__ import annotations

from pilothouse.agents.testing.world import World
from pilothouse.agents.testing.worlds.banking.attacks import attack
from pilothouse.agents.testing.worlds.banking.tasks import ask
from pilothouse.agents.testing.worlds.banking.tools import open_world

__all__ = ["banking"]


def banking() -> World:
    """Return the world with its tasks and attacks."""
    world = open_world()
    ask(world)
    attack(world)
    return world
