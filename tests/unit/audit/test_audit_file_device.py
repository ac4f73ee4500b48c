"""The second device that is a file: torn lines, full disks, two writers, another file in its place."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilothouse.audit import FileDevice, Tail, verify_lines
from pilothouse.audit.leaves import head_line
from pilothouse.audit.offline import FIRST
from pilothouse.audit.testing import fake_signer, placed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit" / "log.jsonl"


@contextlib.contextmanager
def _full_at(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``size``, as on a full disk: half a line may get through."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_it_is_for_this_account_alone(path: Path) -> None:
    FileDevice(path).append([placed(1)])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.read_bytes() == FIRST + b"\n" + placed(1).line + b"\n"
    assert str(path) in repr(FileDevice(path))


def test_a_second_process_goes_on_where_the_first_stopped(path: Path) -> None:
    one, other = FileDevice(path), FileDevice(path)
    one.append([placed(1), placed(2)])
    other.append([placed(2), placed(3)])
    one.append([placed(3), placed(4)])
    assert one.tail() == other.tail()
    assert verify_lines(one.lines(), open_ended=True).entries == 4


def test_a_writer_killed_in_the_middle_of_a_line_is_followed(path: Path) -> None:
    FileDevice(path).append([placed(1)])
    with path.open("ab") as file:
        file.write(placed(2).line[:30])
    device = FileDevice(path)
    assert device.tail().position == 1
    device.append([placed(2), placed(3)])
    assert device.tail().position == 3
    found = verify_lines(device.lines(), open_ended=True)
    assert (found.ok, found.entries) == (True, 3)


def test_a_full_disk_is_an_error_and_what_follows_is_whole_again(path: Path) -> None:
    device = FileDevice(path)
    device.append([placed(1)])
    with _full_at(path.stat().st_size + 200), pytest.raises(OSError, match="too large"):
        device.append([placed(2), placed(3)])
    assert device.tail().position == 1, "only what is durable counts"
    with _full_at(path.stat().st_size), pytest.raises(OSError, match="too large"):
        device.append([placed(2), placed(3)])
    device.append([placed(2), placed(3)])
    assert device.tail().position == 3
    found = verify_lines(device.lines(), open_ended=True)
    assert (found.ok, found.entries) == (True, 3)
    assert FileDevice(path).tail().position == 3


def test_a_place_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    device = FileDevice(tmp_path / "file" / "log.jsonl")
    with pytest.raises(OSError, match="file"):
        device.append([placed(1)])
    assert list(device.lines()) == []


def test_a_file_taken_away_is_started_again(path: Path) -> None:
    device = FileDevice(path)
    device.append([placed(1), placed(2), placed(3)])
    assert device.tail().position == 3
    path.rename(path.with_name("old.jsonl"))
    assert device.tail() == Tail()
    device.append([placed(1)])
    assert device.tail().position == 1
    path.write_bytes(path.read_bytes()[:40])
    assert device.tail() == Tail(), "and one that became shorter is read again"


def test_lines_out_of_step_do_not_count(path: Path) -> None:
    device = FileDevice(path)
    device.append([placed(1)])
    with path.open("ab") as file:
        file.write(placed(3).line + b"\n")
    assert device.tail().position == 1


def test_of_a_long_log_only_the_end_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pilothouse.audit.devices import file

    head = head_line(fake_signer().head(size=20, root=bytes(32), at="2026-01-05T06:00:00.000000Z"))
    first = [placed(n) for n in range(1, 21)]
    FileDevice(path).append([*first, head, placed(None, id="early"), *(placed(n) for n in range(21, 41))])
    whole = FileDevice(path).tail()
    line = len(placed(30).line)
    for window in (line // 2, line * 3, line * 25, line * 30):
        monkeypatch.setattr(file, "WINDOW", window)
        device = FileDevice(path)
        assert device.tail() == whole
        device.append([placed(40)])
        assert device.tail() == whole
    monkeypatch.setattr(file, "WINDOW", line * 25)
    assert len(whole.loose) == 1


def test_a_long_log_without_a_head_is_read_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pilothouse.audit.devices import file

    monkeypatch.setattr(file, "WINDOW", 300)
    FileDevice(path).append([placed(n) for n in range(1, 41)])
    assert FileDevice(path).tail().position == 40


def test_many_blocks_are_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pilothouse.audit.devices import file

    monkeypatch.setattr(file, "BLOCK", 64)
    FileDevice(path).append([placed(n) for n in range(1, 40)])
    assert FileDevice(path).tail().position == 39


def test_processes_that_write_at_once_leave_each_line_once(path: Path) -> None:
    writer = (
        "import sys; from pathlib import Path; from pilothouse.audit import FileDevice\n"
        "from pilothouse.audit.testing import placed\n"
        "device = FileDevice(Path(sys.argv[1]))\n"
        "for n in range(1, 41): device.append([placed(m) for m in range(max(1, n - 3), n + 1)])\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", writer, str(path)]) for _ in range(3)]
    assert [one.wait(60) for one in writers] == [0, 0, 0]
    lines = list(FileDevice(path).lines())
    assert lines == [FIRST, *(placed(n).line for n in range(1, 41))]
