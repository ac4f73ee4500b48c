"""MCP servers keep the contract of sources, over stdio."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp_server import SERVER

from pilothouse.connectors.adapters.mcp import connect
from pilothouse.connectors.testing import ConnectorSuite, Subject, WriterSuite, WriteSubject, source_context

OPTIONS = {"command": [sys.executable, SERVER], "read": ["all_jobs"], "write": ["book_truck"]}


class TestMcp(ConnectorSuite):
    @pytest.fixture
    async def subject(self, tmp_path: Path) -> AsyncIterator[Subject]:
        connector = connect(source_context("mcp", OPTIONS, base=tmp_path, timeout=20.0))
        yield Subject(connector=connector, object="all_jobs")
        await connector.close()


class TestMcpWriting(WriterSuite):
    @pytest.fixture
    async def writing(self, tmp_path: Path) -> AsyncIterator[WriteSubject]:
        done = tmp_path / "booked.txt"
        options = {**OPTIONS, "env": {"BOOKED": str(done)}}
        connector = connect(source_context("mcp", options, base=tmp_path, timeout=20.0))

        async def effects() -> int:
            return len(done.read_text().splitlines()) if done.exists() else 0

        yield WriteSubject(writer=connector, tool="book_truck", args={"container": "ABCU1"}, effects=effects)
        await connector.close()
