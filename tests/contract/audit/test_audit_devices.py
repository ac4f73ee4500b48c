"""Every second device behaves as the port says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilothouse.audit import FileDevice
from pilothouse.audit.testing import DeviceSuite, MemoryDevice


class TestFileDevice(DeviceSuite):
    @pytest.fixture
    def device(self, tmp_path: Path) -> FileDevice:
        return FileDevice(tmp_path / "folder" / "log.jsonl")


class TestMemoryDevice(DeviceSuite):
    @pytest.fixture
    def device(self) -> MemoryDevice:
        return MemoryDevice()
