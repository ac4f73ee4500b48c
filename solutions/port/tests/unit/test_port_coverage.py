"""What ``port check`` tells before a port runs: values apart from no rows, damage, who answers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from port_samples import box
from typer.testing import CliRunner

from pilothouse.connectors import Finding
from pilothouse_port import working
from pilothouse_port.bindings import load_bindings
from pilothouse_port.bindings.coverage import Coverage, bound_systems, cover
from pilothouse_port.commands import app
from pilothouse_port.policy import document_hash
from pilothouse_port.types import Facts

POLICY = "1. Unpaid cargo is held.\n"
PORT = """\
timezone: UTC
list: {system: yard, object: list, container: BOX, bl: BILL}
facts:
  consignee.party: {system: bills, object: bl, key: {bl: NO}, value: PARTY}
  charge.open_amount: {system: books, object: items, key: {bl: REF}, value: OPEN, take: sum}
  charge.document: {system: books, object: items, key: {bl: REF}, value: DOC}
  charge.currency: {system: books, object: items, key: {bl: REF}, value: CUR}
  payment.unmatched: {system: books, object: paid, key: {bl: REF}, value: FREE, take: sum}
  credit.limit: {system: cover, object: cover, key: {party: NO}, value: LIMIT}
  credit.used: {system: cover, object: cover, key: {party: NO}, value: USED}
  credit.as_of: {system: cover, object: cover, key: {party: NO}, value: DAY}
  credit.valid_until: {system: cover, object: cover, key: {party: NO}, value: UNTIL}
  order.party: {system: books, object: orders, key: {bl: REF}, value: WHO}
  pickup.haulier: {system: gate, object: slots, key: {container: BOX}, value: HAULIER}
texts:
  mails: {kind: mail, system: desk, object: messages, text: [text]}
policy:
  document: POLICY.md
  hash: "HASH"
  approver: APPROVER
  rows:
    - {check: money, outcome: unpaid, verdict: HOLD, reason: M, quote: "Unpaid cargo is held."}
"""


def covered(tmp_path: Path, *facts: Facts, approver: str = "harbour master", **more: Any) -> Coverage:
    (tmp_path / "POLICY.md").write_text(POLICY, encoding="utf-8")
    path = tmp_path / "port.yaml"
    text = PORT.replace("HASH", document_hash(POLICY.encode())).replace("APPROVER", approver)
    path.write_text(text, encoding="utf-8")
    return cover(load_bindings(path), facts, lookups=8, **more)


CREDIT = {"credit__limit": 100, "credit__used": 0, "credit__as_of": "d", "credit__valid_until": "d"}
WHOLE = {"charge__document": "7", "charge__currency": "EUR", **CREDIT}


def test_a_value_no_row_and_unknown_are_counted_apart(tmp_path: Path) -> None:
    found = covered(tmp_path, box(**WHOLE), box(charge__open_amount=None, charge__document=...))
    (amount,) = (fact for fact in found.facts if fact.name == "charge.open_amount")
    (document,) = (fact for fact in found.facts if fact.name == "charge.document")
    assert (amount.valued, amount.absent, amount.unknown) == (1, 1, 0)
    assert (document.valued, document.absent, document.unknown) == (1, 0, 1)
    shown = {fact["name"]: fact for fact in found.to_json()["facts"]}
    assert shown["charge.open_amount"]["absent"] == 1


def test_a_fact_that_no_box_has_is_told_unless_most_boxes_have_none(tmp_path: Path) -> None:
    found = covered(tmp_path, box(**{**WHOLE, "charge__open_amount": None}), box(**WHOLE))
    assert found.warnings == [], "one box has an amount, and unmatched payments are rare"
    half = covered(
        tmp_path,
        *(box(**{**WHOLE, "charge__open_amount": amount}) for amount in (None, ...)),
    )
    assert half.warnings == [], "what is unknown may have a value"
    found = covered(tmp_path, *[box(**{**WHOLE, "charge__open_amount": None})] * 2)
    assert found.problems == []
    (warning,) = found.warnings
    assert warning == (
        "charge.open_amount never has a value in 2 boxes; its key in books items may match nothing"
    )


@pytest.mark.parametrize("approver", ['""', "~", "TODO who read the rows"])
def test_rows_that_nobody_approved_are_a_problem(tmp_path: Path, approver: str) -> None:
    (problem,) = covered(tmp_path, box(**WHOLE), approver=approver).problems
    assert problem.startswith("policy.approver is missing")


def test_damage_in_a_source_is_counted_with_its_worst_example(tmp_path: Path) -> None:
    def finding(severity: Any, message: str) -> Finding:
        return Finding(source="books", object="items", severity=severity, code="x", message=message)

    findings = {
        "books": [finding("info", "fine"), finding("warning", "odd row"), finding("error", "cut off")],
        "gate": [finding("info", "fine")],
    }
    found = covered(tmp_path, box(**WHOLE), findings=findings)
    assert found.warnings == ["source books: 2 findings (1 error, 1 warning), for example items: cut off"]


def test_every_source_the_mapping_reads_is_inspected(tmp_path: Path) -> None:
    covered(tmp_path, box())
    assert bound_systems(load_bindings(tmp_path / "port.yaml")) == (
        *("bills", "books", "cover", "desk", "gate"),
        "yard",
    )


def test_the_command_says_plainly_that_there_are_no_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = covered(tmp_path, box(**WHOLE))
    monkeypatch.setattr(working, "check_port", lambda place: SimpleNamespace(place=place))
    monkeypatch.setattr(working, "run", lambda work: whole)
    shown = CliRunner().invoke(app, ["check"])
    assert shown.exit_code == 0
    assert "no problems in 1 boxes" in shown.output
    assert "with a value" in shown.output
    broken = covered(tmp_path, box(**WHOLE), approver="TODO [bold]who[/bold]")
    monkeypatch.setattr(working, "run", lambda work: broken)
    shown = CliRunner().invoke(app, ["check"])
    assert shown.exit_code == 1
    assert "1 problem in 1 boxes" in shown.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Next: pilothouse inbox"),
        (["--pure"], "one line a box"),
        (["--no-texts"], "one line a box"),
    ],
)
def test_a_run_ends_with_a_step_everybody_can_take(
    monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    done = {"consignments": 1, "seconds": 0.1, "lookups": 3, "out": "d.jsonl", "verdicts": {"HOLD": 1}}
    monkeypatch.setattr(working, "run_port", lambda place, **more: None)
    monkeypatch.setattr(working, "run", lambda work: done)
    shown = CliRunner().invoke(app, ["run", *options])
    assert shown.exit_code == 0
    assert said in shown.output
    assert "KEY" not in shown.output
