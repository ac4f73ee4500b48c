"""Drop folders and JSON folders keep the contract of sources."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pilothouse.connectors.adapters.drop import connect as connect_drop
from pilothouse.connectors.adapters.json_files import connect as connect_json
from pilothouse.connectors.testing import ConnectorSuite, Subject, source_context


def going_away(folder: Path):
    async def take_away() -> None:
        shutil.rmtree(folder)

    return take_away


class TestDrop(ConnectorSuite):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        folder = tmp_path / "drop"
        folder.mkdir()
        lines = [f"{n:05d};Größe {n};{n},5{n % 10};{n % 28 + 1:02d}.01.2026;{n % 2}" for n in range(30)]
        text = "\r\n".join(["Bescheinigung;Ware;Gewicht;Ausgestellt;Frei", *lines, ""])
        (folder / "gesund_20260105.csv").write_bytes(text.encode("cp1252"))
        (folder / "gesund_20260104.csv").write_bytes(b"Bescheinigung;Ware\r\n1;alt\r\n2;alt\r\n")
        context = source_context("drop", {"path": "drop", "dump": "full"}, base=tmp_path)
        return Subject(connector=connect_drop(context), object="gesund_*.csv", take_away=going_away(folder))


class TestDropAppended(ConnectorSuite):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        folder = tmp_path / "drop"
        folder.mkdir()
        for day in ("2026-01-04", "2026-01-05"):
            text = "client\tmontant\n" + "".join(f"{n:03d}\t{n}.50\n" for n in range(10))
            (folder / f"cover_{day}.tsv").write_text(text, encoding="latin-1")
        context = source_context("drop", {"path": "drop"}, base=tmp_path)
        return Subject(connector=connect_drop(context), object="cover_*.tsv", take_away=going_away(folder))


class TestJson(ConnectorSuite):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        folder = tmp_path / "payloads"
        folder.mkdir()
        for n in range(3):
            payload = {
                "data": [{"call": f"C{n}{i}", "vessel": {"imo": "9321483"}, "teu": 1.5} for i in range(2)]
            }
            (folder / f"arrival_{n:04d}.json").write_text(json.dumps(payload))
        context = source_context("json", {"path": "payloads"}, base=tmp_path)
        return Subject(connector=connect_json(context), object="arrival_*.json", take_away=going_away(folder))
