"""Stories of processes and servers that are killed without a word."""

from __future__ import annotations

import functools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pilothouse.storage import StorageSettings, open_database
from pilothouse.storage.embedded import processes
from pilothouse.storage.embedded.server import held_by_others

pytestmark = pytest.mark.chaos

VICTIM = Path(__file__).with_name("storage_victim.py")


class Victim:
    """A process of Pilothouse on ``data_dir``."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(VICTIM), str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hears(self, expected: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == expected

    def write(self, number: int) -> None:
        self.tell(f"write {number}")
        self.hears(f"wrote {number}")

    def tell(self, order: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def quit(self) -> None:
        self.tell("quit")
        self.hears("closed")
        self.end()

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        self.process.wait(timeout=30)


Start = Callable[[], Victim]


@pytest.fixture
def start(data_dir: Path) -> Iterator[Start]:
    victims: list[Victim] = []

    def begin() -> Victim:
        victims.append(Victim(data_dir))
        victims[-1].hears("ready")
        return victims[-1]

    yield begin
    for victim in victims:
        victim.process.kill()
        victim.end()
    stop_everything(data_dir)


def stop_everything(data_dir: Path) -> None:
    pgdata = data_dir / "postgres"
    processes.stop_postmaster(pgdata, limit=10)
    processes.end_orphans(pgdata)


def postmaster(data_dir: Path) -> int:
    pid = processes.postmaster(data_dir / "postgres")
    assert pid is not None
    return pid


def gone(killed: int, data_dir: Path) -> bool:
    return processes.postmaster(data_dir / "postgres") not in (None, killed) or not lives(data_dir)


def keeper(data_dir: Path) -> int:
    pid = psutil.Process(postmaster(data_dir)).ppid()
    assert "keeper.py" in " ".join(psutil.Process(pid).cmdline())
    return pid


def lives(data_dir: Path) -> bool:
    return held_by_others(data_dir / "running.lock")


def wait_until(fact: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.05)


async def kept(data_dir: Path) -> list[int]:
    async with open_database(StorageSettings(data_dir=data_dir, fsync=False)) as database:
        return [row["n"] for row in await database.fetch_all("select n from kept order by n")]


async def test_a_killed_process_leaves_its_rows_and_the_next_one_goes_on(
    start: Start, data_dir: Path
) -> None:
    victim = start()
    victim.write(1)
    victim.kill()
    began = time.monotonic()
    assert await kept(data_dir) == [1]
    assert time.monotonic() - began < 5
    assert not lives(data_dir), "the last one out stopped the server"


def test_a_killed_process_does_not_leave_the_server_running_for_ever(start: Start, data_dir: Path) -> None:
    start().kill()
    assert lives(data_dir)
    wait_until(lambda: not lives(data_dir), 15)


def test_a_killed_server_comes_back_under_the_living_process(start: Start, data_dir: Path) -> None:
    victim = start()
    victim.write(1)
    for number in (2, 4):
        killed = postmaster(data_dir)
        os.kill(killed, signal.SIGKILL)
        victim.write(number)  # at once: maybe by a backend that does not know yet that it is an orphan
        wait_until(functools.partial(gone, killed, data_dir), 15)
        victim.write(number + 1)  # when the old one has gone
        assert lives(data_dir)
    victim.quit()
    assert not lives(data_dir)


async def test_process_server_and_keeper_are_killed_at_once(start: Start, data_dir: Path) -> None:
    victim = start()
    victim.write(1)
    for pid in (keeper(data_dir), victim.process.pid, postmaster(data_dir)):
        os.kill(pid, signal.SIGKILL)
    victim.end()
    assert await kept(data_dir) == [1]
    assert not lives(data_dir)


def test_a_server_without_its_keeper_is_still_stopped_by_the_last_one_out(
    start: Start, data_dir: Path
) -> None:
    victim = start()
    os.kill(keeper(data_dir), signal.SIGKILL)
    victim.write(1)
    victim.quit()
    assert not lives(data_dir)


def test_one_of_two_is_killed_and_the_other_keeps_its_server(start: Start, data_dir: Path) -> None:
    first, second = start(), start()
    server = postmaster(data_dir)
    first.kill()
    time.sleep(5)  # longer than the keeper's grace
    second.write(1)
    assert postmaster(data_dir) == server, "the server was never stopped"
    second.quit()
    assert not lives(data_dir)


def test_the_first_leaves_and_the_second_stays(start: Start, data_dir: Path) -> None:
    first, second = start(), start()
    first.quit()
    second.write(1)
    second.quit()
    assert not lives(data_dir)


async def test_a_first_start_killed_at_any_moment_leaves_nothing_in_the_way(data_dir: Path) -> None:
    dice = random.Random(20261121)
    for _ in range(6):
        victim = Victim(data_dir)
        try:
            victim.process.wait(timeout=dice.uniform(0.2, 1.6))
        except subprocess.TimeoutExpired:
            victim.process.kill()
        victim.end()
    async with open_database(StorageSettings(data_dir=data_dir, fsync=False)) as database:
        assert await database.fetch_value("select count(*) from storage_feed") == 0
    assert not lives(data_dir)
    assert [path for path in data_dir.iterdir() if path.name.startswith("postgres.new")] == []


def test_four_processes_start_at_the_same_moment_on_an_empty_folder(data_dir: Path) -> None:
    victims = [Victim(data_dir) for _ in range(4)]
    try:
        for victim in victims:
            victim.hears("ready")
        for number, victim in enumerate(victims):
            victim.write(number)
        for victim in victims:
            victim.quit()
    finally:
        for victim in victims:
            victim.process.kill()
            victim.end()
        wait_until(lambda: not lives(data_dir), 15)


def test_a_backend_in_the_middle_of_a_statement_outlives_its_postmaster_for_a_while(
    start: Start, data_dir: Path
) -> None:
    """It holds shared memory, and two servers on one folder would destroy it: the start waits or ends it."""
    import psycopg

    victim = start()
    url = f"postgresql://pilothouse@/pilothouse?host={data_dir}/run"
    busy = psycopg.connect(url, autocommit=True)
    busy.pgconn.send_query(b"do $$ declare x bigint := 0; begin loop x := x + 1; end loop; end $$")
    busy.pgconn.flush()
    time.sleep(0.3)
    os.kill(postmaster(data_dir), signal.SIGKILL)
    victim.write(1)
    busy.close()
    victim.quit()
    assert not lives(data_dir)
