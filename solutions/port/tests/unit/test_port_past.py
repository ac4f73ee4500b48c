# ruff: noqa: E501 - lines of port.yaml are kept as a person writes them
"""A port's own past needs no training: words of cargo that left without a hazard are known to a plain run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from test_port_bindings import LIST, ONE, TWO, FakeSystems, write

from pilothouse.labels import typed
from pilothouse_port.bindings import load_bindings
from pilothouse_port.reading import reader_for, reader_of

MIDDLE = """\
facts: {}
texts:
  goods: {kind: description, system: bills, object: lines, key: {container: UNIT, bl: BILL}, text: GOODS}
history: {system: desk, object: tickets, container: UNIT, bl: BILL, reasons: WHY}
"""
TAIL = """
policy:
  document: POLICY.md
  hash: "HASH"
  rows:
    - {check: dangerous, outcome: hazard_in_description, verdict: HOLD, reason: D, quote: "Customs must clear."}
"""


def systems(**changed: Any) -> FakeSystems:
    return FakeSystems(
        {
            "yard.list": LIST,
            "desk.tickets": [
                {"UNIT": ONE, "BILL": "P1", "WHY": ""},
                {"UNIT": TWO, "BILL": "P2", "WHY": "D"},
            ],
            "bills.lines": [
                {"UNIT": ONE, "BILL": "P1", "GOODS": "Zwirbelplonk"},
                {"UNIT": TWO, "BILL": "P2", "GOODS": "Krotzfumm"},
                {"UNIT": ONE, "BILL": "B1", "GOODS": "Quastelbrim"},
            ],
            **changed,
        }
    )


async def test_words_of_harmless_past_cargo_are_read_and_no_others(tmp_path: Path) -> None:
    bindings, asked = load_bindings(write(tmp_path, MIDDLE, tail=TAIL)), systems()
    reader = await reader_for(bindings, asked)
    left = {
        word: (await reader.read("description", word, typed("desk", "run"))).open
        for word in ("Zwirbelplonk", "Krotzfumm", "Quastelbrim")
    }
    assert left == {"Zwirbelplonk": (), "Krotzfumm": ("hazard",), "Quastelbrim": ("hazard",)}
    assert [(system, query.object) for system, query in asked.queries] == [
        ("desk", "tickets"),
        ("bills", "lines"),
    ]


async def test_the_past_is_read_once_for_each_asker(tmp_path: Path) -> None:
    bindings, asked = load_bindings(write(tmp_path, MIDDLE, tail=TAIL)), systems()
    assert await reader_for(bindings, asked) is await reader_for(bindings, asked)
    assert len(asked.queries) == 2
    await reader_for(bindings, asked, asker="somebody else")
    assert len(asked.queries) == 4


async def test_a_past_that_is_down_only_leaves_more_open(tmp_path: Path) -> None:
    bindings = load_bindings(write(tmp_path, MIDDLE, tail=TAIL))
    reader = await reader_for(bindings, systems(**{"desk.tickets": "down"}))
    assert reader is reader_of(bindings)
    assert (await reader.read("description", "Zwirbelplonk", typed("desk", "run"))).open == ("hazard",)


async def test_a_port_without_history_asks_nothing(tmp_path: Path) -> None:
    bindings, asked = load_bindings(write(tmp_path, MIDDLE.partition("texts:")[0], tail=TAIL)), systems()
    assert await reader_for(bindings, asked) is reader_of(bindings)
    assert asked.queries == []
