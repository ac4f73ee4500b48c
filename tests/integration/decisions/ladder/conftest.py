"""A ladder over a real database."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ladder_world import QUICK, Counts

from pilothouse.decisions import Inbox
from pilothouse.decisions.ladder import Ladder, LadderPolicy
from pilothouse.storage import Database


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def build(database: Database, inbox: Inbox, counts: Counts) -> Callable[[LadderPolicy], Ladder]:
    return lambda policy: Ladder(database, inbox, policy=policy, catches=counts)


@pytest.fixture
def ladder(build: Callable[[LadderPolicy], Ladder]) -> Ladder:
    return build(QUICK)
