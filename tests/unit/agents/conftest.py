"""Fixtures of the tests of agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from agents_cases import ANN, SPECS, RuleDoor, toolbox

from pilothouse.agents import Session


@pytest.fixture
def door() -> RuleDoor:
    """A door that is only the rule."""
    return RuleDoor(SPECS)


@pytest.fixture
def open_session(door: RuleDoor) -> Callable[..., Session]:
    """Opens a session over these tools."""

    def opened(**changes: Any) -> Session:
        return Session(**{"principal": ANN, "tools": toolbox(), "door": door, "run": "r", **changes})

    return opened
