"""The tree of RFC 6962: roots, inclusion and growth, against the definition and against pymerkle."""

from __future__ import annotations

import hashlib
import random
from functools import cache

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.audit.offline import Frontier, grows, included, leaf_hash, node_hash
from pilothouse.audit.tree import fold, growth, inclusion, perfect

MOST = 70


def _data(n: int) -> bytes:
    return f"entry {n}".encode()


@cache
def _root(first: int, last: int) -> bytes:
    """Return MTH as section 2.1 writes it."""
    if last - first == 0:
        return hashlib.sha256(b"").digest()
    if last - first == 1:
        return leaf_hash(_data(first))
    split = 1
    while split * 2 < last - first:
        split *= 2
    return node_hash(_root(first, first + split), _root(first + split, last))


@pytest.fixture(scope="module")
def theirs() -> pymerkle.InmemoryTree:
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for n in range(300):
        tree.append_entry(_data(n))
    return tree


def test_the_empty_tree_and_the_vectors_of_the_standard_library_of_certificates() -> None:
    tree = Frontier()
    assert tree.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    vectors = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    for vector in vectors:
        tree.push(leaf_hash(bytes.fromhex(vector)))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_roots_are_those_of_the_definition_and_of_pymerkle(theirs: pymerkle.InmemoryTree) -> None:
    tree = Frontier()
    for size in range(1, 300):
        tree.push(leaf_hash(_data(size - 1)))
        assert tree.root() == _root(0, size) == theirs.get_root(size)
        assert tree.size == size


def test_every_inclusion_proof_holds_and_is_pymerkles(theirs: pymerkle.InmemoryTree) -> None:
    for size in range(1, MOST):
        for leaf in range(size):
            path = [_root(*part) for part in inclusion(leaf, size)]
            assert included(leaf_hash(_data(leaf)), leaf + 1, size, path, _root(0, size))
            assert path == theirs.prove_inclusion(leaf + 1, size).path[1:]


def test_every_growth_proof_holds_and_pymerkle_agrees_on_its_ends(theirs: pymerkle.InmemoryTree) -> None:
    for new in range(1, MOST):
        for old in range(1, new + 1):
            path = [_root(*part) for part in growth(old, new)]
            assert grows(old, new, path, _root(0, old), _root(0, new)), (old, new)
            pymerkle.verify_consistency(_root(0, old), _root(0, new), theirs.prove_consistency(old, new))


def test_ranges_split_into_complete_subtrees() -> None:
    assert perfect((0, 7)) == [(2, 0), (1, 2), (0, 6)]
    assert perfect((4, 4)) == []
    assert perfect((8, 16)) == [(3, 1)]
    assert fold([leaf_hash(_data(n)) for n in range(8)]) == _root(0, 8)


@given(data=st.data(), size=st.integers(1, 200))
def test_a_changed_inclusion_proof_never_holds(data: st.DataObject, size: int) -> None:
    leaf = data.draw(st.integers(0, size - 1))
    path = [_root(*part) for part in inclusion(leaf, size)]
    how = data.draw(st.sampled_from(["leaf", "root", "position", "longer", "shorter", "flip"]))
    digest, root, position = leaf_hash(_data(leaf)), _root(0, size), leaf + 1
    if how == "leaf":
        digest = leaf_hash(b"another")
    elif how == "root":
        root = _root(0, size + 1)
    elif how == "position":
        position = data.draw(st.integers(-1, size + 2).filter(lambda n: n != leaf + 1))
    elif how == "longer":
        path.append(bytes(32))
    elif how == "shorter" and path:
        path.pop()
    elif path:
        at = data.draw(st.integers(0, len(path) - 1))
        path[at] = hashlib.sha256(path[at]).digest()
    else:
        root = bytes(32)
    assert not included(digest, position, size, path, root)


@given(data=st.data(), new=st.integers(2, 200))
def test_a_changed_growth_proof_never_holds(data: st.DataObject, new: int) -> None:
    old = data.draw(st.integers(1, new - 1))
    path = [_root(*part) for part in growth(old, new)]
    before, after = _root(0, old), _root(0, new)
    how = data.draw(st.sampled_from(["before", "after", "longer", "shorter", "flip", "none"]))
    if how == "before":
        before = hashlib.sha256(before).digest()
    elif how == "after":
        after = hashlib.sha256(after).digest()
    elif how == "longer":
        path.append(bytes(32))
    elif how == "shorter":
        path.pop()
    elif how == "none":
        path = []
    else:
        at = data.draw(st.integers(0, len(path) - 1))
        path[at] = hashlib.sha256(path[at]).digest()
    assert not grows(old, new, path, before, after)


def test_a_tree_does_not_grow_backwards_or_from_nothing() -> None:
    same = _root(0, 5)
    assert grows(5, 5, [], same, same)
    assert not grows(5, 5, [same], same, same)
    assert not grows(6, 5, [], same, same)
    assert not grows(0, 5, [same], same, same)


def test_large_trees_prove_too() -> None:
    dice = random.Random(7)
    for _ in range(20):
        size = dice.randrange(300, 900)
        leaf, old = dice.randrange(size), dice.randrange(1, size)
        assert included(
            leaf_hash(_data(leaf)), leaf + 1, size, [_root(*p) for p in inclusion(leaf, size)], _root(0, size)
        )
        assert grows(old, size, [_root(*p) for p in growth(old, size)], _root(0, old), _root(0, size))
