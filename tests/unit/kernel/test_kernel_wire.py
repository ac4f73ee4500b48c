"""The wire form: what may be stored, what is refused, and that nothing changes on the way."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pilothouse.kernel import DataError, UsageError, canonical, content_hash, decode, encode, loads, wired


@wired("test.colour")
class Colour(enum.Enum):
    RED = "red"


@wired("test.box", version=2, upgrades={1: lambda fields: {**fields, "tags": ["old"]}})
@dataclass(frozen=True)
class Box:
    number: str
    tags: tuple[str, ...] = ()


@wired("test.form")
class Form(BaseModel):
    amount: Decimal
    box: Box


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.datetimes(timezones=st.just(UTC))
    | st.dates()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.uuids()
    | st.binary(max_size=40)
    | st.frozensets(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=4)
    | st.builds(Box, st.text(st.characters(exclude_categories=["Cs"])), st.tuples(st.just("a")))
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.just("$t")
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
)


@given(values)
def test_what_is_stored_comes_back_the_same(value: object) -> None:
    assert decode(loads(json.dumps(encode(value)))) == value


@given(st.dictionaries(keys, scalars, max_size=6))
def test_the_hash_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert content_hash(value) == content_hash(dict(reversed(value.items())))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"box": {"weight": {1}}}, "value.box.weight: set"),
        ({"n": float("nan")}, "value.n"),
        ([Decimal("Infinity")], r"value\[0\]"),
        ({1: "a"}, "key 1"),
        (datetime(2026, 1, 1), "no time zone"),
        (object(), "no wire form"),
    ],
)
def test_what_has_no_wire_form_is_refused_with_its_path(value: object, path: str) -> None:
    with pytest.raises(UsageError, match=path):
        encode(value)


def test_too_deep_is_refused() -> None:
    nested: list[object] = []
    for _ in range(70):
        nested = [nested]
    with pytest.raises(UsageError, match="deeper than 64"):
        encode(nested)


@pytest.mark.parametrize(
    "stored",
    [
        {"$t": "os.system@1", "v": {"cmd": "true"}},
        {"$t": 7, "v": None},
        {"$t": "date", "v": "not a date"},
        {"$t": "decimal", "v": "1,5"},
        {"$t": "test.box@1", "v": {"nummer": "x"}},
        {"$t": "test.box@0", "v": {"number": "x"}},
    ],
)
def test_an_unknown_or_broken_tag_is_a_data_error_and_imports_nothing(stored: dict[str, object]) -> None:
    with pytest.raises(DataError):
        decode(stored)  # type: ignore[arg-type]


def test_an_old_version_is_upgraded_on_the_way_in() -> None:
    assert decode({"$t": "test.box@1", "v": {"number": "MSCU1"}}) == Box("MSCU1", ("old",))


def test_models_and_enums_keep_their_types() -> None:
    form = Form(amount=Decimal("10.50"), box=Box("MSCU1", ("a", "b")))
    back = decode(
        encode(
            {
                "form": form,
                "colour": Colour.RED,
                "id": UUID(int=5),
                "day": date(2026, 1, 5),
                "for": timedelta(-1, 2, 3),
            }
        )
    )
    assert back == {
        "form": form,
        "colour": Colour.RED,
        "id": UUID(int=5),
        "day": date(2026, 1, 5),
        "for": timedelta(-1, 2, 3),
    }


def test_a_name_belongs_to_one_class() -> None:
    with pytest.raises(UsageError, match=r"test\.box"):
        wired("test.box")(type("Other", (), {}))


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', "{", "[Infinity]"])
def test_json_with_duplicates_or_without_numbers_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        loads(text)


def test_canonical_bytes_follow_rfc_8785() -> None:
    # RFC 8785 section 3.2.2 and 3.2.3: number and string forms, keys by UTF-16 code units.
    assert canonical({"b": 1e21, "a": [1.0, "€", "\n"], "\U0001f600": 1, "\ufb33": 2}) == (
        '{"a":[1,"€","\\n"],"b":1e+21,"\U0001f600":1,"\ufb33":2}'.encode()
    )


def test_a_lone_surrogate_has_no_canonical_form() -> None:
    with pytest.raises(UsageError, match="canonical"):
        canonical({"a": "\ud800"})


def test_a_kept_wire_form_is_made_once_and_forgotten_when_there_are_too_many(monkeypatch):
    from dataclasses import dataclass

    from pilothouse.kernel import wire

    @wire.wired("test.kept", kept=True)
    @dataclass(frozen=True)
    class Kept:
        n: int

    monkeypatch.setattr(wire, "MAX_KEPT", 2)
    assert wire.encode(Kept(1)) == {"$t": "test.kept@1", "v": {"n": 1}}
    assert wire.encode([Kept(1)])[0] is wire.encode(Kept(1))
    assert wire.decode(wire.encode(Kept(1))) == Kept(1)
    first = wire.encode(Kept(1))
    wire.encode(Kept(2))
    assert wire.encode(Kept(3)) == {"$t": "test.kept@1", "v": {"n": 3}}
    assert wire.encode(Kept(1)) == first
    assert wire.encode(Kept(1)) is not first
