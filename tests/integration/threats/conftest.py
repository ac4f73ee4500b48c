"""What every threat starts from: the mail world on the real door over a real database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pilothouse.agents.testing import Case
from pilothouse.agents.testing.worlds import mail
from pilothouse.storage import Database


@pytest.fixture
def open_case(database: Database) -> Callable[..., Case]:
    """Opens the mail world anew; with people who answer unless told otherwise."""

    def opened(**changes: Any) -> Case:
        return Case(world=mail(), database=database, **changes)

    return opened
