"""What a chance of a head comes to: claimed, open or harmless, by thresholds that differ by type."""

from __future__ import annotations

import pytest

from pilothouse.documents.claims import plain_text, prepare
from pilothouse.documents.claims.judging import Judgement, Opinion
from pilothouse_port.reading.tasks import task_for
from pilothouse_port.reading.weigh import limits_for, weigh

TYPES = ("stop", "dispute", "party_change")


def weighed(**chances: float) -> tuple[set[str], set[str]]:
    """Types claimed and left open of a sentence that no rule knows."""
    task = task_for("mail")
    ready = prepare(plain_text("The blue crane near the water was painted by somebody from abroad."), task)
    opinions = {name: Opinion(p=chances.get(name, 0.0), use=None, denied=False) for name in TYPES}
    judged = [Judgement(opinions=opinions, layout="known", met=1.0, harmless=False) for _ in ready.marked]
    (found,) = weigh(ready, task, judged, TYPES, limits=limits_for("mail", encoded=True))
    return {name for name, *_ in found.claims}, set(found.open)


@pytest.mark.parametrize(
    ("chances", "claimed", "left"),
    [
        ({"stop": 0.6}, {"stop"}, set()),
        ({"stop": 0.2}, set(), {"stop"}),
        ({"stop": 0.02}, set(), set()),
        ({"dispute": 0.02}, set(), {"dispute"}),
        ({"dispute": 0.005}, set(), set()),
        ({"party_change": 0.04, "dispute": 0.04}, set(), {"party_change", "dispute"}),
        ({"party_change": 0.04, "stop": 0.9}, {"stop"}, set()),
    ],
)
def test_a_chance_is_claimed_open_or_harmless(
    chances: dict[str, float], claimed: set[str], left: set[str]
) -> None:
    assert weighed(**chances) == (claimed, left)
