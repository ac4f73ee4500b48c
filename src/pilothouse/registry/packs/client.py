"""Owns the one way out: the ordinary package client of this machine, with its own configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pilothouse.kernel import DataError, UnavailableError, UsageError
from pilothouse.registry.packs.ports import Progress
from pilothouse.registry.packs.types import Wheel

__all__ = ["download"]

_SAFE = ("--no-deps", "--only-binary", ":all:", "--require-hashes")
_REFUSED = ("DO NOT MATCH THE HASHES", "Hash mismatch")


def download(wheels: Sequence[Wheel], folder: Path, progress: Progress) -> None:
    """Get wheels of pinned hashes into ``folder``: as files, or unpacked by a client that cannot keep them.

    Indexes, proxies and certificates are those of the client (``pip.conf``, ``PIP_*``, ``UV_*``).

    Raises:
        UsageError: ``packs.no_client``: neither pip nor uv is on this machine.
        UnavailableError: ``packs.unreachable``: the client could not get them.
        DataError: ``packs.mismatch``: what it got has another hash.
    """
    wanted = folder / "wanted.txt"
    pinned = [f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels]
    wanted.write_text("".join(pinned), encoding="ascii")
    command = _command(wanted, folder)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    what = ", ".join(wheel.package for wheel in wheels)
    total = sum(wheel.size for wheel in wheels)
    with (folder / "said.txt").open("w+b") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**environment, "TMPDIR": str(folder), "PIP_NO_INPUT": "1"},
        )
        try:
            while process.poll() is None:
                progress(what, min(_bytes(folder), total), total)
                time.sleep(0.1)
        except BaseException:
            process.kill()
            process.wait()
            raise
        said.seek(0)
        words = said.read().decode("utf-8", "replace")
    if process.returncode:
        raise _failed(what, command[0], words)
    progress(what, total, total)


def _command(wanted: Path, folder: Path) -> list[str]:
    base = str(getattr(sys, "_base_executable", sys.executable))
    pips = ([sys.executable, "-m", "pip"], [base, "-m", "pip"], ["pip"], ["pip3"], ["python3", "-m", "pip"])
    for pip in pips:
        if _works(pip):
            return [*pip, "download", "--quiet", *_SAFE, "--dest", str(folder), "--requirement", str(wanted)]
    if _works(["uv"]):
        into = ["--target", str(folder / "unpacked"), "--python", sys.executable]
        return ["uv", "pip", "install", "--quiet", *_SAFE, *into, "--requirement", str(wanted)]
    raise UsageError(
        "neither pip nor uv is on this machine, so packs cannot be fetched; install one, or set "
        "PILOTHOUSE_PACKS_MIRROR to a folder made by `pilothouse packs mirror` elsewhere",
        code="packs.no_client",
    )


def _works(command: Sequence[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # the client moves its files about
            continue
    return total


def _failed(what: str, client: str, words: str) -> DataError | UnavailableError:
    if any(mark in words for mark in _REFUSED):
        return DataError(
            f"what the package index holds as {what} has not the pinned sha256; nothing was kept. "
            "Somebody replaced it: do not use it",
            code="packs.mismatch",
        )
    last = " ".join(line.strip() for line in words.strip().splitlines()[-3:])
    return UnavailableError(
        f"{Path(client).name!r} could not get {what}: {last or 'it said nothing'}; "
        "check its index and proxy, or set PILOTHOUSE_PACKS_MIRROR",
        code="packs.unreachable",
        retry_after=60,
    )
