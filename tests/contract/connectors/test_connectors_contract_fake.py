"""The fake keeps the contract that it stands in for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilothouse.connectors.testing import (
    ConnectorSuite,
    FakeConnector,
    Subject,
    WriterSuite,
    WriteSubject,
    source_context,
)

BOXES = [{"box": "MSKU1234565", "state": "held"}, {"box": "TGHU7654321", "state": "free"}]


def fake(tmp_path: Path) -> FakeConnector:
    return FakeConnector(source_context("fake", {}, base=tmp_path), {"boxes": BOXES}, key="box")


class TestFakeConnector(ConnectorSuite):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        connector = fake(tmp_path)

        async def take_away() -> None:
            connector.down = True

        return Subject(connector=connector, object="boxes", take_away=take_away)


class TestFakeWriter(WriterSuite):
    @pytest.fixture
    def writing(self, tmp_path: Path) -> WriteSubject:
        connector = fake(tmp_path)

        async def effects() -> int:
            return len(connector.effects)

        return WriteSubject(writer=connector, tool="append", args={"note": "x"}, effects=effects)
