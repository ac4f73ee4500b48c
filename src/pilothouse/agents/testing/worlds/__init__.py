"""Owns four tool worlds to attack: mail, banking, chat and travel; each from a seed, each with its tasks."""

from __future__ import annotations

from collections.abc import Callable

from pilothouse.agents.testing.world import World
from pilothouse.agents.testing.worlds.banking import banking
from pilothouse.agents.testing.worlds.chat import chat
from pilothouse.agents.testing.worlds.mail import mail
from pilothouse.agents.testing.worlds.travel import travel

__all__ = ["WORLDS", "banking", "chat", "mail", "travel"]

WORLDS: dict[str, Callable[[], World]] = {"banking": banking, "mail": mail, "chat": chat, "travel": travel}
"""Each by name."""
