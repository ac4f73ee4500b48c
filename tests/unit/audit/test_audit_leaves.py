"""The bytes of a leaf: canonical, recomputable by a stranger, refused where they could not be."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.audit import AuditEntry, label_fields
from pilothouse.audit.leaves import check_body, entry_line, entry_of, head_line, jcs, plain
from pilothouse.audit.offline import ENTRY, HEAD, leaf_hash
from pilothouse.audit.testing import fake_signer
from pilothouse.kernel import LimitError, UsageError
from pilothouse.labels import Integrity, Label, Origin

AT = datetime(2026, 1, 5, 6, tzinfo=UTC)


def _row(number: int) -> dict[str, Any]:
    return {
        "id": UUID(int=number),
        "at": AT.replace(minute=number),
        "kind": "effects.done",
        "actor": "clerk.amira",
        "run": "run-1",
        "proposal": UUID(int=7),
        "approval": None,
        "effect": f"run-1:{number}",
        "refs": ["ab" * 32],
        "body": {"n": number},
        "label": {"integrity": "record"},
        "policy": "v7",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | st.floats(-1e15, 1e15),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=JSON)
def test_the_quick_way_gives_the_same_bytes_as_rfc_8785(value: object) -> None:
    try:
        want = rfc8785.dumps(value)  # type: ignore[arg-type]
    except ValueError:
        with pytest.raises(ValueError, match=""):
            jcs(value)
        return
    assert jcs(value) == want


def test_keys_beyond_ascii_are_ordered_as_the_standard_says() -> None:
    value = {"\U0001f600": 1, "\ufb33": 2, "a": 3}
    assert jcs(value) == rfc8785.dumps(value)
    assert jcs(value).index("\U0001f600".encode()) < jcs(value).index("\ufb33".encode())


def test_a_stranger_can_recompute_a_leaf_from_a_line_alone() -> None:
    body = jcs(plain(_row(3)))
    line = json.loads(entry_line(body, leaf_hash(body).hex(), 3).line)
    text = json.dumps(line["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(b"\0" + text.encode()).hexdigest() == line["hash"]
    assert line["position"] == 3


def test_lines_are_what_the_verifier_takes_and_canonical_themselves() -> None:
    body = jcs(plain(_row(3)))
    for line, form in (
        (entry_line(body, leaf_hash(body).hex(), 3).line, ENTRY),
        (entry_line(body, leaf_hash(body).hex(), None).line, ENTRY),
        (head_line(fake_signer().head(size=3, root=bytes(32), at="2026-01-05T06:00:00.000000Z")).line, HEAD),
    ):
        assert form.fullmatch(line)
        assert rfc8785.dumps(json.loads(line)) == line


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


def test_a_label_counts_towards_the_size() -> None:
    with pytest.raises(LimitError):
        check_body(AuditEntry(kind="k", actor="a", label={"readers": ["x" * 5000]}))


def test_a_backslash_before_u0000_is_text_and_not_a_nul() -> None:
    assert check_body(AuditEntry(kind="k", actor="a", body={"x": "\\u0000"})) == {"x": "\\u0000"}


def test_a_nul_outside_the_body_is_refused_too() -> None:
    with pytest.raises(UsageError, match="NUL"):
        check_body(AuditEntry(kind="k", actor="a\0", body={}))


def test_money_and_times_keep_their_tags() -> None:
    body = check_body(AuditEntry(kind="k", actor="a", body={"due": Decimal("1.10"), "n": [2**60, 1.5]}))
    assert body == {"due": {"$t": "decimal", "v": "1.10"}, "n": [{"$t": "int", "v": str(2**60)}, 1.5]}


def test_a_stored_row_becomes_the_noun_again() -> None:
    entry = entry_of({**_row(3), "position": None, "hash": None})
    assert (entry.entry.effect, entry.entry.policy, entry.position, entry.hash) == (
        "run-1:3",
        "v7",
        None,
        None,
    )
    assert entry_of({**_row(3), "position": 9, "hash": b"\1" * 32}).hash == "01" * 32


def test_a_label_is_told_by_readers_integrity_and_the_hash_of_its_origin() -> None:
    origin = Origin(source="mail", object="inbox", key={"id": "7"}, field="body", version="1", read_at=AT)
    label = Label(readers=frozenset({"acl:b", "acl:a"}), integrity=Integrity.UNTRUSTED, origin=origin)
    fields = label_fields(label)
    assert (fields["readers"], fields["integrity"]) == (["acl:a", "acl:b"], "untrusted")
    assert len(fields["origin"]) == 64
