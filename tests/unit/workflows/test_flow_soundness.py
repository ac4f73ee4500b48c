"""Soundness over random workflows: what was said to pass never asks, and nothing flows without its label."""

from __future__ import annotations

import pytest
from flow_programs import ANYBODY, DECLARED, TYPED, World, made, programs, run, table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.effects import sources_of

SLOW = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
NUMBERS = {"mail": 1, "book": 2, "hr": 3}


@given(text=programs(), typed=st.booleans(), approves=st.booleans())
@SLOW
def test_every_ask_was_listed_and_no_flow_that_passes_ever_asks(text, typed, approves):
    flow = made(text)
    found = table(flow, TYPED if typed else None)
    world = run(flow, World(dict(NUMBERS), approves=approves), begin=TYPED if typed else ANYBODY)
    lines = text.splitlines()
    for event in world.events.values():
        line = 1 + next(i for i, code in enumerate(lines) if f"'{event.site}'" in code)
        listed = [one for one in found.flows if one.line == line and one.tool in (event.tool, "?")]
        for reason in event.verdict.reasons:
            said = [one for one in listed if one.verdict != "passes" and explains(one, reason)]
            assert said, f"{reason} at line {line} of\n{text}\n{listed}"
        if not event.verdict.reasons:
            assert not any(came_in_full(one, event) for one in listed), (
                f"a flow that never passes did\n{text}"
            )


def came_in_full(flow, event) -> bool:
    """Whether a flow that never passes was all there: another way to the same place may pass."""
    if flow.verdict != "never" or flow.tool != event.tool:
        return False
    label = event.pc if flow.arg == "pc" else event.labels[flow.arg]
    return set(flow.sources) & DECLARED.keys() <= sources_of(label)


def explains(flow, reason: str) -> bool:
    """Whether a listed flow names the reason; readers that only a run knows stand as ``user:?``."""
    return flow.tool == "?" or reason.replace("user:tester", "user:?") in flow.reasons


@given(text=programs(), source=st.sampled_from(sorted(DECLARED)), other=st.integers(0, 7))
@SLOW
def test_what_does_not_name_a_source_does_not_depend_on_it(text, source, other):
    flow = made(text)
    one = run(flow, World(dict(NUMBERS)), begin=TYPED)
    two = run(flow, World({**NUMBERS, source: other}), begin=TYPED)
    first, second = seen(one, source), seen(two, source)
    assert [(event.tool, event.site) for event in first] == [(event.tool, event.site) for event in second], (
        text
    )
    for before, after in zip(first, second, strict=True):
        for name in before.args:
            names_it = source in sources_of(before.labels[name]) | sources_of(after.labels[name])
            assert names_it or before.args[name] == after.args[name], (name, before.site, text)


def seen(world: World, source: str):
    """Return what left by a choice that does not name the source, in order."""
    return [event for event in world.events.values() if source not in sources_of(event.pc)]


@given(text=programs(), crash=st.integers(1, 25))
@settings(SLOW, max_examples=40)
def test_a_replay_gives_every_call_the_same_labels(text, crash):
    flow = made(text)
    plain = run(flow, World(dict(NUMBERS)), begin=TYPED)
    killed = run(flow, World(dict(NUMBERS)), begin=TYPED, crash=crash)

    def told(world: World):
        return [
            (event.tool, event.args, event.verdict, sources_of(event.pc), event.pc.integrity)
            for event in world.events.values()
        ]

    assert told(plain) == told(killed)


@pytest.fixture(autouse=True)
def _clean():
    import linecache

    yield
    for name in [name for name in linecache.cache if name.startswith("<flow program")]:
        del linecache.cache[name]
