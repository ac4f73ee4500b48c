"""What a native runtime needs of the machine, read off what the kernel says."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from pilothouse.models.runtime import missing_instructions
from pilothouse.models.runtime.machine import lacking_memory


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the flags are those of x86")
@pytest.mark.parametrize(
    ("flags", "missing"),
    [("sse4_2 avx avx2 fma", ()), ("sse4_2 avx", ("avx2", "fma")), ("avx avx2", ("fma",))],
)
def test_old_processors_are_told_what_they_lack(tmp_path: Path, flags: str, missing: tuple[str, ...]) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    assert missing_instructions(tmp_path / "cpuinfo") == missing


def test_nobody_is_refused_where_nobody_can_say(tmp_path: Path) -> None:
    assert missing_instructions(tmp_path / "none") == ()
    assert lacking_memory(10**12, tmp_path / "none") == ""


def test_weights_larger_than_the_free_memory_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 4000000 kB\nMemAvailable: 1000 kB\n")
    assert "1 MB of memory are free" in lacking_memory(98_000_000, tmp_path / "meminfo")
    assert lacking_memory(900_000, tmp_path / "meminfo") == ""
