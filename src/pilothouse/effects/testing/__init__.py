"""Doubles and ready nouns for tests of the door, and the contract of a ``Rereader``."""

from pilothouse.effects.testing.doubles import (
    FakeLadder,
    FakePeople,
    FakeReceiver,
    FakeResumer,
    FakeSources,
)
from pilothouse.effects.testing.nouns import (
    AMIRA,
    BO,
    DESK,
    RUNNER,
    ask,
    check_rereader,
    marked,
    proposal_for,
    read,
    release_spec,
    request_for,
    soon,
    typed_by_hand,
)

__all__ = [
    "AMIRA",
    "BO",
    "DESK",
    "RUNNER",
    "FakeLadder",
    "FakePeople",
    "FakeReceiver",
    "FakeResumer",
    "FakeSources",
    "ask",
    "check_rereader",
    "marked",
    "proposal_for",
    "read",
    "release_spec",
    "request_for",
    "soon",
    "typed_by_hand",
]
