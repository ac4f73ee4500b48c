"""Stories of the doctor: what is wrong, in words, with the next step."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from pilothouse.storage import Finding, StorageSettings, diagnose, doctor
from pilothouse.storage.embedded import EmbeddedServer
from pilothouse.storage.embedded.server import held_by_others
from pilothouse.storage.testing import with_database


def _wrong(findings: list[Finding]) -> list[tuple[str, str]]:
    assert all(finding.next_step for finding in findings if not finding.ok), "every fault has a next step"
    return [(finding.what, finding.why) for finding in findings if not finding.ok]


def test_a_folder_that_does_not_exist_yet_is_well_and_is_not_made(data_dir: Path) -> None:
    assert _wrong(diagnose(StorageSettings(data_dir=data_dir))) == []
    assert not data_dir.exists()


def test_a_healthy_cluster_is_started_for_the_look_and_stopped_again(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o700)
    findings = diagnose(StorageSettings(data_dir=data_dir, fsync=False))
    assert _wrong(findings) == []
    words = " ".join(f"{finding.what}: {finding.why}" for finding in findings)
    for expected in ("GiB free", "PostgreSQL 18", "vector 0.", "of 200 in use", "revision none"):
        assert expected in words
    assert not held_by_others(data_dir / "running.lock")


def test_a_damaged_cluster_is_described(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir, fsync=False)
    server.open()
    server.close()
    (server.cluster.pgdata / "PG_VERSION").write_text("15")
    [(what, why)] = _wrong(diagnose(StorageSettings(data_dir=data_dir)))
    assert what == "embedded PostgreSQL"
    assert "made by PostgreSQL '15'" in why


def test_a_folder_open_to_everybody_is_a_fault(data_dir: Path) -> None:
    data_dir.mkdir()
    data_dir.chmod(0o777)
    faults = _wrong(diagnose(StorageSettings(data_dir=data_dir, fsync=False)))
    assert "everybody on this machine may write" in faults[0][1]


def test_a_full_disk_is_a_fault(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_LEAST_DISK", 10**18)
    assert "GiB free" in _wrong(diagnose(StorageSettings(data_dir=data_dir)))[0][1]


def test_a_lock_that_is_never_released_is_a_fault(data_dir: Path) -> None:
    import fcntl

    data_dir.mkdir()
    lock = os.open(data_dir / "server.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finding = doctor._locks(data_dir)
    finally:
        os.close(lock)
    assert not finding.ok
    assert "fuser" in finding.next_step


def test_a_served_database_is_looked_at(database_url: str) -> None:
    findings = diagnose(StorageSettings(database_url=database_url))
    assert _wrong(findings) == []
    assert findings[-1].what == "schema"


def test_a_newer_schema_is_a_fault(database_url: str) -> None:
    with psycopg.connect(database_url) as link:
        link.execute("update storage_version set version_num = '9999'")
    [(what, why)] = _wrong(diagnose(StorageSettings(database_url=database_url)))
    assert (what, "9999" in why) == ("schema", True)


def test_an_unreachable_server_is_a_fault_without_its_password(postgres_url: str) -> None:
    refused = diagnose(StorageSettings(database_url="postgresql://clerk:geheim@127.0.0.1:1/house"))
    assert "geheim" not in repr(refused)
    [(what, why)] = _wrong(refused)
    assert "house" in what
    assert "refused" in why
    missing = diagnose(StorageSettings(database_url=with_database(postgres_url, "nowhere")))
    assert "does not exist" in _wrong(missing)[0][1]
