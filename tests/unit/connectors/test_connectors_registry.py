"""The registry: declarations, rights, secrets, time, and failures that name their source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from pilothouse.connectors import (
    Connect,
    Connector,
    OutcomeUnknownError,
    Query,
    Row,
    SecretReferences,
    SourceContext,
    SourceDataError,
    Sources,
    SourceUnavailableError,
    installed_kinds,
)
from pilothouse.connectors.settings import seconds
from pilothouse.connectors.testing import FakeConnector
from pilothouse.kernel import SYSTEM, DataError, DeniedError, LimitError, Principal, UsageError, passing
from pilothouse.labels import Integrity

TABLES = {"boxes": [{"box": "A", "state": "held"}, {"box": "B", "state": "free"}]}
CLERK = Principal(id="clerk", rights=frozenset({"sources:yard:read"}))


class Misbehaving(FakeConnector):
    """A source whose adapter breaks or hangs as its options say."""

    async def read(self, query: Query) -> list[Row]:
        if query.object == "hangs":
            await anyio.sleep(30)
        raise ZeroDivisionError("a bug")

    async def write(self, tool: str, args: Any, *, effect_id: str) -> dict[str, Any]:
        raise ZeroDivisionError("a bug")


def kinds() -> dict[str, Callable[[], Connect]]:
    def fake(context: SourceContext) -> Connector:
        return FakeConnector(context, TABLES, key="box")

    def misbehaving(context: SourceContext) -> Connector:
        return Misbehaving(context, TABLES, key="box")

    def not_installed() -> Connect:
        raise ImportError("No module named 'pymysql'")

    return {"fake": lambda: fake, "misbehaving": lambda: misbehaving, "missing": not_installed}


def declared(base: Path, **tables: dict[str, Any]) -> Sources:
    return Sources.from_config({"sources": tables}, base=base, kinds=kinds())


async def test_a_clerk_reads_what_she_may_and_nothing_else(tmp_path: Path) -> None:
    sources = declared(
        tmp_path,
        yard={"kind": "fake", "integrity": "record", "readers": ["acl:desk"]},
        money={"kind": "fake"},
    )
    assert sources.names() == ["money", "yard"]
    [row] = await sources.read(CLERK, "yard", Query("boxes", where={"box": "A"}))
    label = row.labelled("state").label
    assert (label.integrity, label.readers) == (Integrity.RECORD, frozenset({"acl:desk"}))
    with pytest.raises(DeniedError) as caught:
        await sources.read(CLERK, "money", Query("boxes"))
    assert caught.value.reasons == ("missing:sources:money:read",)
    for denied in (sources.objects, sources.findings):
        with pytest.raises(DeniedError):
            await denied(CLERK, "money")
    with pytest.raises(DeniedError):
        await sources.sample(CLERK, "money", "boxes")


async def test_writing_is_another_right_for_each_tool(tmp_path: Path) -> None:
    sources = declared(tmp_path, yard={"kind": "fake"})
    with pytest.raises(DeniedError, match="sources:yard:write:append"), passing("e"):
        await sources.write(CLERK, "yard", "append", {"note": "x"}, effect_id="e")
    assert await sources.tools(CLERK, "yard") == []
    writer = Principal(id="door", rights=frozenset({"sources:yard:write:append"}))
    assert [tool.name for tool in await sources.tools(writer, "yard")] == ["append"]
    with passing("e"):
        assert await sources.write(writer, "yard", "append", {"note": "x"}, effect_id="e") == {
            "repeated": False
        }
    with pytest.raises(DeniedError):
        await sources.read(writer, "yard", Query("boxes"))


async def test_values_of_a_source_are_untrusted_unless_declared(tmp_path: Path) -> None:
    sources = declared(tmp_path, yard={"kind": "fake"})
    [row, _] = await sources.read(SYSTEM, "yard", Query("boxes"))
    assert row.labelled("box").label.integrity is Integrity.UNTRUSTED


async def test_nothing_is_written_but_the_effect_that_the_door_lets_out(tmp_path: Path) -> None:
    sources = declared(tmp_path, yard={"kind": "fake"})
    for let_out in (None, "another", ""):
        with pytest.raises(DeniedError) as refused, passing(let_out or ""):
            await sources.write(SYSTEM, "yard", "append", {"note": "x"}, effect_id="e")
        assert refused.value.code == "effects.no_door"
    with pytest.raises(DeniedError), passing(""):
        await sources.write(SYSTEM, "yard", "append", {"note": "x"}, effect_id="")


async def test_an_adapter_that_hangs_or_breaks_names_its_source(tmp_path: Path) -> None:
    sources = declared(tmp_path, yard={"kind": "misbehaving", "timeout": "50ms"})
    with pytest.raises(SourceUnavailableError, match=r"'yard': gave no answer within 0\.05 s"):
        await sources.read(SYSTEM, "yard", Query("hangs"))
    with pytest.raises(SourceDataError, match="'yard': the adapter 'misbehaving' failed: ZeroDivisionError"):
        await sources.read(SYSTEM, "yard", Query("boxes"))
    with pytest.raises(OutcomeUnknownError, match="'yard'"), passing("e"):
        await sources.write(SYSTEM, "yard", "append", {}, effect_id="e")


async def test_health_tells_down_from_wrong(tmp_path: Path) -> None:
    sources = declared(tmp_path, yard={"kind": "fake"}, gone={"kind": "missing"})
    assert (await sources.health("yard")).state == "up"
    fake = sources.connector("yard")
    assert isinstance(fake, FakeConnector)
    fake.down = True
    down = await sources.health("yard")
    assert (down.state, down.code) == ("down", "sources.unavailable")
    wrong = await sources.health("gone")
    assert (wrong.state, wrong.code) == ("wrong", "sources.extra")
    assert "pymysql" in wrong.message
    with pytest.raises(UsageError, match="did you mean 'yard'"):
        await sources.health("yards")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"kind": "fak"}, "did you mean 'fake'"),
        ({}, "kind is None"),
        ({"kind": "fake", "integrity": "high"}, "'untrusted' or 'record'"),
        ({"kind": "fake", "readers": [1]}, "ACL ids"),
        ({"kind": "fake", "timeout": "soon"}, "'5s'"),
        ({"kind": "fake", "timezone": "Rotterdam"}, "Europe/Rotterdam"),
        ({"kind": "fake", "url": "postgresql://desk:s3cret@host/db"}, "clear text"),
        ({"kind": "fake", "auth": {"password": "s3cret"}}, r"'auth\.password' holds a secret"),
        ({"kind": "fake", "headers": {"Authorization": "Bearer s3cret"}}, "clear text"),
        ({"kind": "fake", "urls": ["http://a:s3cret@h/"]}, "clear text"),
    ],
)
def test_a_wrong_declaration_names_source_and_next_step(
    tmp_path: Path, table: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        declared(tmp_path, yard=table)
    assert "'yard'" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_source_needs_a_plain_name_and_a_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="letters"):
        declared(tmp_path, **{"a:b": {"kind": "fake"}})
    with pytest.raises(UsageError, match="is no table"):
        Sources.from_config({"sources": {"yard": 3}}, base=tmp_path, kinds=kinds())
    with pytest.raises(UsageError, match="is no table"):
        Sources.from_config({"sources": 3}, base=tmp_path, kinds=kinds())
    assert Sources.from_config({}, base=tmp_path, kinds=kinds()).names() == []


def test_the_installed_kinds_are_found_by_entry_point() -> None:
    assert {"sql", "drop", "http", "json", "edifact", "mail", "mcp"} <= set(installed_kinds())


def test_secrets_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("hush\n")
    (tmp_path / "box.json").write_text(json.dumps({"db": {"url": "u"}, "n": 1}))
    (tmp_path / "box.toml").write_text('[db]\nurl = "t"\n')
    secrets = SecretReferences(base=tmp_path, environ={"A": "1", "EMPTY": ""})
    resolved = [
        secrets.resolve(f"secret://{reference}")
        for reference in ("env/A", "file/plain", "file/box.json#db.url", f"file/{tmp_path}/box.toml#db.url")
    ]
    assert resolved == ["1", "hush", "u", "t"]
    for wrong in (
        "env/B",
        "env/EMPTY",
        "env/",
        "vault/x",
        "file/gone",
        "file/box.json#n",
        "file/plain#x",
        "file/box.json#db.x.y",
    ):
        with pytest.raises(UsageError) as caught:
            secrets.resolve(f"secret://{wrong}")
        assert caught.value.code == "sources.secret"
        assert "hush" not in str(caught.value)


def test_durations_are_read_as_people_write_them() -> None:
    assert [seconds(value) for value in ("5s", "250ms", "2m", 3, "1.5", "1h", "1d")] == [
        5,
        0.25,
        120,
        3,
        1.5,
        3600,
        86400,
    ]
    assert [seconds(value) for value in ("", "0s", -1, True, None, "5 weeks")] == [None] * 6


def test_a_query_takes_bare_values_and_refuses_too_many() -> None:
    query = Query("boxes", where={"box": "MSKU", "n": 1}, fields=["box"], order_by="-box")  # type: ignore[arg-type]
    assert query.where == {"box": ("MSKU",), "n": (1,)}
    assert (query.fields, query.order_by) == (("box",), ("-box",))
    with pytest.raises(LimitError, match="501 values for 'box'"):
        Query("boxes", where={"box": [str(n) for n in range(501)]})
    with pytest.raises(UsageError, match="negative"):
        Query("boxes", limit=-1)


async def test_a_missing_field_of_a_row_names_what_there_is(tmp_path: Path) -> None:
    sources = declared(tmp_path, yard={"kind": "fake"})
    [row, _] = await sources.read(SYSTEM, "yard", Query("boxes"))
    with pytest.raises(DataError, match="did you mean 'state'"):
        row["stat"]
    assert "state" in row
    await sources.close()


async def test_a_drop_folder_declared_in_a_project_is_read_by_its_entry_point(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("id;kg\nx;1.234\n")
    project = {"sources": {"weights": {"kind": "drop", "path": "in"}}}
    async with Sources.from_config(project, base=tmp_path) as sources:
        assert sources.kind("weights") == "drop"
        assert [schema.name for schema in await sources.objects(SYSTEM, "weights")] == ["a.csv"]
        assert len(await sources.sample(SYSTEM, "weights", "a.csv", n=1)) == 1
        codes = {finding.code for finding in await sources.findings(SYSTEM, "weights")}
        assert "drop.ambiguous" in codes
        assert await sources.tools(SYSTEM, "weights") == []
        with pytest.raises(UsageError, match="has no tool 'release'; there is none"), passing("e"):
            await sources.write(SYSTEM, "weights", "release", {}, effect_id="e")
        assert (await sources.health("weights")).state == "up"
