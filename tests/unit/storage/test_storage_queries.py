"""Stories of named SQL, error translation, addresses: no database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pilothouse.kernel import DataError, UnavailableError, UsageError
from pilothouse.storage import StorageSettings, load_queries
from pilothouse.storage.connect import describe
from pilothouse.storage.errors import lost, translate
from pilothouse.storage.testing import with_database


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable part with an empty sql folder."""
    folder = tmp_path / "storagepart"
    (folder / "sql").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    load_queries.cache_clear()
    yield folder / "sql"
    load_queries.cache_clear()
    sys.modules.pop("storagepart", None)


GOOD = """
-- name: insert_box
-- Insert a box.
insert into storagepart_box (id)
values (%(id)s);

-- name: boxes
-- All boxes.
select id from storagepart_box -- in any order
"""


def test_blocks_have_a_name_a_sentence_and_a_statement(part: Path) -> None:
    (part / "box.sql").write_text(GOOD)
    queries = load_queries("storagepart")
    assert queries.insert_box.sentence == "Insert a box."
    assert queries.insert_box.text == "insert into storagepart_box (id)\nvalues (%(id)s)"
    assert [query.name for query in queries] == ["insert_box", "boxes"]
    assert queries.boxes.part == "storagepart"


def test_an_unknown_name_says_which_ones_there_are(part: Path) -> None:
    (part / "box.sql").write_text(GOOD)
    with pytest.raises(AttributeError, match=r"no query 'box'; it has \['boxes', 'insert_box'\]"):
        _ = load_queries("storagepart").box


@pytest.mark.parametrize(
    "text",
    ["-- name: a\nselect 1", "-- name: a\n-- A sentence.\n", "-- name: a\n"],
    ids=["no sentence", "no statement", "nothing"],
)
def test_an_incomplete_block_is_refused(part: Path, text: str) -> None:
    (part / "box.sql").write_text(text)
    with pytest.raises(UsageError, match="block 'a'"):
        load_queries("storagepart")


def test_a_name_used_twice_is_refused(part: Path) -> None:
    (part / "a.sql").write_text("-- name: a\n-- One.\nselect 1")
    (part / "b.sql").write_text("-- name: a\n-- Two.\nselect 2")
    with pytest.raises(UsageError, match="'a' of 'storagepart' is defined twice"):
        load_queries("storagepart")


def test_an_address_is_described_without_user_and_password() -> None:
    words = describe("postgresql://clerk:geheim@db.port.example:6432/house?sslmode=require")
    assert words == "database 'house' on 'db.port.example:6432'"
    assert "geheim" not in describe("postgresql://clerk:geheim@[broken")


def test_the_settings_do_not_show_the_password() -> None:
    assert "geheim" not in repr(StorageSettings(database_url="postgresql://clerk:geheim@db/house"))


def test_another_database_of_the_same_server() -> None:
    embedded = "postgresql://pilothouse@/pilothouse?host=/var/lib/x/run"
    assert with_database(embedded, "test_1") == "postgresql://pilothouse@/test_1?host=/var/lib/x/run"
    assert (
        with_database("postgresql://u:p@h:1/a?sslmode=require", "b")
        == "postgresql://u:p@h:1/b?sslmode=require"
    )


@pytest.mark.parametrize(
    ("state", "kind", "code"),
    [
        ("40001", "ConflictError", "storage.serialization"),
        ("40P01", "ConflictError", "storage.serialization"),
        ("55P03", "ConflictError", "storage.locked"),
        ("57014", "LimitError", "storage.timeout"),
        ("53100", "UnavailableError", "storage.disk_full"),
        ("53300", "UnavailableError", "storage.resources"),
        ("57P01", "UnavailableError", "storage.shutdown"),
        ("08006", "UnavailableError", "storage.connection"),
        ("25P03", "UnavailableError", "storage.idle_transaction"),
        ("42501", "UsageError", "storage.rights"),
        ("42P01", "UsageError", "storage.sql"),
        ("22P02", "DataError", "storage.value"),
        ("23505", "ConstraintError", "storage.unique"),
        ("XX001", "DataError", "storage.damaged"),
        ("0A000", "UsageError", "storage.sql"),
    ],
)
def test_each_state_of_the_server_has_its_kind(state: str, kind: str, code: str) -> None:
    error = translate(psycopg.errors.lookup(state)("it went wrong"), doing="query a.b")
    assert (type(error).__name__, error.code) == (kind, code)
    assert "query a.b" in error.message


def test_an_error_without_a_state_is_a_lost_connection() -> None:
    error = psycopg.OperationalError("server closed the connection unexpectedly")
    assert lost(error)
    assert isinstance(translate(error), UnavailableError)
    assert not lost(psycopg.errors.lookup("22P02")("no number"))
    assert isinstance(translate(psycopg.errors.lookup("22P02")("no number")), DataError)
