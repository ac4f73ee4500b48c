"""Owns attacking tools on purpose: worlds, the worst-case agent, and the figures that come of it."""

from pilothouse.agents.testing.agent import WorstCaseAgent
from pilothouse.agents.testing.orders import Answer, Order, Write, letter
from pilothouse.agents.testing.people import APPROVER, OWNER, Colleague, Nobody, People
from pilothouse.agents.testing.readers import HonestReader, WorstCaseReader
from pilothouse.agents.testing.report import AttackRun, Report, TaskRun, table
from pilothouse.agents.testing.run import Case, run_world
from pilothouse.agents.testing.world import Attack, Flow, Place, State, Task, World

__all__ = [
    "APPROVER",
    "OWNER",
    "Answer",
    "Attack",
    "AttackRun",
    "Case",
    "Colleague",
    "Flow",
    "HonestReader",
    "Nobody",
    "Order",
    "People",
    "Place",
    "Report",
    "State",
    "Task",
    "TaskRun",
    "World",
    "WorstCaseAgent",
    "WorstCaseReader",
    "Write",
    "letter",
    "run_world",
    "table",
]
