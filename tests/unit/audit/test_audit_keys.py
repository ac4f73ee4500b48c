"""The key that signs heads: made once, for this account alone, never over what it cannot read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pilothouse.audit.heads import keys, load_signer, public_key_file
from pilothouse.audit.offline import head_message, verified
from pilothouse.kernel import UsageError


def test_it_is_made_on_the_first_start_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "data" / "audit.key"
    first, again = load_signer(path), load_signer(path)
    assert first is not None
    assert again is not None
    assert first.public == again.public == public_key_file(path).read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_key_file(path).stat().st_mode & 0o777 == 0o644 & ~_umask()
    assert sorted(file.name for file in path.parent.iterdir()) == ["audit.key", "audit.key.pub"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_many_that_start_at_once_agree_on_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        signers = list(threads.map(load_signer, [tmp_path / "audit.key"] * 8))
    assert len({signer.public for signer in signers if signer is not None}) == 1
    assert len(signers) == 8
    assert (tmp_path / "audit.key.pub").read_text().strip() == signers[0].public  # type: ignore[union-attr]


def test_who_comes_second_takes_the_key_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    load_signer(path)
    content = path.read_text()
    keys._make(path)  # pyright: ignore[reportPrivateUsage]
    assert path.read_text() == content
    assert sorted(file.name for file in tmp_path.iterdir()) == ["audit.key", "audit.key.pub"]


def test_it_signs_heads_that_anybody_can_check(tmp_path: Path) -> None:
    signer = load_signer(tmp_path / "audit.key")
    assert signer is not None
    head = signer.head(size=3, root=b"\7" * 32, at="2026-01-05T06:00:00.000000Z")
    assert verified(head.key, head.signature, head_message(3, "07" * 32, head.at))
    assert not verified(head.key, head.signature, head_message(4, "07" * 32, head.at))


def test_a_public_half_that_was_lost_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    first = load_signer(path)
    public_key_file(path).unlink()
    assert load_signer(path) is not None
    assert first is not None
    assert public_key_file(path).read_text() == first.public + "\n"


def test_who_may_not_read_it_signs_nothing(tmp_path: Path) -> None:
    """Root reads everything, so root becomes nobody for a moment."""
    folder = tmp_path / "closed"
    load_signer(folder / "audit.key")
    (folder / "audit.key").chmod(0)
    before = os.geteuid()
    try:
        if before == 0:
            os.seteuid(65534)
        assert load_signer(folder / "audit.key") is None
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("content", ["", "zz", "ab" * 31])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "audit.key").write_text(content)
    with pytest.raises(UsageError, match="64 hexadecimal digits") as caught:
        load_signer(tmp_path / "audit.key")
    assert caught.value.code == "audit.key"


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"audit\.key"):
        load_signer(tmp_path / "file" / "audit.key")
