"""Owns the mail world: an office with mailbox, contacts, calendar and shared drive."""

from __future__ import annotations

from pilothouse.agents.testing.world import World
from pilothouse.agents.testing.worlds.mail.attacks import attack
from pilothouse.agents.testing.worlds.mail.tasks import ask
from pilothouse.agents.testing.worlds.mail.tools import open_world

__all__ = ["mail"]


def mail() -> World:
    """Return the world with its tasks and attacks."""
    world = open_world()
    ask(world)
    attack(world)
    return world
