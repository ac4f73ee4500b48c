"""Stories of the account that runs PostgreSQL and of the way it is given to its folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pilothouse.kernel import UsageError
from pilothouse.storage.embedded.account import Account, account_for, may_traverse, open_way

STRANGER = Account(name="stranger", uid=54321, gid=54321, switch=True)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


def _can_enter(folder: Path, uid: int) -> bool:
    done = subprocess.run(
        ["ls", "-d", f"{folder}/."], user=uid, group=uid, extra_groups=[], capture_output=True, check=False
    )
    return done.returncode == 0


@as_root
def test_the_way_is_opened_for_one_account_and_nobody_else(closed: Path) -> None:
    assert not may_traverse(closed, STRANGER)
    open_way(closed / "data", STRANGER)
    assert may_traverse(closed, STRANGER)
    assert _can_enter(closed, STRANGER.uid)
    assert not _can_enter(closed, STRANGER.uid + 1)
    listing = subprocess.run(
        ["ls", str(closed)],
        user=STRANGER.uid,
        group=STRANGER.gid,
        extra_groups=[],
        capture_output=True,
        check=False,
    )
    assert listing.returncode != 0, "passing through is not reading"
    assert closed.stat().st_mode & 0o007 == 0


@as_root
def test_a_chmod_closes_the_way_and_it_is_opened_again(closed: Path) -> None:
    open_way(closed / "data", STRANGER)
    closed.chmod(0o700)
    assert not may_traverse(closed, STRANGER)
    open_way(closed / "data", STRANGER)
    assert _can_enter(closed, STRANGER.uid)


@as_root
def test_two_accounts_may_have_their_way(closed: Path) -> None:
    other = Account(name="other", uid=54322, gid=54322, switch=True)
    open_way(closed / "data", STRANGER)
    open_way(closed / "data", other)
    assert _can_enter(closed, STRANGER.uid)
    assert _can_enter(closed, other.uid)


@as_root
def test_an_open_folder_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    before = os.listxattr(folder)
    tmp_way = Account(name="root", uid=0, gid=0, switch=True)
    open_way(folder / "data", tmp_way)
    assert os.listxattr(folder) == before


@as_root
def test_without_access_lists_the_message_says_what_to_do(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(UsageError, match="chmod o\\+x"):
        open_way(closed / "data", STRANGER)


def test_a_cluster_of_somebody_else_is_refused_unless_we_are_root(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: closed.stat().st_uid + 4711)
    with pytest.raises(UsageError, match="belongs to user id"):
        account_for(closed)


def test_a_user_without_a_name_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 3999999)
    with pytest.raises(UsageError, match="has no name on this machine"):
        account_for(tmp_path / "not there")
