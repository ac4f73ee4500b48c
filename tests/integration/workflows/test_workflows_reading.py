"""A workflow reads a file inside a step: the step is recorded, the run knows whose words it has seen."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest

from pilothouse.documents import open_documents
from pilothouse.engine import EngineSettings, open_engine
from pilothouse.kernel import Principal
from pilothouse.labels import Integrity, Label, Origin
from pilothouse.storage import Database
from pilothouse.workflows import Resources, bind, read_document, step, unbind, workflow

LETTER = Label(
    readers=frozenset({"group:desk"}),
    integrity=Integrity.UNTRUSTED,
    origin=Origin(
        source="mailbox", object="mail", key={"id": "7"}, field="body", version="1",
        read_at=datetime(2026, 1, 5, tzinfo=UTC),
    ),
)  # fmt: skip
CLERK = Principal(id="clerk", kind="user", groups=frozenset({"desk"}))
read = 0


@step
async def words_of(letter: str) -> str:
    global read  # noqa: PLW0603
    read += 1
    return (await read_document(letter.encode(), label=LETTER, name="letter.txt")).text.content


@workflow
async def read_letter(letter: str) -> str:
    return await words_of(letter)


@workflow
async def read_without_a_step(letter: str) -> str:
    return (await read_document(letter.encode(), label=LETTER)).text.content


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
async def test_a_step_reads_a_file_and_the_run_has_its_label(database: Database) -> None:
    settings = EngineSettings(executor="direct", sweep_s=0.2, beat_s=0.2, lease_s=2.0)
    async with open_documents(parsers=1) as documents, open_engine(database, settings=settings) as engine:
        resources = bind(Resources(engine=engine, documents=documents))
        try:
            letter = {"letter": "Please hold the box."}
            run = await engine.start("read_letter", letter, key="1", principal=CLERK)
            assert await engine.result(run.id, within=60) == "Please hold the box."
            ended = await engine.get(run.id)
            assert ended.result_label is not None
            assert "group:desk" in ended.result_label
            outside = await engine.start("read_without_a_step", {"letter": "x"}, key="2", principal=CLERK)
            with pytest.raises(Exception, match="source_outside_step"):
                await engine.result(outside.id, within=60)
        finally:
            unbind(resources)
    assert read == 1
