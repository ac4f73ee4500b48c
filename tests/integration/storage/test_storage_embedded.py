"""Stories of the embedded server: first start, who may connect, what a former life left behind."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from pilothouse.kernel import UnavailableError, UsageError
from pilothouse.storage import StorageSettings, open_database
from pilothouse.storage.embedded import EmbeddedServer, processes
from pilothouse.storage.embedded.server import held_by_others

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedServer]:
    """A running server of this test's own."""
    embedded = EmbeddedServer(data_dir, fsync=False)
    embedded.open()
    yield embedded
    embedded.close()


def _settings(data_dir: Path) -> StorageSettings:
    return StorageSettings(data_dir=data_dir, fsync=False)


async def test_the_first_start_makes_everything_and_the_second_finds_it(data_dir: Path) -> None:
    async with open_database(_settings(data_dir)) as database:
        assert database.embedded
        assert await database.fetch_value("select count(*) from storage_feed") == 0
        await database.execute("create table mine (n int)")
        assert held_by_others(data_dir / "running.lock")
    assert not held_by_others(data_dir / "running.lock"), "stopped with the last one out"
    async with open_database(_settings(data_dir)) as database:
        assert await database.fetch_value("select count(*) from mine") == 0


async def test_two_uses_in_one_process_share_the_server(data_dir: Path) -> None:
    async with open_database(_settings(data_dir)) as first:
        async with open_database(_settings(data_dir)) as second:
            assert await second.fetch_value("select 1") == 1
        assert await first.fetch_value("select 1") == 1, "the first one's server was not stopped"


def test_nobody_can_reach_it_over_the_network(server: EmbeddedServer) -> None:
    pid = processes.postmaster(server.cluster.pgdata)
    family = {connection.family for connection in psutil.Process(pid).net_connections(kind="all")}
    assert family == {socket.AF_UNIX}


def test_the_product_is_no_superuser(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url) as link:
        assert link.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (
            False,
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            link.execute("copy (select 1) to program 'true'")


@as_root
def test_another_account_of_the_machine_is_kept_out_twice(server: EmbeddedServer) -> None:
    """The socket's folder is closed; and behind it the kernel's word (peer) decides, not trust."""
    stranger = pwd.getpwnam("nobody").pw_uid
    assert "Permission denied" in _connect_as(stranger, server.url)
    for folder in (server.cluster.data_dir.parent, server.cluster.data_dir, server.cluster.sockets):
        folder.chmod(0o711)
    server.cluster.socket.chmod(0o777)
    assert "Peer authentication failed" in _connect_as(stranger, server.url)


def _connect_as(uid: int, url: str) -> str:
    """Fork, become ``uid``, connect; return the refusal."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            psycopg.connect(url, connect_timeout=5).close()
            os.write(writing, b"connected")
        except psycopg.OperationalError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        return answer.read()


def _once(data_dir: Path) -> EmbeddedServer:
    """Make a cluster and stop it again."""
    server = EmbeddedServer(data_dir, fsync=False)
    server.open()
    server.close()
    return server


def _answers(server: EmbeddedServer) -> bool:
    server.open()
    try:
        with psycopg.connect(server.url) as link:
            return link.execute("select 1").fetchone() == (1,)
    finally:
        server.close()


def test_a_pid_that_now_belongs_to_another_process_does_not_hinder(data_dir: Path) -> None:
    server = _once(data_dir)
    account = server.cluster.account
    who = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.switch else {}
    bystander = subprocess.Popen(["sleep", "60"], cwd="/", **who)  # type: ignore[call-overload]
    try:
        words = (
            f"{bystander.pid}\n{server.cluster.pgdata}\n1\n5432\n{server.cluster.sockets}\n\n  1  2\nready\n"
        )
        (server.cluster.pgdata / "postmaster.pid").write_text(words)
        lock = server.cluster.socket.with_name(".s.PGSQL.5432.lock")
        lock.write_text(words)
        assert _answers(server)
        assert bystander.poll() is None, "and nobody else was hurt"
    finally:
        bystander.kill()
        bystander.wait()


def test_a_socket_without_a_server_does_not_hinder(data_dir: Path) -> None:
    server = _once(data_dir)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(server.cluster.socket))
    assert _answers(server)


@pytest.mark.parametrize("content", ["", "rubbish", "99999999\n"])
def test_a_broken_pid_file_does_not_hinder(data_dir: Path, content: str) -> None:
    server = _once(data_dir)
    (server.cluster.pgdata / "postmaster.pid").write_text(content)
    assert _answers(server)


def test_a_first_start_that_was_killed_before_it_made_the_database_is_finished(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir, fsync=False)
    server.open()
    with psycopg.connect(server.cluster.url(user="postgres", database="postgres"), autocommit=True) as link:
        link.execute("drop database pilothouse")
        link.execute("drop role pilothouse")
    server.close()
    assert _answers(server)


async def test_a_start_that_is_cancelled_leaves_no_server(data_dir: Path) -> None:
    async def start() -> None:
        async with open_database(_settings(data_dir)):
            pytest.fail("it was cancelled before")

    task = asyncio.create_task(start())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not held_by_others(data_dir / "users.lock")
    assert not held_by_others(data_dir / "running.lock")


def test_a_file_system_without_locks_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    server = EmbeddedServer(data_dir, fsync=False)
    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(UsageError, match="does not lock files"):
        server.open()


def test_an_initialisation_that_was_killed_is_swept_away(data_dir: Path) -> None:
    data_dir.mkdir()
    rubbish = data_dir / "postgres.new.abc"
    rubbish.mkdir()
    (rubbish / "PG_VERSION").write_text("18")
    assert _answers(EmbeddedServer(data_dir, fsync=False))
    assert not rubbish.exists()


def test_a_removed_socket_is_a_deaf_server_and_it_is_started_again(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.storage.embedded.server._DEAF_LIMIT", 0.2)
    server.cluster.socket.unlink()
    server.ensure()
    with psycopg.connect(server.url) as link:
        assert link.execute("select 1").fetchone() == (1,)


def test_a_long_path_has_its_socket_elsewhere(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir / ("x" * 120), fsync=False)
    assert server.cluster.sockets.parent == Path("/tmp")
    assert server.cluster.sockets.stat().st_mode & 0o777 == 0o700
    try:
        assert _answers(server)
    finally:
        server.cluster.sockets.rmdir()


def test_a_squatter_on_the_socket_folder_is_noticed(data_dir: Path, tmp_path: Path) -> None:
    data_dir.mkdir()
    (data_dir / "run").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="meant for our socket"):
        EmbeddedServer(data_dir)


def test_a_cluster_of_another_version_is_left_alone(data_dir: Path) -> None:
    server = _once(data_dir)
    (server.cluster.pgdata / "PG_VERSION").write_text("15\n")
    with pytest.raises(UsageError, match="made by PostgreSQL '15'"):
        server.open()


def test_a_damaged_cluster_is_reported_with_the_words_of_its_log(data_dir: Path) -> None:
    server = _once(data_dir)
    (server.cluster.pgdata / "global" / "pg_control").unlink()
    with pytest.raises(UnavailableError, match="pg_control"):
        server.open()
    assert not held_by_others(data_dir / "users.lock"), "a failed start counts as no user"


def test_a_folder_that_is_not_ours_to_make(data_dir: Path) -> None:
    data_dir.write_text("a file is in the way")
    with pytest.raises(UsageError, match="cannot be created"):
        EmbeddedServer(data_dir)


def test_closing_after_the_folder_was_removed_is_no_error(data_dir: Path) -> None:
    import shutil

    server = EmbeddedServer(data_dir, fsync=False)
    server.open()
    pid = processes.postmaster(server.cluster.pgdata)
    shutil.rmtree(data_dir)
    server.close()
    until = time.monotonic() + 15
    while pid and psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until, "the keeper stops it"
        time.sleep(0.1)


@as_root
def test_it_works_the_same_without_root(data_dir: Path) -> None:
    account = EmbeddedServer(data_dir, fsync=False).cluster.account  # makes the account
    data_dir.parent.chmod(0o711)
    own = data_dir.parent / "own"
    own.mkdir()
    os.chown(own, account.uid, account.gid)
    story = (
        "import sys; from pathlib import Path; from pilothouse.storage.embedded import EmbeddedServer as E;"
        "import psycopg; s = E(Path(sys.argv[1]), fsync=False); s.open();"
        "print(psycopg.connect(s.url).execute('select current_user').fetchone()[0]); s.close()"
    )
    who = {"user": account.uid, "group": account.gid, "extra_groups": []}
    environment = {"PATH": os.defpath, "HOME": str(own)}
    try:
        subprocess.run([sys.executable, "-c", "import psycopg"], check=True, cwd="/", env=environment, **who)  # type: ignore[call-overload]
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this Python lies where only root can read it")
    command = [sys.executable, "-W", "ignore", "-c", story, str(own / "data")]
    done = subprocess.run(  # type: ignore[call-overload]
        command, cwd="/", env=environment, capture_output=True, text=True, check=False, **who
    )
    assert done.stdout.strip() == "pilothouse", done.stderr
    assert (own / "data" / "postgres").stat().st_uid == account.uid
