"""HTTP keeps the contract of sources against a real service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from connectors_servers import Service

from pilothouse.connectors.adapters.http import HttpSource, connect
from pilothouse.connectors.testing import (
    ConnectorSuite,
    Subject,
    WriterSuite,
    WriteSubject,
    source_context,
)


@pytest.fixture
async def source(service: Service, tmp_path: Path) -> AsyncIterator[HttpSource]:
    source = connect(source_context("http", {"url": service.url}, base=tmp_path))
    yield source
    await source.close()


async def breaking(service: Service) -> None:
    service.broken = 1000


class TestHttpCollection(ConnectorSuite):
    @pytest.fixture
    def subject(self, source: HttpSource, service: Service) -> Subject:
        return Subject(connector=source, object="/releases", take_away=lambda: breaking(service))


class TestHttpWithPathParameter(ConnectorSuite):
    @pytest.fixture
    def subject(self, source: HttpSource, service: Service) -> Subject:
        return Subject(
            connector=source,
            object="/terminals/{terminal}/slots",
            where={"terminal": ["ECT", "APMT"]},
            take_away=lambda: breaking(service),
        )


class TestHttpWriter(WriterSuite):
    @pytest.fixture
    def writing(self, source: HttpSource, service: Service) -> WriteSubject:
        async def effects() -> int:
            return len(service.posts)

        return WriteSubject(
            writer=source, tool="createRelease", args={"container": "MSKU1234565"}, effects=effects
        )
