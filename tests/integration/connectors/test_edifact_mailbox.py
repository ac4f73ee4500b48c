"""An EDIFACT mailbox as a source: the last word, damaged files beside good ones, an out folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pilothouse.connectors import (
    Query,
    SourceConflictError,
    SourceDataError,
    Sources,
    SourceUnavailableError,
    SourceUsageError,
    edifact_interchange,
    edifact_message,
    edifact_read,
)
from pilothouse.kernel import SYSTEM, passing
from pilothouse.labels import Integrity


def answer(
    document: str, at: str, *, function: str = "9", status: str = "1", box: str = "ABCU1"
) -> list[str]:
    return [
        f"BGM+961+{document}+{function}",
        f"DTM+137:{at}:203",
        "RFF+BM:MAEU1",
        f"EQD+CN+{box}",
        f"GIS+{status}",
    ]


def put(folder: Path, name: str, *bodies: list[str], reference: str = "1") -> bytes:
    messages = [
        edifact_message("CUSRES:D:96B:UN", body, reference=str(n)) for n, body in enumerate(bodies, 1)
    ]
    data = edifact_interchange(
        messages, sender="CUSTOMS", recipient="AGENCY", reference=reference, at=datetime(2026, 1, 5)
    )
    (folder / name).write_bytes(data)
    return data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def customs(folder: Path, **options: object) -> Sources:
    declared = {"kind": "edifact", "path": str(folder), "integrity": "record", "timezone": "Europe/Amsterdam"}
    return Sources.from_config({"sources": {"customs": {**declared, **options}}}, base=folder.parent)


async def read(sources: Sources, query: Query):
    return await sources.read(SYSTEM, "customs", query)


async def test_the_last_word_is_by_time_not_by_file(folder):
    put(folder, "a.edi", answer("D1", "202601051200", function="1", status="3"))
    put(folder, "b.edi", answer("D1", "202601050900"), reference="2")
    put(folder, "c.edi", answer("D1", "202601051000", function="5", status="2"), reference="3")
    rows = await read(customs(folder), Query("CUSRES", where={"container": "ABCU1"}))
    assert [(row["function"], row["status"]) for row in rows] == [("9", "1"), ("5", "2"), ("1", "3")]
    assert rows[-1]["dtm"] == datetime(2026, 1, 5, 11, tzinfo=UTC)
    (latest,) = await read(customs(folder), Query("CUSRES", order_by=("-dtm",), limit=1))
    assert latest["file"] == "a.edi"


async def test_evidence_points_into_the_message(folder):
    data = put(folder, "a.edi", answer("D1", "202601050900", status="3"))
    (row,) = await read(customs(folder), Query("CUSRES"))
    position = row.labelled("status").label.origin.position
    assert data[position.offset : position.offset + position.length] == b"3"
    assert (position.file, position.part) == ("a.edi", "GIS.C529.7365")
    assert row.integrity is Integrity.RECORD


async def test_fields_may_be_segment_paths(folder):
    put(folder, "a.edi", answer("D1", "202601050900"), answer("D2", "202601050900", box="ABCU2"))
    query = Query("CUSRES", where={"EQD+CN.2": ["ABCU2"]}, fields=("BGM.C106.1004", "DTM+137.1.2"))
    (row,) = await read(customs(folder), query)
    assert row.values == {"BGM.C106.1004": "D2", "DTM+137.1.2": "202601050900"}
    with pytest.raises(SourceDataError, match=r"LOC\.C999\.1"):
        await read(customs(folder), Query("CUSRES", fields=("LOC.C999.1",)))
    with pytest.raises(SourceDataError, match="did you mean 'container'"):
        await read(customs(folder), Query("CUSRES", fields=("contaner",)))


async def test_good_messages_survive_bad_ones_and_the_damage_is_told(folder):
    data = put(folder, "a.edi", answer("D1", "202601050900"), answer("D2", "202601050900", status="3"))
    (folder / "cut.edi").write_bytes(data[: data.rindex(b"GIS") + 3])
    (folder / "junk.edi").write_bytes(b"hello")
    sources = customs(folder)
    rows = await read(sources, Query("CUSRES", where={"file": "cut.edi"}))
    whole, cut = rows
    assert (whole["complete"], whole.integrity) == (True, Integrity.RECORD)
    assert (cut["document"], cut["status"], cut["complete"]) == ("D2", None, False)
    assert cut.integrity is Integrity.UNTRUSTED, "half a message is no record"
    assert cut.faults
    findings = {
        (item.code, item.severity, item.position.file) for item in await sources.findings(SYSTEM, "customs")
    }
    assert ("edifact.cut", "error", "cut.edi") in findings
    assert ("edifact.junk", "error", "junk.edi") in findings
    assert ("edifact.unz.missing", "warning", "cut.edi") in findings


async def test_a_mailbox_of_rubbish_is_an_error_not_empty(folder):
    (folder / "a.edi").write_bytes(b"<xml/>")
    with pytest.raises(SourceDataError, match=r"'customs'.*'a\.edi'"):
        await read(customs(folder, messages=["CUSRES"]), Query("CUSRES"))


async def test_what_is_missing_is_said(folder):
    with pytest.raises(SourceDataError, match="no object 'CUSRES'"):
        await read(customs(folder), Query("CUSRES"))
    assert await read(customs(folder, messages=["CUSRES"]), Query("CUSRES")) == []
    put(folder, "a.edi", answer("D1", "202601050900"))
    with pytest.raises(SourceDataError, match="did you mean 'CUSRES'"):
        await read(customs(folder), Query("CUSREP"))
    with pytest.raises(SourceUnavailableError, match="not there"):
        await read(customs(folder / "elsewhere"), Query("CUSRES"))


async def test_new_and_changed_files_are_seen_unfinished_ones_are_not(folder):
    sources = customs(folder)
    put(folder, "a.edi", answer("D1", "202601050900"))
    assert len(await read(sources, Query("CUSRES"))) == 1
    put(folder, "b.edi", answer("D2", "202601050900"))
    put(folder, "c.edi.part", answer("D3", "202601050900"))
    assert len(await read(sources, Query("CUSRES"))) == 2
    put(folder, "a.edi", answer("D1", "202601051000", status="3"))
    os.utime(folder / "a.edi", ns=(1, 1))
    (row,) = await read(sources, Query("CUSRES", where={"document": "D1"}))
    assert row["status"] == "3"


async def test_a_file_over_the_limit_is_told_not_read(folder):
    put(folder, "a.edi", answer("D1", "202601050900"))
    put(folder, "big.edi", *[answer(f"D{n}", "202601050900") for n in range(50)])
    sources = customs(folder, max_bytes=1000)
    assert len(await read(sources, Query("CUSRES"))) == 1
    assert [item.code for item in await sources.findings(SYSTEM, "customs")] == ["edifact.file.too_large"]


async def test_a_project_brings_its_own_profile(folder):
    (folder.parent / "mine.toml").write_text(
        'message = "CUSRES"\nkey = ["ref"]\n[fields]\nref = "RFF+BM.1154"\n'
        'state = { path = "GIS.7365", codes = { "1" = "cleared" } }\n'
    )
    put(folder, "a.edi", answer("D1", "202601050900"))
    (row,) = await read(customs(folder, profile="mine.toml"), Query("CUSRES"))
    assert (row["ref"], row["state"]) == ("MAEU1", "cleared")
    assert row.key["ref"] == "MAEU1"


async def test_a_message_nobody_described_is_read_by_paths(folder):
    data = put(folder, "a.edi", answer("D1", "202601050900"))
    (folder / "a.edi").write_bytes(data.replace(b"CUSRES", b"PAXLST"))
    (row,) = await read(customs(folder), Query("PAXLST", fields=("BGM.1004", "message")))
    assert row.values == {"BGM.1004": "D1", "message": "1/1"}


RELEASE = {
    "message": "COREOR",
    "values": {"document": "D1", "function": "9", "dtm": "2026-01-05T09:30", "bl": "B'1"},
}


async def send(sources: Sources, args: dict[str, object], effect: str = "e-1"):
    with passing(effect):
        return await sources.write(SYSTEM, "customs", "send", args, effect_id=effect)


async def test_a_message_is_written_once_under_its_effect(folder):
    sources = customs(folder, out="out", recipient="TERMINAL")
    first = await send(sources, RELEASE)
    again = await send(sources, RELEASE)
    assert (first["fresh"], again["fresh"]) == (True, False)
    assert first["sha256"] == again["sha256"]
    (path,) = (folder.parent / "out").iterdir()
    reading = edifact_read(path.read_bytes())
    assert path.name == "e-1.edi"
    assert reading.faults == ()
    assert reading.interchanges[0].recipient == "TERMINAL"
    other = {**RELEASE, "values": {**RELEASE["values"], "bl": "B2"}}
    with pytest.raises(SourceConflictError, match="'e-1'"):
        await send(sources, other)
    await send(sources, other, "e-2")
    assert len(list((folder.parent / "out").iterdir())) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"message": "PAXLST"}, "PAXLST"),
        ({"values": {"document": "D1"}}, "'function'|'dtm'"),
        ({"values": {**RELEASE["values"], "dtm": "soon"}}, "'dtm'"),
        ({"values": {**RELEASE["values"], "bl": "Łódź"}}, "UNOW"),
        ({"values": "x"}, "'values'"),
        ({"recipient": ""}, "recipient"),
        ({"cc": "x"}, "'cc'"),
    ],
)
async def test_what_cannot_be_written_leaves_nothing(folder, change, words):
    sources = customs(folder, out="out", recipient="TERMINAL")
    with pytest.raises(SourceUsageError, match=words):
        await send(sources, {**RELEASE, **change})
    with pytest.raises(SourceUsageError, match="cannot name a file"):
        await send(sources, RELEASE, "../e")
    assert not list((folder.parent).glob("out/*"))


async def test_without_an_out_folder_there_is_nothing_to_send_with(folder):
    assert await customs(folder).tools(SYSTEM, "customs") == []
    with pytest.raises(SourceUsageError, match="no tool 'send'"):
        await send(customs(folder), RELEASE)
