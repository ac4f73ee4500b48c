"""The cage: what a confined command sees, how each bound ends it, and what a machine that cannot says."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pilothouse.engine import Bounds, Cage, ConfineMissing, Mount, confined, confinement, open_confined
from pilothouse.engine.confine import probe
from pilothouse.kernel import UnavailableError, UsageError

PYTHON = str(Path(sys.executable).absolute())
MIB = 1024 * 1024
HOARD = "x = bytearray(400 << 20)\nimport time; time.sleep(60)"
needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def python(code: str) -> list[str]:
    return [PYTHON, "-I", "-S", "-c", code]


@needs_bwrap
async def test_it_reads_its_input_answers_and_says_how_it_ended() -> None:
    ended = await confined(
        python("import sys; sys.stdout.write(sys.stdin.read()[::-1]); sys.exit(3)"), stdin=b"abc"
    )
    assert (ended.code, ended.why, ended.stdout, ended.ok) == (3, "exit", b"cba", False)


@needs_bwrap
async def test_its_environment_is_what_the_cage_names() -> None:
    cage = Cage(environment={"GREETING": "hello"})
    ended = await confined(python("import os; print(sorted(os.environ))"), cage=cage)
    assert ended.stdout.split() == b"['GREETING', 'HOME', 'LANG', 'PATH', 'PWD', 'TMPDIR']".split()


@needs_bwrap
async def test_packages_of_the_interpreter_are_there_and_may_not_be_changed() -> None:
    code = "import pydantic, pilothouse, os; print(os.access(pydantic.__file__, os.W_OK))"
    ended = await confined([PYTHON, "-I", "-c", code])
    assert ended.stdout == b"False\n", ended.stderr


@needs_bwrap
async def test_mounts_are_read_or_written_as_declared_and_come_back_ours(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("given")
    (tmp_path / "out").mkdir()
    mounts = (
        Mount(path=tmp_path / "in", at="/room/in"),
        Mount(path=tmp_path / "out", at="/room/out", write=True),
    )
    code = """
text = open('/room/in/a.txt').read()
open('/room/out/b.txt', 'w').write(text.upper())
try: open('/room/in/c.txt', 'w')
except OSError as error: print(type(error).__name__)
"""
    ended = await confined(python(code), cage=Cage(mounts=mounts))
    assert ended.ok, ended.stderr
    assert ended.stdout in (b"PermissionError\n", b"OSError\n")
    made = tmp_path / "out" / "b.txt"
    assert made.read_text() == "GIVEN"
    assert made.stat().st_uid == os.geteuid()


@needs_bwrap
async def test_a_path_may_be_shown_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file.txt"
    file.parent.mkdir()
    file.write_text("here")
    ended = await confined(
        python(f"print(open({str(file)!r}).read())"), cage=Cage(mounts=(Mount(path=file),))
    )
    assert ended.stdout == b"here\n", ended.stderr


@needs_bwrap
@pytest.mark.parametrize(
    ("code", "bounds", "why"),
    [
        ("import time; time.sleep(60)", Bounds(wall_s=0.5), "wall"),
        ("while True: pass", Bounds(cpu_s=1, wall_s=30), "exit"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", Bounds(output=100_000), "output"),
        (
            "x = bytearray(400 << 20)\nimport time; time.sleep(60)",
            Bounds(resident=200 * MIB, wall_s=30),
            "resident",
        ),
        ("x = bytearray(2 << 30)", Bounds(), "exit"),
        ("open('/tmp/x', 'wb').write(bytes(65 << 20))", Bounds(), "exit"),
    ],
)
async def test_each_bound_ends_it(code: str, bounds: Bounds, why: str) -> None:
    ended = await confined(python(code), cage=Cage(bounds=bounds))
    assert (ended.why, ended.ok) == (why, False)
    assert len(ended.stdout) <= bounds.output


@needs_bwrap
async def test_what_a_writable_mount_may_hold_is_bounded(tmp_path: Path) -> None:
    code = (
        "import time\nfor n in range(2000): open(f'/room/{n}', 'wb').write(bytes(1 << 20)); time.sleep(0.01)"
    )
    cage = Cage(mounts=(Mount(path=tmp_path, at="/room", write=True),), bounds=Bounds(written=20 * MIB))
    assert (await confined(python(code), cage=cage)).why == "written"


@needs_bwrap
async def test_an_open_process_is_talked_to_and_nothing_of_it_is_left() -> None:
    code = "import os, sys\nos.fork()\nfor line in sys.stdin: print(line.strip().upper(), flush=True)"
    async with open_confined(python(code), Cage()) as process:
        process.stdin.write(b"hello\n")
        await process.stdin.drain()
        assert await process.stdout.readline() == b"HELLO\n"
        pid = process.pid
        assert process.running
    assert not process.running
    assert not Path(f"/proc/{pid}").exists()


@needs_bwrap
def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    marker = f"marker{os.getpid()}"
    code = f"""
import asyncio, sys
from pilothouse.engine import confined
async def main():
    await confined([{PYTHON!r}, "-I", "-S", "-c", "import time; print(1); time.sleep(600)", {marker!r}])
asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        _until(lambda: _running(marker))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _until(lambda: not _running(marker))


def _running(marker: str) -> bool:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if marker.encode() in words:
                return True
    return False


def _until(holds: object, tries: int = 2000) -> None:
    for _ in range(tries):
        if holds():  # type: ignore[operator]
            return
        time.sleep(0.05)
    raise AssertionError("it never came to be")


@needs_bwrap
async def test_a_mount_that_is_not_there_or_hides_the_cage_is_refused(tmp_path: Path) -> None:
    for mount in (
        Mount(path=tmp_path / "missing"),
        Mount(path=tmp_path, at="/usr"),
        Mount(path=tmp_path, at="relative"),
        Mount(path=tmp_path, at="/room/../etc"),
        Mount(path=tmp_path, at=str(Path(sys.prefix).parent)),
    ):
        with pytest.raises(UsageError) as caught:
            await confined(python("pass"), cage=Cage(mounts=(mount,)))
        assert caught.value.code == "engine.confine_mount"


@needs_bwrap
async def test_a_command_that_is_not_there_is_an_error_of_the_cage() -> None:
    with pytest.raises(UnavailableError) as caught:
        await confined(["/usr/bin/not-there"])
    assert caught.value.code == "engine.confine_failed"


@needs_bwrap
async def test_cancelling_ends_the_process() -> None:
    task = asyncio.create_task(confined(python("import time; time.sleep(600)")))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_bubblewrap_nothing_runs_and_the_next_step_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(probe, "_known", {})
    found = await confinement()
    assert not found.ok
    with pytest.raises(ConfineMissing) as caught:
        await confined(python("print(1)"))
    assert caught.value.code == "engine.confine_missing"
    assert "install bubblewrap" in str(caught.value)


@needs_bwrap
async def test_where_the_kernel_gives_no_namespaces_the_reason_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A bubblewrap that says what the real one says where namespaces are closed."""
    fake = tmp_path / "bwrap"
    said = "bwrap: No permissions to create new namespace, likely because the kernel does not allow it"
    fake.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(probe, "_known", {})
    with pytest.raises(ConfineMissing) as caught:
        await confined(python("print(1)"))
    assert "namespace" in str(caught.value)
