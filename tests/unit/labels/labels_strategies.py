"""What the property tests of labels draw: origins, labels, programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from pilothouse.labels import Condensed, Derived, Integrity, Label, Origin, Position

ACLS = ("acl:desk", "acl:finance", "acl:customs", "user:clerk.amira")
AT = datetime(2026, 1, 5, tzinfo=UTC)


def origin(number: int = 1, *, source: str = "tos") -> Origin:
    """Return the origin of one row's field."""
    return Origin(source=source, object="t", key={"id": str(number)}, field="a", version="1", read_at=AT)


def label(
    number: int = 1, *, readers: frozenset[str] = frozenset(), trust: Integrity = Integrity.RECORD
) -> Label:
    """Return the label of one row's field."""
    return Label(readers=readers, integrity=trust, origin=origin(number))


positions = st.none() | st.builds(Position, line=st.integers(1, 3), part=st.none() | st.just("LOC"))
origins = st.builds(
    Origin,
    source=st.sampled_from(["tos", "erp"]),
    object=st.just("t"),
    key=st.dictionaries(st.sampled_from(["id", "line"]), st.sampled_from(["1", "2"])),
    field=st.sampled_from(["a", "b"]),
    version=st.just("1"),
    read_at=st.just(AT),
    position=positions,
)
condensed = st.builds(
    Condensed,
    count=st.integers(1, 9),
    digest=st.sampled_from(["a" * 64, "b" * 64]),
    sources=st.just(("tos",)),
)
derived = st.builds(Derived, sources=st.lists(st.one_of(origins, condensed), max_size=5).map(tuple))
labels = st.builds(
    Label,
    readers=st.frozensets(st.sampled_from(ACLS)),
    integrity=st.sampled_from(Integrity),
    origin=st.one_of(origins, derived),
)

NAMES = ("a", "b", "c", "d")
expressions: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.tuples(st.just("const"), st.integers(0, 3)), st.tuples(st.just("var"), st.sampled_from(NAMES))
    ),
    lambda inner: st.one_of(
        st.tuples(st.just("add"), inner, inner), st.tuples(st.just("pick"), inner, inner, inner)
    ),
    max_leaves=4,
)
_flat = st.one_of(
    st.tuples(st.just("let"), st.sampled_from(NAMES), expressions), st.tuples(st.just("out"), expressions)
)
_inner = st.recursive(
    _flat,
    lambda inner: st.tuples(
        st.just("if"), expressions, st.lists(inner, max_size=3), st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)
_sees = st.tuples(st.just("see"), expressions)
# Seeing stands outside of branches: what a branch not taken would have seen is the caller's to say.
_children = st.tuples(
    st.just("child"), st.sampled_from(NAMES), st.lists(st.one_of(_inner, _sees), max_size=4), expressions
)
programs = st.lists(st.one_of(_inner, _sees, _children), max_size=8)
