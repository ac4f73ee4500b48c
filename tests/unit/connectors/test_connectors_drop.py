"""Drop files as they really come: code pages, decimal signs, dates, quotes, damage."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pilothouse.connectors import (
    Finding,
    Query,
    Row,
    SourceDataError,
    SourceLimitError,
    SourceUnavailableError,
    SourceUsageError,
)
from pilothouse.connectors.adapters.drop import DropSource, connect
from pilothouse.connectors.families import dated, family
from pilothouse.connectors.testing import source_context
from pilothouse.labels import Integrity

Drop = Callable[..., DropSource]


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    (tmp_path / "in").mkdir()

    def make(files: dict[str, bytes], *, timezone: Any = None, **options: Any) -> DropSource:
        for name, content in files.items():
            (tmp_path / "in" / name).write_bytes(content)
        return connect(source_context("drop", {"path": "in", **options}, base=tmp_path, timezone=timezone))

    return make


async def rows_of(source: DropSource, pattern: str = "a.csv", **query: Any) -> list[Row]:
    return await source.read(Query(pattern, **query))


async def column(source: DropSource, name: str, pattern: str = "a.csv") -> list[Any]:
    return [row[name] for row in await rows_of(source, pattern)]


async def found(source: DropSource, code: str) -> list[Finding]:
    return [finding for finding in await source.findings() if finding.code == code]


TEXT = "Nr;Ware\n1;Größe Öl – 5 €\n2;Käse\n"


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.replace("–", "-").replace("€", "").encode("latin-1"), "iso8859-1"),
        (TEXT.encode("utf-8"), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (
            TEXT.replace("Größe Öl – 5 €", "Zgłoszenie łódź").replace("Käse", "żółć").encode("cp1250"),
            "cp1250",
        ),
        (TEXT.replace("–", "-").replace("€", "").encode("cp850"), "cp850"),
    ],
)
async def test_encodings_are_found(drop: Drop, encoded: bytes, name: str) -> None:
    source = drop({"a.csv": encoded})
    [finding] = await found(source, "drop.encoding")
    assert f"read as {name}" in finding.message
    words = await column(source, "Ware")
    assert words[1] in ("Käse", "żółć")
    assert await column(source, "Nr") == [1, 2]


async def test_a_declared_encoding_is_not_doubted(drop: Drop) -> None:
    assert await column(drop({"a.csv": b"n;w\n1;\xe4\n"}, encoding="cp1251"), "w") == ["д"]
    with pytest.raises(SourceUsageError, match="'klingon'"):
        await rows_of(drop({"a.csv": b"n;w\n1;x\n"}, encoding="klingon"))


async def test_utf8_with_a_broken_byte_says_so(drop: Drop) -> None:
    text = "n;w\n" + "".join(f"{n};Größe\n" for n in range(9)) + "9;Gr\xf6"
    source = drop({"a.csv": text.replace("9;Gr\xf6", "9;").encode() + b"Gr\xf6\xdf\n"})
    assert (await column(source, "w"))[9] == "Gr\ufffd\ufffd"
    [finding] = await found(source, "drop.bytes")
    assert finding.severity == "error"


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
async def test_delimiters_are_found(drop: Drop, delimiter: str) -> None:
    lines = [["id", "remark, with; all|of\tthem", "n"], *([f"x{n}", "a, b; c|d", str(n)] for n in range(5))]
    text = "\n".join(
        delimiter.join(f'"{cell}"' if i == 1 else cell for i, cell in enumerate(line)) for line in lines
    )
    source = drop({"a.csv": text.encode() + b"\n"})
    assert [row.key for row in await rows_of(source)] == [{"id": f"x{n}"} for n in range(5)]


async def test_one_column_and_lone_carriage_returns(drop: Drop) -> None:
    assert await column(drop({"a.csv": b"box\rMSKU1\rMSKU2\r"}), "box") == ["MSKU1", "MSKU2"]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,5", "12,25"], [Decimal("1.5"), Decimal("12.25")]),
        (["1.234,50", "7"], [Decimal("1234.50"), Decimal(7)]),
        (["1,234.50", "7"], [Decimal("1234.50"), Decimal(7)]),
        (["1.5", "-2.25"], [Decimal("1.5"), Decimal("-2.25")]),
        (["12,50-", "3,00"], [Decimal("-12.50"), Decimal("3.00")]),
        (["1 234,5", "1 000"], [Decimal("1234.5"), Decimal(1000)]),
        (["007", "12"], ["007", "12"]),
        (["7", "12"], [7, 12]),
        (["0", "-3"], [0, -3]),
        (["MSKU1234565", "7"], ["MSKU1234565", "7"]),
        (["05.01.2026", "31.12.2025"], [date(2026, 1, 5), date(2025, 12, 31)]),
        (["5.1.26", "31.12.25"], [date(2026, 1, 5), date(2025, 12, 31)]),
        (["2026-01-05", "2025-12-31"], [date(2026, 1, 5), date(2025, 12, 31)]),
        (["01/31/2026", "02/03/2026"], [date(2026, 1, 31), date(2026, 2, 3)]),
        (["31/01/2026", "02/03/2026"], [date(2026, 1, 31), date(2026, 3, 2)]),
        (["05.01.2026 07:00", "05.01.2026 18:30:15"], ["2026-01-05T07:00:00", "2026-01-05T18:30:15"]),
        (["2026-01-05T07:00:00Z", "2026-01-05T07:00:00+01:00"],
         [datetime(2026, 1, 5, 7, tzinfo=UTC), datetime(2026, 1, 5, 6, tzinfo=UTC)]),
        (["99999999999999999999", "1"], ["99999999999999999999", "1"]),
        (["", "5"], [None, 5]),
        (["2026.002108", "2026.013340"], ["2026.002108", "2026.013340"]),
        (["2026,00210", "2025,13340"], ["2026,00210", "2025,13340"]),
        (["2026.5", "1999.25"], [Decimal("2026.5"), Decimal("1999.25")]),
        (["0.453592", "0.002108"], [Decimal("0.453592"), Decimal("0.002108")]),
    ],
)  # fmt: skip
async def test_columns_are_what_their_values_prove(drop: Drop, cells: list[str], values: list[Any]) -> None:
    text = "id;c\n" + "".join(f"x{n};{cell}\n" for n, cell in enumerate(cells))
    assert await column(drop({"a.csv": text.encode()}), "c") == values


async def test_times_get_the_zone_of_the_source(drop: Drop) -> None:
    source = drop({"a.csv": b"id;t\nx;05.07.2026 07:00\n"}, timezone=ZoneInfo("Europe/Berlin"))
    assert await column(source, "t") == [datetime(2026, 7, 5, 5, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("cells", "declared", "values"),
    [
        (["1.234", "5.678"], {"decimal": ","}, [Decimal(1234), Decimal(5678)]),
        (["1.234", "5.678"], {"decimal": "."}, [Decimal("1.234"), Decimal("5.678")]),
        (["03/04/2026", "05/06/2026"], {"dates": "dmy"}, [date(2026, 4, 3), date(2026, 6, 5)]),
        (["03/04/2026", "05/06/2026"], {"dates": "mdy"}, [date(2026, 3, 4), date(2026, 5, 6)]),
    ],
)
async def test_what_the_data_cannot_prove_stays_text_and_is_reported(
    drop: Drop, cells: list[str], declared: dict[str, str], values: list[Any]
) -> None:
    text = "id;c\n" + "".join(f"x{n};{cell}\n" for n, cell in enumerate(cells))
    undecided = drop({"a.csv": text.encode()})
    assert await column(undecided, "c") == cells
    [finding] = await found(undecided, "drop.ambiguous")
    assert finding.severity == "warning"
    assert cells[0] in finding.message
    decided = drop({"a.csv": text.encode()}, **declared)
    assert await column(decided, "c") == values
    assert await found(decided, "drop.ambiguous") == []


async def test_proof_in_one_column_decides_the_file(drop: Drop) -> None:
    source = drop(
        {
            "a.csv": b"id;kg;eur;on;off\nx;1.234;2,50;03/04/2026;31/12/2026\n"
            b"y;5.678;1,00;05/06/2026;01/12/2026\n"
        }
    )
    [first, _] = await rows_of(source)
    assert (first["kg"], first["eur"], first["on"]) == (Decimal(1234), Decimal("2.50"), date(2026, 4, 3))


async def test_a_year_and_a_number_are_no_decimal_and_prove_no_sign(drop: Drop) -> None:
    source = drop({"a.csv": b"id;kg\n2026.002108;1.234\n2026.002300;5.678\n"})
    assert await column(source, "id") == ["2026.002108", "2026.002300"], "their last zeros stay"
    assert await column(source, "kg") == ["1.234", "5.678"]
    [finding] = await found(source, "drop.ambiguous")
    assert "'1.234'" in finding.message


async def test_dates_that_contradict_each_other_stay_text(drop: Drop) -> None:
    source = drop({"a.csv": b"id;d\nx;31/01/2026\ny;01/31/2026\n"})
    assert await column(source, "d") == ["31/01/2026", "01/31/2026"]
    assert "some values are day first" in (await found(source, "drop.ambiguous"))[0].message


async def test_a_value_that_does_not_fit_stays_and_is_named(drop: Drop) -> None:
    lines = [*(f"x{n};{n},5{n}" for n in range(12)), "y;keine"]
    source = drop({"a.csv": ("id;kg\n" + "\n".join(lines) + "\n").encode()})
    assert (await column(source, "kg"))[-1] == "keine"
    [finding] = await found(source, "drop.value")
    assert "line 14: 'kg' is 'keine'" in finding.message


async def test_types_can_be_declared(drop: Drop) -> None:
    objects = {"a.csv": {"types": {"plz": "text", "kg": "decimal,", "d": "dmy"}, "key": ["plz"]}}
    [row] = await rows_of(drop({"a.csv": b"plz;kg;d\n20457;1.234;03/04/2026\n"}, objects=objects))
    assert row.values == {"plz": "20457", "kg": Decimal(1234), "d": date(2026, 4, 3)}
    with pytest.raises(SourceDataError, match="did you mean 'plz'"):
        await rows_of(drop({"a.csv": b"plz;kg\n1;2\n"}, objects={"a.csv": {"key": ["PLZ"]}}))


async def test_quotes_hold_delimiters_breaks_and_quotes(drop: Drop) -> None:
    raw = b'id;t;n\r\nx;"a;b\r\nc ""d""";1\r\ny;12" pipe;2\r\n;"";3\r\n'
    source = drop({"a.csv": raw})
    rows = await rows_of(source)
    assert [row["t"] for row in rows] == ['a;b\nc "d"', '12" pipe', None]
    assert [row.position.line for row in rows if row.position] == [2, 4, 5]
    at = rows[0].position
    assert at is not None
    assert at.offset is not None
    assert at.length is not None
    assert raw[at.offset : at.offset + at.length].rstrip() == b'x;"a;b\r\nc ""d""";1'
    assert not any(row.faults for row in rows)


async def test_positions_are_bytes_in_every_encoding(drop: Drop) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        raw = TEXT.encode(encoding)
        row = (await rows_of(drop({"a.csv": raw})))[1]
        at = row.position
        assert at is not None
        assert at.offset is not None
        assert at.length is not None
        cut = raw[at.offset : at.offset + at.length]
        wide = "utf-16-le" if encoding == "utf-16" else encoding.removesuffix("-sig")
        assert cut.decode(wide, "ignore").strip() == "2;Käse"


async def test_damaged_lines_are_kept_untrusted_and_reported_with_their_number(drop: Drop) -> None:
    good = "".join(f"x{n};a;{n}\n" for n in range(5))
    source = drop({"a.csv": f'id;t;n\n{good}y;short\nz;"never closed;7\nw;a;b;c;too many\nv;a'.encode()})
    damaged = {row["id"]: row for row in await rows_of(source) if row.faults}
    assert set(damaged) == {"y", "z", "w", "v"}
    assert damaged["y"].faults == ("line 7 has 2 fields of 3",)
    assert damaged["y"]["n"] is None
    assert "a quote that opens in line 8 is never closed" in damaged["z"].faults
    assert "line 9 has 5 fields of 3" in damaged["w"].faults
    assert "the file ends inside line 10" in damaged["v"].faults
    assert all(row.labelled("id").label.integrity is Integrity.UNTRUSTED for row in damaged.values())
    lines = [finding.position.line for finding in await found(source, "drop.damaged") if finding.position]
    assert lines == [7, 8, 9]
    assert len(await found(source, "drop.truncated")) == 1


async def test_a_row_missing_from_a_cut_file_is_not_just_absent(drop: Drop) -> None:
    source = drop({"a.csv": b"id;n;t\nx;1;a\ny;2;b\nz"})
    assert len(await rows_of(source, where={"id": "x"})) == 1
    with pytest.raises(SourceDataError, match="rows may be missing") as caught:
        await rows_of(source, where={"id": "nobody"})
    assert caught.value.code == "sources.truncated"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"%PDF-1.7 x", "a PDF"),
        (b"a;b\x00\x00\x00\x00;;\n", "zero bytes"),
        (b"a;b;c\n1;2;3\n1;2;3\n1;2;3\n" + b"1;2\n" * 9, "damaged in 9 of 12"),
    ],
)
async def test_rubbish_is_an_error_that_names_the_file(drop: Drop, content: bytes, why: str) -> None:
    source = drop({"a.csv": content, "b.csv": b"x;y\n1;2\n"})
    with pytest.raises(SourceDataError, match=why) as caught:
        await rows_of(source)
    assert "'a.csv'" in str(caught.value)
    schemas = {schema.name: schema for schema in await source.objects()}
    assert "cannot be read" in schemas["a.csv"].documentation
    assert schemas["b.csv"].row_count == 1
    assert any("'a.csv'" in finding.message for finding in await source.findings())


async def test_a_header_alone_is_an_empty_table(drop: Drop) -> None:
    source = drop({"a.csv": b"id;n\n"})
    assert await rows_of(source, where={"id": "x"}) == []
    with pytest.raises(SourceDataError, match="no field 'idd'"):
        await rows_of(source, where={"idd": "x"})


async def test_what_stands_before_the_table_is_reported(drop: Drop) -> None:
    source = drop({"a.csv": b"Export vom 05.01.2026\n\nid;n;n;\nx;1;2;\ny;3;4;\n"})
    assert (await rows_of(source))[0].values == {"id": "x", "n": 1, "n_3": 2, "column_4": None}
    assert "Export vom" in (await found(source, "drop.preamble"))[0].message
    assert "'n' occurs twice" in (await found(source, "drop.header"))[0].message


async def test_files_without_a_header_can_be_named(drop: Drop) -> None:
    assert await column(drop({"a.csv": b"x;1\ny;2\n"}, header=False), "column_2") == [1, 2]
    objects = {"a.csv": {"columns": ["id", "n"]}}
    assert await column(drop({"a.csv": b"x;1\ny;2\n"}, objects=objects), "n") == [1, 2]


async def test_the_newest_full_dump_wins_by_the_date_in_its_name(drop: Drop, tmp_path: Path) -> None:
    source = drop(
        {"h_2026-01-06.csv": b"id;n\nx;3\n", "h_2026-01-05.csv": b"id;n\nx;1\ny;2\n", "h_x.csv.part": b"id"},
        dump="full",
    )
    os.utime(tmp_path / "in" / "h_2026-01-05.csv", (2e9, 2e9))
    [row] = await rows_of(source, "h_*.csv")
    assert (row["n"], row.as_of) == (3, datetime(2026, 1, 6, tzinfo=UTC))
    assert row.position is not None
    assert row.position.file == "h_2026-01-06.csv"
    (tmp_path / "in" / "h_2026-01-07.csv").write_bytes(b"id;n\nx;4\n")
    assert [row["n"] for row in await rows_of(source, "h_*.csv")] == [4]
    (tmp_path / "in" / "h_2026-01-08.csv").write_bytes(b"")
    with pytest.raises(SourceDataError, match="is empty"):
        await rows_of(source, "h_*.csv")


async def test_without_dates_in_the_names_the_last_change_decides(drop: Drop, tmp_path: Path) -> None:
    source = drop({"h_a.csv": b"id;n\nx;1\n", "h_b.csv": b"id;n\nx;2\n"}, dump="full")
    os.utime(tmp_path / "in" / "h_b.csv", (1e9, 1e9))
    assert [row["n"] for row in await rows_of(source, "h_?.csv")] == [1]


async def test_appended_files_keep_their_rows_apart(drop: Drop) -> None:
    source = drop({"h_2026-01-05.csv": b"id;n\nx;1\n", "h_2026-01-06.csv": b"id;n\nx;2\n"})
    rows = await rows_of(source, "h_*.csv")
    assert [row.key for row in rows] == [{"file": f"h_2026-01-0{d}.csv", "id": "x"} for d in (5, 6)]
    assert [row["n"] for row in await rows_of(source, "h_*.csv", where=rows[0].key)] == [1]


async def test_a_file_that_changes_is_read_again(drop: Drop, tmp_path: Path) -> None:
    source = drop({"a.csv": b"id;n\nx;1\ny;5\n"})
    before = {row["id"]: row.version for row in await rows_of(source)}
    (tmp_path / "in" / "a.csv").write_bytes(b"id;n\nx;22\ny;5\n")
    after = {row["id"]: row.version for row in await rows_of(source)}
    assert before["x"] != after["x"]
    assert before["y"] == after["y"]


async def test_limits_and_missing_folders(drop: Drop, tmp_path: Path) -> None:
    with pytest.raises(SourceLimitError, match="more than 3"):
        await rows_of(drop({"a.csv": b"id;n\nx;1\n"}, max_bytes=3))
    with pytest.raises(SourceDataError, match=r"did you mean 'a\.csv'"):
        await rows_of(drop({}), "A.csv")
    gone = connect(source_context("drop", {"path": "nowhere"}, base=tmp_path))
    with pytest.raises(SourceUnavailableError, match="nowhere"):
        await gone.ping()


def test_names_of_files_make_families_and_dates() -> None:
    names = ("cover_20260105.tsv", "h_2026-01-05_0600.csv", "a1.csv", "p_001.csv", "x")
    assert [family(name) for name in names] == ["cover_*.tsv", "h_*.csv", "a1.csv", "p_*.csv", "x"]
    assert dated("h_2026-01-05_0630.csv", None) == datetime(2026, 1, 5, 6, 30, tzinfo=UTC)
    assert dated("h_05.01.2026.csv", None) == datetime(2026, 1, 5, tzinfo=UTC)
    assert [dated(name, None) for name in ("h.csv", "h_20261399.csv", "h_31.02.2026.csv")] == [None] * 3
