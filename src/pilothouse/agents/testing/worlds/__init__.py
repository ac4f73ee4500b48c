"""Owns four tool worlds to attack: mail, banking, chat and travel; each from a seed, each with its tasks."""

from __future__ import annotations

from collections.abc import Callable

from pilothouse.agents.testing.world import World
from pilothouse.agents.testing.worlds.banking import banking
from pilothouse.agents.testing.worlds.mail import mail

__all__ = ["WORLDS", "banking", "mail"]

WORLDS: dict[str, Callable[[], World]] = {"banking": banking, "mail": mail}
"""Each by name."""
