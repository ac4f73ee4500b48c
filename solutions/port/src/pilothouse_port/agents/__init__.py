"""Agents own what models prepare for a held box: one reads its texts, one words the way out of it."""

from pilothouse_port.agents.exceptions import by_agents, prepare
from pilothouse_port.agents.lookup import LOOK_UP
from pilothouse_port.agents.proposal import Prepared
from pilothouse_port.agents.specs import HANDLER, READER, routed

__all__ = ["HANDLER", "LOOK_UP", "READER", "Prepared", "by_agents", "prepare", "routed"]
