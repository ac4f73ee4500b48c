"""The bytes of the chain: what is hashed, and that nothing can be changed, dropped, moved or added unseen."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.audit import GENESIS, AuditEntry, Head, verify_lines
from pilothouse.audit.links import Walk, check_body, entry_of, jcs, link_hash, plain
from pilothouse.kernel import LimitError, UsageError


def _row(number: int) -> dict[str, Any]:
    return {
        "id": UUID(int=number),
        "at": datetime(2026, 1, 5, 6, number, tzinfo=UTC),
        "kind": "effects.done",
        "actor": "clerk.amira",
        "run": "run-1",
        "proposal": UUID(int=7),
        "approval": None,
        "effect": f"run-1:{number}",
        "refs": ["ab" * 32],
        "body": {"n": number},
    }


def _lines(count: int) -> list[str]:
    prev, lines = GENESIS.hash, []
    for number in range(1, count + 1):
        entry = plain(_row(number))
        digest = link_hash(prev, entry)
        lines.append(jcs({"position": number, "prev": prev, "hash": digest, "entry": entry}).decode())
        prev = digest
    return lines


def test_a_stranger_can_recompute_a_link_from_the_export_alone() -> None:
    line = json.loads(_lines(2)[1])
    text = json.dumps(line["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(bytes.fromhex(line["prev"]) + text.encode()).hexdigest() == line["hash"]


def test_an_untouched_export_holds() -> None:
    checked = verify_lines(_lines(5))
    assert checked.ok
    assert checked.entries == 5
    assert checked.head.hash == json.loads(_lines(5)[4])["hash"]


@given(data=st.data())
def test_whatever_is_done_to_an_export_the_first_broken_entry_is_named(data: st.DataObject) -> None:
    lines = _lines(6)
    at = data.draw(st.integers(0, 4), label="at")
    how = data.draw(st.sampled_from(["flip", "drop", "swap", "double", "rehash"]), label="how")
    head = verify_lines(lines).head
    if how == "flip":
        name = data.draw(st.sampled_from(["kind", "actor", "run", "effect", "at", "body", "refs"]))
        line = json.loads(lines[at])
        line["entry"][name] = {"n": 99} if name == "body" else "other"
        lines[at] = json.dumps(line)
    elif how == "drop":
        del lines[at]
    elif how == "swap":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    elif how == "double":
        lines.insert(at, lines[at])
    else:
        line = json.loads(lines[at])
        line["entry"]["actor"] = "mallory"
        line["hash"] = link_hash(line["prev"], line["entry"])
        lines[at] = json.dumps(line)
    checked = verify_lines(lines, head=head)
    assert not checked.ok
    assert checked.broken is not None
    # A rewritten hash shows at the next link, a doubled one where it repeats; everything else in place.
    assert checked.broken.position == at + 1 + (how in ("rehash",))
    assert checked.entries == checked.broken.position - 1 or how == "double"


def test_cutting_the_end_shows_only_against_a_head_noted_elsewhere() -> None:
    lines = _lines(4)
    head = verify_lines(lines).head
    assert verify_lines(lines[:3]).ok
    cut = verify_lines(lines[:3], head=head)
    assert cut.broken is not None
    assert cut.broken.position == 4
    assert "truncated" in cut.broken.why


def test_a_chain_rewritten_from_the_start_shows_against_a_head_noted_elsewhere() -> None:
    checked = verify_lines(_lines(4), head=Head(position=2, hash="ab" * 32))
    assert checked.broken is not None
    assert (checked.broken.position, checked.entries) == (2, 1)
    assert "rewritten" in checked.broken.why


def test_a_link_whose_entry_is_gone_is_named() -> None:
    walk = Walk()
    assert not walk.follow(1, GENESIS.hash, "ab" * 32, None)
    assert walk.broken is not None
    assert walk.broken.entry is None
    assert "gone" in walk.broken.why


@pytest.mark.parametrize(
    "line", ["", "[]", "null", '{"position": 1}', "{", '{"position":"x"}', '{"a":1,"a":2}']
)
def test_rubbish_instead_of_a_line_is_named_and_never_a_crash(line: str) -> None:
    checked = verify_lines([*_lines(1), line])
    assert checked.broken is not None
    assert (checked.broken.position, checked.entries) == (2, 1)


def test_an_entry_that_cannot_be_hashed_is_broken() -> None:
    line = json.loads(_lines(1)[0])
    line["entry"]["body"] = {"n": 2**60}
    assert not verify_lines([json.dumps(line)]).ok


@pytest.mark.parametrize(
    ("body", "error", "code"),
    [
        ({"x": "y" * 5000}, LimitError, "audit.too_large"),
        ({"x": 1e300}, UsageError, "audit.text"),
        ({"x": [{"y": -1e17}]}, UsageError, "audit.text"),
        ({"x": "a\0b"}, UsageError, "audit.text"),
        ({"x": "\ud800"}, UsageError, "audit.text"),
        ({"x": float("nan")}, UsageError, "wire.type"),
        ({"x": object()}, UsageError, "wire.type"),
    ],
)
def test_a_body_that_the_log_cannot_hold_is_refused_before_anything_is_stored(
    body: dict[str, Any], error: type[Exception], code: str
) -> None:
    with pytest.raises(error) as caught:
        check_body(AuditEntry(kind="k", actor="a", body=body))
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_a_backslash_before_u0000_is_text_and_not_a_nul() -> None:
    assert check_body(AuditEntry(kind="k", actor="a", body={"x": "\\u0000"})) == {"x": "\\u0000"}


def test_a_nul_outside_the_body_is_refused_too() -> None:
    with pytest.raises(UsageError, match="NUL"):
        check_body(AuditEntry(kind="k", actor="a\0", body={}))


def test_money_and_times_keep_their_tags() -> None:
    body = check_body(AuditEntry(kind="k", actor="a", body={"due": Decimal("1.10"), "n": 2**60}))
    assert body == {"due": {"$t": "decimal", "v": "1.10"}, "n": {"$t": "int", "v": str(2**60)}}


def test_a_stored_row_becomes_the_noun_again() -> None:
    entry = entry_of({**_row(3), "position": None, "prev": None, "hash": None})
    assert entry.entry.effect == "run-1:3"
    assert entry.position is None
