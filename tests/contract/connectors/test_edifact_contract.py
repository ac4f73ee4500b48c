"""EDIFACT mailboxes keep the contract of sources."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from pilothouse.connectors import edifact_interchange, edifact_message, edifact_read
from pilothouse.connectors.adapters.edifact import connect
from pilothouse.connectors.testing import ConnectorSuite, Subject, WriterSuite, WriteSubject, source_context


class TestEdifact(ConnectorSuite):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        folder = tmp_path / "in"
        folder.mkdir()
        for n in range(12):
            body = ["BGM+961+DOC1+9", f"DTM+137:2026010509{n:02d}:203", "RFF+BM:B1"]
            boxes = [f"EQD+CN+ABCU{n}{box}" for box in range(3)]
            message = edifact_message("CUSRES:D:96B:UN", [*body, *boxes])
            data = edifact_interchange(
                [message, message], sender="A", recipient="B", reference="1", at=datetime(2026, 1, 5)
            )
            (folder / f"{n:02d}.edi").write_bytes(data)
        context = source_context("edifact", {"path": "in"}, base=tmp_path)

        async def take_away() -> None:
            shutil.rmtree(folder)

        return Subject(connector=connect(context), object="CUSRES", take_away=take_away)


class TestEdifactOut(WriterSuite):
    @pytest.fixture
    def writing(self, tmp_path: Path) -> WriteSubject:
        (tmp_path / "in").mkdir()
        options = {"path": "in", "out": "out", "recipient": "TERMINAL"}

        async def effects() -> int:
            return sum(len(edifact_read(path.read_bytes()).messages) for path in tmp_path.glob("out/*"))

        values = {"document": "D1", "function": "9", "dtm": "2026-01-05T09:30"}
        return WriteSubject(
            writer=connect(source_context("edifact", options, base=tmp_path)),
            tool="send",
            args={"message": "COREOR", "values": {**values, "containers": [{"container": "ABCU1"}]}},
            effects=effects,
        )
