"""The join of labels: readers united, integrity the lowest, origins kept."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kernel import decode, encode
from pilothouse.labels import Integrity, Label, Labelled, Origin, join, leaves

origins = st.builds(
    Origin,
    source=st.sampled_from(["tos", "erp"]),
    object=st.just("t"),
    key=st.just({"id": "1"}),
    field=st.sampled_from(["a", "b"]),
    version=st.just("1"),
    read_at=st.just(datetime(2026, 1, 5, tzinfo=UTC)),
)
labels = st.builds(
    Label,
    readers=st.frozensets(st.sampled_from(["acl:desk", "acl:finance", "acl:customs"])),
    integrity=st.sampled_from(Integrity),
    origin=origins,
)


@given(labels, labels)
def test_join_is_commutative_and_never_loosens(a: Label, b: Label) -> None:
    joined = join(a, b)
    assert joined == join(b, a)
    assert joined.readers >= a.readers
    assert joined.integrity <= a.integrity


@given(labels, labels, labels)
def test_join_is_associative(a: Label, b: Label, c: Label) -> None:
    assert join(join(a, b), c) == join(a, join(b, c)) == join(a, b, c)


@given(labels)
def test_join_of_one_is_itself_and_of_two_equal_keeps_one_source(a: Label) -> None:
    assert join(a) is a
    assert join(a, a) == a
    assert leaves(join(a, a)) == (a.origin,)


@given(labels)
def test_a_labelled_value_survives_storage_with_its_label(label: Label) -> None:
    value = Labelled(value="MSCU1234565", label=label)
    assert decode(encode(value)) == value
