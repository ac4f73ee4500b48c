"""Random little programs: real labels say what the model says; nothing reaches who may not read it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from labels_model import Machine, Naive, Real, plain
from labels_strategies import ACLS, NAMES, labels, programs

from pilothouse.kernel import decode, encode
from pilothouse.labels import Integrity, Label, signed

CONSTANT = signed("program", "1")
inputs = st.fixed_dictionaries({name: st.tuples(st.integers(0, 3), labels) for name in NAMES})
Values = dict[str, tuple[int, Label]]


def _run(program: Any, given_values: Values) -> list[tuple[int, Label]]:
    real = Real()
    machine = Machine(real, CONSTANT, dict(given_values))
    machine.run(program, real.context(CONSTANT))
    return machine.outputs


@settings(max_examples=100)
@given(programs, inputs)
def test_the_labels_of_a_program_are_those_of_the_model(program: Any, values: Values) -> None:
    naive = Naive()
    constant = plain(CONSTANT)
    machine = Machine(naive, constant, {name: (n, plain(label)) for name, (n, label) in values.items()})
    machine.run(program, naive.context(constant))
    assert [(n, plain(label)) for n, label in _run(program, values)] == machine.outputs


@settings(max_examples=100)
@given(programs, inputs, st.frozensets(st.sampled_from(ACLS)), st.data())
def test_what_a_viewer_sees_does_not_depend_on_what_he_may_not_read(
    program: Any, values: Values, satisfied: frozenset[str], data: st.DataObject
) -> None:
    def seen(outputs: list[tuple[int, Label]]) -> list[tuple[int, Label]]:
        return [(n, label) for n, label in outputs if label.readers <= satisfied]

    changed = {
        name: (n if label.readers <= satisfied else data.draw(st.integers(0, 3)), label)
        for name, (n, label) in values.items()
    }
    assert seen(_run(program, values)) == seen(_run(program, changed))


@settings(max_examples=100)
@given(
    programs, inputs, st.sampled_from([Integrity.RECORD, Integrity.APPROVED, Integrity.OPERATOR]), st.data()
)
def test_what_is_trusted_does_not_depend_on_what_is_not(
    program: Any, values: Values, floor: Integrity, data: st.DataObject
) -> None:
    def trusted(outputs: list[tuple[int, Label]]) -> list[tuple[int, Label]]:
        return [(n, label) for n, label in outputs if label.integrity >= floor]

    changed = {
        name: (n if label.integrity >= floor else data.draw(st.integers(0, 3)), label)
        for name, (n, label) in values.items()
    }
    assert trusted(_run(program, values)) == trusted(_run(program, changed))


@given(programs, inputs)
def test_a_program_cut_in_two_and_stored_between_says_the_same(program: Any, values: Values) -> None:
    real = Real()
    middle = len(program) // 2
    first = Machine(real, CONSTANT, dict(values))
    context = real.context(CONSTANT)
    first.run(program[:middle], context)
    stored = decode(encode({name: {"n": n, "label": label} for name, (n, label) in first.variables.items()}))
    again = Machine(real, CONSTANT, {name: (one["n"], one["label"]) for name, one in stored.items()})
    again.run(program[middle:], real.context(decode(encode(context.pc))))
    assert first.outputs + again.outputs == _run(program, values)
