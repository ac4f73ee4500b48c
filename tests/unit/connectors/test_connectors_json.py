"""Payload files: lists, envelopes, lines, nested fields, rubbish."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pilothouse.connectors import Query, SourceDataError, SourceUnavailableError
from pilothouse.connectors.adapters.json_files import JsonSource, connect
from pilothouse.connectors.flatten import flatten, items_of, json_version
from pilothouse.connectors.testing import source_context


def source(tmp_path: Path, files: dict[str, bytes], **options: Any) -> JsonSource:
    (tmp_path / "in").mkdir(exist_ok=True)
    for name, content in files.items():
        (tmp_path / "in" / name).write_bytes(content)
    return connect(source_context("json", {"path": "in", **options}, base=tmp_path))


def test_nested_objects_become_paths_and_lists_stay_whole() -> None:
    item = {"a": {"b": {"c": 1}}, "legs": [{"port": "NLRTM"}, {"port": "BEANR"}], "codes": ["x"], "empty": {}}
    assert flatten(item) == {
        "a.b.c": 1,
        "legs": item["legs"],
        "legs[0].port": "NLRTM",
        "legs[1].port": "BEANR",
        "codes": ["x"],
        "empty": {},
    }


def test_records_are_found_in_lists_and_envelopes() -> None:
    assert items_of([1]) == ([1], "$")
    assert items_of({"data": [1]}) == ([1], "$.data")
    assert items_of({"visits": [1]}, at="visits") == ([1], "$.visits")
    assert items_of({"visits": [1]}) is None
    assert items_of("x") is None
    assert json_version({"a": 1, "b": 2}) == json_version({"b": 2, "a": 1}) != json_version({"a": 1})


async def test_each_kind_of_file_gives_its_records(tmp_path: Path) -> None:
    files = {
        "one_2026-01-05.json": b'\xef\xbb\xbf{"id": 7, "teu": 1.10}',
        "list_2026-01-05.json": b'[{"id": 1}, {"id": 2}]',
        "lines_2026-01-05.jsonl": b'{"id": 1}\n\n{"id": 2}\n',
    }
    opened = source(tmp_path, files)
    [row] = await opened.read(Query("one_*.json"))
    assert (row["teu"], row.key) == (Decimal("1.10"), {"id": "7"})
    assert row.position is not None
    assert (row.position.file, row.position.part) == ("one_2026-01-05.json", "$")
    lines = await opened.read(Query("lines_*.jsonl"))
    assert [item.position.line for item in lines if item.position] == [1, 3]
    found = await opened.read(Query("list_*.json", where={"id": "2"}))
    assert [item.position.part for item in found if item.position] == ["$[1]"]
    assert [schema.name for schema in await opened.objects()] == [
        "lines_*.jsonl",
        "list_*.json",
        "one_*.json",
    ]


async def test_the_newest_is_all_when_declared_so(tmp_path: Path) -> None:
    files = {"v_2026-01-06.json": b'[{"id": 3}]', "v_2026-01-05.json": b'[{"id": 1}]'}
    assert [row["id"] for row in await source(tmp_path, files, dump="full").read(Query("v_*.json"))] == [3]
    assert len(await source(tmp_path, files).read(Query("v_*.json"))) == 2


async def test_keys_and_lists_can_be_declared(tmp_path: Path) -> None:
    objects = {"v.json": {"key": ["call.no"], "items": "visits"}}
    files = {"v.json": b'{"visits": [{"call": {"no": "C1"}}]}'}
    [row] = await source(tmp_path, files, objects=objects).read(Query("v.json", where={"call.no": "C1"}))
    assert row.key == {"call.no": "C1"}
    files = {"v.json": b'{"visits": [{"call": {}}]}'}
    with pytest.raises(SourceDataError, match=r"no 'call\.no' at"):
        await source(tmp_path, files, objects=objects).read(Query("v.json"))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": Infinity}', b"\xff\xfe", b'"x"'])
async def test_rubbish_names_the_file(tmp_path: Path, content: bytes) -> None:
    opened = source(tmp_path, {"a.json": content, "b.json": b"[]"})
    with pytest.raises(SourceDataError, match=r"'tested': 'a\.json'"):
        await opened.read(Query("a.json"))
    assert await opened.read(Query("b.json", where={"x": 1})) == []
    assert [finding.code for finding in await opened.findings()] == ["sources.rubbish"]
    assert "cannot be read" in (await opened.objects())[0].documentation


async def test_a_missing_folder_and_a_large_file(tmp_path: Path) -> None:
    gone = connect(source_context("json", {"path": "nowhere"}, base=tmp_path))
    with pytest.raises(SourceUnavailableError, match="nowhere"):
        await gone.ping()
    with pytest.raises(Exception, match="larger than 2 bytes"):
        await source(tmp_path, {"a.json": b'{"a": 1}'}, max_bytes=2).read(Query("a.json"))
