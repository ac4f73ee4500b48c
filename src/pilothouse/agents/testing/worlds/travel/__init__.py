"""Owns the travel world: hotels and flights, what others write about them, bookings and friends."""

from __future__ import annotations

from pilothouse.agents.testing.world import World
from pilothouse.agents.testing.worlds.travel.attacks import attack
from pilothouse.agents.testing.worlds.travel.tasks import ask
from pilothouse.agents.testing.worlds.travel.tools import open_world

__all__ = ["travel"]


def travel() -> World:
    """Return the world with its tasks and attacks."""
    world = open_world()
    ask(world)
    attack(world)
    return world
