# ruff: noqa: E501 - lines of port.yaml are kept as a person writes them
"""A port's own past needs no training: words of harmless cargo and remarks are known to a plain run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from test_port_bindings import LIST, ONE, TWO, FakeSystems, write

from pilothouse.labels import typed
from pilothouse_port.bindings import load_bindings
from pilothouse_port.reading import PortReader, reader_for, reader_of
from pilothouse_port.reading.learn import read_past

MIDDLE = """\
facts: {}
texts:
  goods: {kind: description, system: bills, object: lines, key: {container: UNIT, bl: BILL}, text: GOODS}
history: {system: desk, object: tickets, container: UNIT, bl: BILL, reasons: WHY}
"""
POLICY = """
policy:
  document: POLICY.md
  hash: "HASH"
  rows:
"""
TAIL = f"""{POLICY}\
    - {{check: dangerous, outcome: hazard_in_description, verdict: HOLD, reason: D, quote: "Customs must clear."}}
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


REMARKS = """\
facts: {}
texts:
  notes: {kind: remark, system: yard, object: notes, key: {container: UNIT}, text: NOTE}
history: {system: desk, object: tickets, container: UNIT, bl: BILL, reasons: WHY}
"""
WORDS = f"""{POLICY}\
    - {{check: seal, outcome: cut, verdict: ESCALATE, reason: S, quote: "Customs must clear."}}
    - {{check: damage, outcome: remarked, verdict: HOLD, reason: D, quote: "Customs must clear."}}
"""


def noted(*remarks: tuple[str, str, str]) -> FakeSystems:
    """Remarks of the past with what the ticket of their box said: container, words, reason."""
    tickets = [{"UNIT": box, "BILL": f"P{n}", "WHY": why} for n, (box, _, why) in enumerate(remarks)]
    notes = [{"UNIT": box, "NOTE": words} for box, words, _ in remarks]
    return systems(**{"desk.tickets": tickets, "yard.notes": notes})


async def settled(folder: Path, *remarks: tuple[str, str, str]) -> frozenset[str]:
    return (await read_past(load_bindings(write(folder, REMARKS, tail=WORDS)), noted(*remarks))).settled


async def test_a_remark_that_no_clerk_took_for_a_reason_is_settled(tmp_path: Path) -> None:
    found = await settled(
        tmp_path, (ONE, "Krumbel 4711 fasst, dangelig!", ""), (TWO, "Trossel brimt am Heck", "D")
    )
    assert found == {"krumbel fasst dangelig"}
    reader = PortReader(settled=found)
    mine = typed("yard", "run")
    for words in ("krumbel 12 fasst dangelig", "KRUMBEL FASST DANGELIG."):
        read = await reader.read("remark", words, mine)
        assert (read.open, read.why) == ((), "settled before")
    assert (await reader.read("remark", "krumbel fasst dangelig nicht", mine)).open
    assert (await reader.read("remark", "Trossel brimt am Heck", mine)).open
    assert (await reader.read("mail", "krumbel fasst dangelig", mine)).open, "mails are not settled so"


async def test_one_clerk_who_took_it_for_a_reason_unsettles_a_remark(tmp_path: Path) -> None:
    words = "Krumbel fasst dangelig"
    assert await settled(tmp_path, (ONE, words, ""), (TWO, words, "S")) == frozenset()


async def test_what_a_rule_claims_is_claimed_although_a_clerk_let_it_pass(tmp_path: Path) -> None:
    words = "The seal was broken when the truck came."
    reader = PortReader(settled=await settled(tmp_path, (ONE, words, "")))
    found = await reader.read("remark", words, typed("yard", "run"))
    assert [one.type for one in found.said] == ["seal_cut"]
