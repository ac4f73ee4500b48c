"""The lattice: join, order, leaves, the two ways up, and what is stored."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labels_model import plain, plain_flows, plain_join
from labels_strategies import ACLS, AT, derived, label, labels, origin, origins

from pilothouse.kernel import DataError, UsageError, decode, encode
from pilothouse.labels import (
    Condensed,
    Derived,
    Integrity,
    Label,
    Labelled,
    Origin,
    declassified,
    flows_to,
    join,
    leaves,
    lifted,
    signed,
    typed,
    unknown,
)
from pilothouse.labels import lattice as inside

APPROVAL = Origin(source="approval", object="item", key={"id": "7"}, field="", version="1", read_at=AT)


@given(labels, labels)
def test_join_says_what_the_model_says_and_is_remembered(a: Label, b: Label) -> None:
    joined = join(a, b)
    assert plain(joined) == plain_join(plain(a), plain(b))
    assert joined == join(b, a)
    assert hash(joined) == hash(join(b, a))
    assert join(a, b) is joined


@given(labels, labels, labels)
def test_join_is_associative(a: Label, b: Label, c: Label) -> None:
    assert join(join(a, b), c) == join(a, join(b, c)) == join(a, b, c)


@given(labels)
def test_join_of_one_is_itself_and_of_two_equal_keeps_one_source(a: Label) -> None:
    assert join(a) is a
    assert join(a, a) is a
    assert join(a, decode(encode(a))) == a


@given(st.lists(labels, min_size=1, max_size=12))
def test_joining_many_at_once_is_joining_one_by_one(many: list[Label]) -> None:
    one = many[0]
    for other in many[1:]:
        one = join(one, other)
    assert one == join(*many)
    assert plain(one) == plain_join(*map(plain, many))


@given(labels, labels, labels)
def test_the_order_is_that_of_the_model_and_join_is_the_least_above(a: Label, b: Label, c: Label) -> None:
    assert flows_to(a, b) == plain_flows(plain(a), plain(b))
    joined = join(a, b)
    assert flows_to(a, joined)
    assert flows_to(b, joined)
    if flows_to(a, c) and flows_to(b, c):
        assert flows_to(joined, c)


@given(labels, labels, labels)
def test_join_is_monotone(a: Label, b: Label, c: Label) -> None:
    if flows_to(a, b):
        assert flows_to(join(a, c), join(b, c))


@given(labels)
def test_a_labelled_value_survives_storage_and_copies_with_its_label(one: Label) -> None:
    value = Labelled(value="MSCU1234565", label=one)
    for again in (decode(encode(value)), copy.deepcopy(value)):
        assert again == value
        assert hash(again.label) == hash(one)
        assert leaves(again.label) == leaves(one)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 900), max_size=900), st.integers(0, 900))
def test_large_origins_are_sets_however_they_were_built(numbers: list[int], extra: int) -> None:
    found = {origin(n) for n in numbers}
    one = join(*(label(n) for n in [0, *numbers]))
    folded = label(0)
    for n in reversed(numbers):
        folded = join(folded, label(n))
    assert one == folded
    assert hash(one) == hash(folded)
    assert set(leaves(one)) == {origin(0)} | found
    more = join(one, label(extra))
    assert more == join(label(extra), folded)
    assert (more == one) == (origin(extra) in {origin(0)} | found)


def test_nodes_that_grew_from_the_same_base_differ_by_what_they_added() -> None:
    base = label(0)
    for n in range(1, 40):
        base = join(base, label(n))
    left, right = join(base, label(100)), join(base, label(200))
    assert left != right
    assert set(leaves(join(left, right))) == {origin(n) for n in [*range(40), 100, 200]}
    assert join(left, right) == join(right, left)
    assert join(left, label(200)) == join(right, label(100))
    assert left.origin == Derived(sources=leaves(left)) != right.origin


def test_the_memory_of_joins_is_bounded() -> None:
    first = label(0)
    for n in range(1, inside.KEPT + 2):
        join(first, label(n))
    assert len(inside._joins) <= inside.KEPT


@pytest.mark.parametrize("count", [256, 257, 2000])
def test_more_than_256_leaves_are_stored_as_one(count: int) -> None:
    one = join(*(label(n) for n in range(count)))
    stored = decode(encode(one))
    if count == 256:
        assert stored == one
        return
    (leaf,) = leaves(stored)
    assert isinstance(leaf, Condensed)
    assert (leaf.count, leaf.sources) == (count, ("tos",))
    assert stored == decode(encode(stored))
    assert stored.readers == one.readers
    assert leaf.digest != leaves(decode(encode(join(one, label(count)))))[0].hash
    again = decode(encode(join(stored, *(label(n, trust=Integrity.UNTRUSTED) for n in range(300)))))
    assert leaves(again)[0] == Condensed(
        count=count + 300, digest=leaves(again)[0].digest, sources=("tos",)
    )  # fmt: skip


def test_what_an_earlier_version_stored_is_still_read() -> None:
    old = {"$t": "derived@1", "v": {"sources": ["ab" * 32]}}
    assert decode(old) == Derived(sources=(Condensed(count=1, digest="ab" * 32, sources=()),))


@given(origins, origins)
def test_hashes_of_origins_tell_them_apart(a: Origin, b: Origin) -> None:
    assert (a.hash == b.hash) == (a == b)
    assert a != b or hash(a) == hash(b)


def test_the_hash_of_an_origin_is_the_same_in_every_process() -> None:
    assert origin(1).hash == "08221e3bf19f475da48854ac93105c226252d5446e1d5984589611181f38f73c"


@given(derived, derived)
def test_derived_origins_compare_as_sets(a: Derived, b: Derived) -> None:
    assert (a == b) == (set(a.leaves()) == set(b.leaves()))
    assert (a == b) == (b == a)
    assert a != "sources"


def test_equal_hashes_of_different_sets_do_not_make_them_equal() -> None:
    # XOR of hashes: found by giving two leaves the same hash.
    a, b = Derived(sources=(origin(1),)), Derived(sources=(origin(2),))
    object.__setattr__(b, "_hash", hash(a))
    assert a != b


def test_the_parts_of_an_origin_do_not_change() -> None:
    key = {"id": "1"}
    one = Origin(source="tos", object="t", key=key, field="a", version="1", read_at=AT)
    key["id"] = "2"
    assert one.key == {"id": "1"}
    with pytest.raises(TypeError, match="never changes"):
        one.key["id"] = "2"
    with pytest.raises(TypeError, match="never changes"):
        one.key.update(id="2")
    assert copy.deepcopy(one) == one
    both = Derived(sources=(origin(1), origin(2)))
    with pytest.raises(AttributeError):
        both.sources = ()  # type: ignore[misc]
    with pytest.raises(AttributeError, match="has no 'rows'"):
        _ = both.rows  # type: ignore[attr-defined]
    assert repr(both) == "Derived(2 sources)"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"readers": "acl:desk"}, "labels.invalid"),
        ({"readers": {"acl:desk"}}, "labels.invalid"),
        ({"integrity": 3}, "labels.invalid"),
        ({"origin": None}, "labels.invalid"),
        ({"origin": {"source": "tos"}}, "labels.invalid"),
    ],
)
def test_a_label_has_no_defaults_and_is_not_made_from_payloads(fields: dict[str, object], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        replace(label(), **fields)  # type: ignore[arg-type]
    assert caught.value.code == code


@pytest.mark.parametrize("bad", [None, {"readers": []}, "public"])
def test_a_value_without_a_label_is_refused(bad: object) -> None:
    with pytest.raises(UsageError) as caught:
        Labelled(value=1, label=bad)  # type: ignore[arg-type]
    assert caught.value.code == "labels.missing"
    with pytest.raises(DataError):
        decode({"$t": "labelled@1", "v": {"value": 1}})


def test_an_origin_is_made_of_origins() -> None:
    with pytest.raises(UsageError, match="is no origin") as caught:
        Derived(sources=("ab" * 32,))  # type: ignore[arg-type]
    assert caught.value.code == "labels.origin"


def test_a_label_equals_only_labels() -> None:
    assert label(1) != "label"
    assert label(1) != label(2)
    assert label(1) != label(1, trust=Integrity.APPROVED)
    assert label(1) != label(1, readers=frozenset({"acl:desk"}))


def test_a_derived_origin_of_one_leaf_is_that_leaf() -> None:
    one = Label(readers=frozenset(), integrity=Integrity.RECORD, origin=Derived(sources=(origin(1),)))
    assert one == label(1)
    nothing = Label(readers=frozenset(), integrity=Integrity.RECORD, origin=Derived(sources=()))
    assert leaves(nothing) == ()
    assert join(nothing, label(1)) == label(1)
    rows = Condensed(count=2000, digest="a" * 64, sources=("tos",))
    assert leaves(replace(nothing, origin=Derived(sources=(rows,)))) == (rows,)


@given(labels, st.sampled_from(Integrity))
def test_lifting_never_lowers_changes_no_reader_and_names_who_vouched(one: Label, trust: Integrity) -> None:
    up = lifted(one, trust, by=APPROVAL)
    assert up.integrity == max(one.integrity, trust)
    assert up.readers == one.readers
    assert set(leaves(up)) == {*leaves(one), APPROVAL}


@given(labels, st.frozensets(st.sampled_from(ACLS)))
def test_declassifying_only_drops_readers_and_names_who_vouched(one: Label, left: frozenset[str]) -> None:
    if not left <= one.readers:
        with pytest.raises(UsageError, match="no readers of the label") as caught:
            declassified(one, left, by=APPROVAL)
        assert caught.value.code == "labels.declassified"
        return
    down = declassified(one, left, by=APPROVAL)
    assert down.readers == left
    assert down.integrity == one.integrity
    assert set(leaves(down)) == {*leaves(one), APPROVAL}


@pytest.mark.parametrize("by", ["because", None, replace(APPROVAL, source=""), replace(APPROVAL, version="")])
def test_nobody_vouches_without_a_name(by: object) -> None:
    for call in (
        lambda: lifted(label(), Integrity.APPROVED, by=by),  # type: ignore[arg-type]
        lambda: declassified(label(), frozenset(), by=by),  # type: ignore[arg-type]
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.code == "labels.by"


def test_signed_and_typed_words_are_public_and_trusted_and_unknown_ones_neither() -> None:
    for one in (signed("workflow:release_box", "7"), typed("clerk.amira", "run-1")):
        assert (one.readers, one.integrity) == (frozenset(), Integrity.OPERATOR)
    stranger = unknown("clerk.amira")
    assert (stranger.readers, stranger.integrity) == (frozenset({"user:clerk.amira"}), Integrity.UNTRUSTED)
    assert signed("w", "1") == decode(encode(signed("w", "1"))) != signed("w", "2")
    assert typed("clerk.amira", "run-1") != typed("clerk.amira", "run-2")
    assert isinstance(stranger.origin, Origin)
    assert stranger.origin.source == "unknown"
