"""Parsers are confined, apart by readers, and end with whatever harms them; without a cage nothing runs."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pilothouse.documents import (
    Documents,
    ParserDied,
    ReadLimits,
    Span,
    TooLarge,
    crew,
    open_documents,
    read_document,
)
from pilothouse.engine.confine import probe
from pilothouse.kernel import DataError, UsageError

sys.path.insert(0, str(Path(__file__).parent))
from checks import sound
from made import Page, label, pdf

TEXT = b"Please hold the box until Friday."


def replaced(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Every parser runs this instead; it is confined like the real one."""
    python = str(Path(sys.executable).absolute())
    prelude = (
        "import struct, sys, json, time, os\nout = sys.stdout.buffer\nsizes = sys.stdin.buffer.read(16)\n"
    )
    prelude += "h, b = struct.unpack('>QQ', sizes)\nasked = sys.stdin.buffer.read(h + b)\n"
    prelude += "def answer(o):\n    t = json.dumps(o).encode()\n"
    prelude += "    out.write(struct.pack('>QQ', len(t), 0) + t); out.flush()\n"
    monkeypatch.setattr(crew, "_command", lambda: [python, "-I", "-S", "-c", prelude + code])


@pytest.mark.parametrize(
    "code",
    [
        "os._exit(3)",
        "os.kill(os.getpid(), 11)",
        "out.write(b'hello, this is no frame at all'); out.flush()",
        "out.write(struct.pack('>QQ', 1 << 62, 0)); out.flush(); time.sleep(60)",
        "out.write(struct.pack('>QQ', 4, 0) + b'nope'); out.flush()",
        "answer([])",
        "answer({'document': {}})",
        "answer({'document': {'id': 'x'}})",
        "answer({})",
    ],
)
async def test_a_parser_that_dies_or_lies_is_an_error_and_nothing_more(
    documents: Documents, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    replaced(monkeypatch, code)
    async with open_documents() as own:
        with pytest.raises(ParserDied):
            await own.read(TEXT, label=label("desk"))


async def test_a_parser_that_answers_about_another_file_is_not_believed(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {
        "id": "0" * 64, "media_type": "text/plain", "name": "", "extractor": "plain@1", "text": "release",
        "pieces": [], "blocks": [], "pages": [], "headers": [], "parts": [], "notices": [],
    }  # fmt: skip
    replaced(monkeypatch, f"answer({{'document': {answer!r}}})")
    async with open_documents() as own:
        with pytest.raises(ParserDied):
            await own.read(TEXT, label=label("desk"))


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("time.sleep(60)", ReadLimits(seconds=1)),
        ("while True: pass", ReadLimits(seconds=1)),
        ("x = bytearray(900 << 20)\ntime.sleep(60)", ReadLimits(seconds=50)),
    ],
)
async def test_time_and_memory_are_bounded(
    documents: Documents, monkeypatch: pytest.MonkeyPatch, code: str, limits: ReadLimits
) -> None:
    replaced(monkeypatch, code)
    own = Documents(crew.Crew(most=1, memory=400 << 20))
    with pytest.raises(TooLarge):
        await own.read(TEXT, label=label("desk"), limits=limits)


async def test_a_parser_sees_nothing_of_the_project(
    documents: Documents, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a parser that was taken over finds: it says it through the reason of its refusal."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o644)
    looked = f"[p for p in ({str(secret)!r}, '/etc/passwd', {__file__!r}) if os.path.exists(p)]"
    tried = "import socket\ntry: socket.socket(); net = 'open'\nexcept OSError: net = 'closed'\n"
    replaced(
        monkeypatch,
        f"{tried}answer({{'refused': 'damaged', 'why': repr([{looked}, net, sorted(os.environ)])}})",
    )
    monkeypatch.setenv("SECRET", "canary")
    async with open_documents() as own:
        with pytest.raises(DataError) as caught:
            await own.read(TEXT, label=label("desk"))
    assert "[[], 'closed'" in caught.value.message
    assert "SECRET" not in caught.value.message


async def test_parsers_are_kept_for_documents_of_the_same_readers_only(documents: Documents) -> None:
    one = crew.Crew(most=2)
    own = Documents(one)
    try:
        seen: list[Any] = []
        for who, run in (("desk", ""), ("desk", ""), ("boss", ""), ("desk", "other run")):
            await own.read(TEXT + str(len(seen)).encode(), label=label(who), run=run)
            seen.append(one._idle[-1].process.pid)
        assert seen[0] == seen[1]
        assert len(set(seen)) == 3
        assert len(one._idle) <= 2
    finally:
        await one.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in seen)


async def test_documents_wait_for_a_parser_and_all_are_read(documents: Documents) -> None:
    texts = [f"document number {n}".encode() for n in range(9)]
    read = await asyncio.gather(*(documents.read(text, label=label("desk")) for text in texts))
    assert [document.text.content.encode() for document in read] == texts


async def test_cancelling_ends_the_parser(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(monkeypatch, "time.sleep(60)")
    one = crew.Crew(most=1)
    task = asyncio.create_task(Documents(one).read(TEXT, label=label("desk")))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert one._idle == []


async def test_one_document_may_be_read_alone(documents: Documents) -> None:
    document = sound(await read_document(TEXT, label=label("desk"), name="note.txt"))
    assert document.text.content.encode() == TEXT


async def test_without_a_label_nothing_is_read(documents: Documents) -> None:
    with pytest.raises(UsageError) as caught:
        await documents.read(TEXT, label=None)  # type: ignore[arg-type]
    assert caught.value.code == "labels.missing"


async def test_where_nothing_can_be_confined_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(probe, "_known", {})
    with pytest.raises(UsageError) as caught:
        await read_document(TEXT, label=label("desk"))
    assert caught.value.code == "engine.confine_missing"
    assert os.environ["PATH"] == "/nowhere"


async def test_a_span_of_another_document_has_no_picture_here(documents: Documents) -> None:
    data, other = (pdf([Page().write(72, 700, words)]) for words in ("one order", "another order"))
    document = await documents.read(data, label=label())
    read = await documents.read(other, label=label())
    span = Span.find(read.id, read.text, "another")
    with pytest.raises(DataError) as caught:
        await documents.picture(data, document, span)
    assert caught.value.code == "documents.span"
    with pytest.raises(DataError):
        await documents.picture(other, document, Span.find(document.id, document.text, "one"))


async def test_the_same_bytes_are_parsed_once_and_have_the_label_of_who_brings_them(
    documents: Documents,
) -> None:
    one = crew.Crew(most=1)
    own = Documents(one)
    try:
        first = await own.read(TEXT, label=label("desk"), name="a.txt")
        worker = one._idle[-1]
        again = await own.read(TEXT, label=label("boss"), name="a.txt")
        assert worker.answered == 1
        assert (again.text, again.label, first.label) == (first.text, label("boss"), label("desk"))
        await own.read(TEXT, label=label("desk"), name="b.txt")
        assert worker.answered == 2
    finally:
        await one.close()


async def test_what_is_kept_is_bounded() -> None:
    from pilothouse.documents import Document, Text
    from pilothouse.documents.known import Known

    known, limits = Known(most=5000), ReadLimits()
    for n in range(10):
        text = Text(content="x" * 1000)
        known.keep(Document(id=str(n), media_type="text/plain", label=label(), text=text), "", "", limits)
    assert [n for n in range(10) if known.get(str(n), "", "", limits) is not None] == [8, 9]


async def test_a_trace_knows_kind_and_sizes_and_no_word(documents: Documents) -> None:
    from pilothouse.telemetry import SpanRecord, bind_sink

    class Kept:
        def __init__(self) -> None:
            self.records: list[SpanRecord] = []

        def emit(self, record: SpanRecord) -> None:
            self.records.append(record)

    kept = Kept()
    data = pdf([Page().write(72, 700, "CANARY order").write(72, 600, "CANARY hidden", before="1 g")])
    with bind_sink(kept):
        await documents.read(data, label=label("desk"), name="CANARY.pdf")
    (record,) = kept.records
    assert record.name == "read_document"
    assert record.label == label("desk")
    assert record.attributes["pilothouse.document.notices"] == ["documents.hidden_text"]
    assert "CANARY" not in repr(record)
