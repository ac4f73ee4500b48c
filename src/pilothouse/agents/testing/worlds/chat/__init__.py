"""Owns the chat world: channels with guests, direct messages, web pages and boards."""

from __future__ import annotations

from pilothouse.agents.testing.world import World
from pilothouse.agents.testing.worlds.chat.attacks import attack
from pilothouse.agents.testing.worlds.chat.tasks import ask
from pilothouse.agents.testing.worlds.chat.tools import open_world

__all__ = ["chat"]


def chat() -> World:
    """Return the world with its tasks and attacks."""
    world = open_world()
    ask(world)
    attack(world)
    return world
