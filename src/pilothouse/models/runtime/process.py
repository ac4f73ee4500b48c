"""Owns the child process of a local runtime: starts it, says why it would not start, ends it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from pilothouse.kernel import DataError, UsageError
from pilothouse.models.runtime.machine import lacking_memory, missing_instructions

__all__ = ["Child", "ServerConfig"]

_SERVER = Path(__file__).parents[1] / "adapters" / "local_server.py"
_STAMP = re.compile(r"^[\d.]+ E \S+ +")
_LONGEST_SOCKET = 100  # bytes; sun_path holds 108
_PASSED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR", "TZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """What the child is told.

    Attributes:
        adapters: Files of LoRA adapters; their place in the tuple is their id in a request.
        default: Id of the adapter of requests that name none; -1 for the bare model.
        context: Tokens of prompt and answer together.
        memory: Most bytes of private memory the child may take; 0 sets no limit.
        cache_mib: Memory for prompts of earlier calls, beside the last one's.
        patience: Seconds it may take to load.
    """

    model: Path
    alias: str
    adapters: tuple[Path, ...] = ()
    default: int = -1
    context: int = 4096
    threads: int = 1
    memory: int = 4 << 30
    cache_mib: int = 0
    patience: float = 120.0


class Child:
    """One running server; all its methods block and may be called from any thread."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, seconds: float) -> None:
        self._process = process
        self._folder = folder
        self.seconds = seconds
        """Seconds it took to load."""

    @property
    def socket(self) -> Path:
        """Its unix socket; the folder is ours alone."""
        return self._folder / "model.sock"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def settle(self) -> None:
        """Give a dying process half a second to be seen dead: its sockets close before it is gone."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.5)

    def cpu_seconds(self) -> float:
        """CPU time it used so far; 0 when it has ended."""
        import psutil

        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def memory(self) -> int:
        """Resident bytes; 0 when it has ended."""
        import psutil

        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def stop(self) -> None:
        """End it and remove its folder; a second time does nothing."""
        _end(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    @classmethod
    def start(cls, config: ServerConfig) -> Child:
        """Start a server and wait until it answers.

        Raises:
            UsageError: ``models.no_runtime`` or ``models.no_instructions``: this machine cannot.
            DataError: ``models.load_failed``: the weights were refused, or broke it; the message says why.
        """
        _able(config)
        folder = _folder()
        errors = folder / "errors"
        try:
            with errors.open("wb") as stderr:
                process = subprocess.Popen(
                    [sys.executable, "-P", str(_SERVER)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    cwd=folder,
                    env=_environment(),
                    start_new_session=True,  # Ctrl-C is for the parent, which ends it in order
                )
            said = _talk(process, config, folder / "model.sock")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if "address" in said:
            return cls(process, folder, float(said["seconds"]))
        why = _reason(process, said, errors)
        shutil.rmtree(folder, ignore_errors=True)
        if said.get("error") == "no_runtime":
            raise UsageError(
                f"the local runtime is not installed ({why}); install pilothouse[llm]",
                code="models.no_runtime",
            )
        raise _refused(config, why)


def _able(config: ServerConfig) -> None:
    lacking = missing_instructions()
    if lacking:
        raise UsageError(
            f"this processor lacks {', '.join(lacking)}, which the local text model needs; "
            "route its tasks to a server",
            code="models.no_instructions",
        )
    for path in (config.model, *config.adapters):
        if not path.is_file():
            raise _refused(config, f"there is no file {str(path)!r}")
    why = lacking_memory(config.model.stat().st_size)
    if why:
        raise _refused(config, why)


def _refused(config: ServerConfig, why: str) -> DataError:
    return DataError(
        f"model {config.alias!r} ({str(config.model)!r}) cannot be loaded: {why}; "
        "fetch it again or name another in its route",
        code="models.load_failed",
    )


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pilothouse-"))
    if len(os.fsencode(folder / "model.sock")) <= _LONGEST_SOCKET:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="pilothouse-", dir="/tmp"))


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
    return {**kept, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _talk(process: subprocess.Popen[bytes], config: ServerConfig, socket: Path) -> dict[str, Any]:
    told = {
        "model": str(config.model.absolute()),
        "alias": config.alias,
        "adapters": [
            (str(path.absolute()), float(at == config.default)) for at, path in enumerate(config.adapters)
        ],
        "socket": str(socket),
        "context": config.context,
        "threads": config.threads,
        "memory": config.memory,
        "cache_mib": config.cache_mib,
    }
    try:
        with contextlib.suppress(BrokenPipeError):
            stdin = cast("IO[bytes]", process.stdin)
            stdin.write(json.dumps(told).encode() + b"\n")
            stdin.flush()  # stays open: it is the life line
        return _answer(process, config.patience)
    except BaseException:
        _end(process)
        raise


def _answer(process: subprocess.Popen[bytes], patience: float) -> dict[str, Any]:
    stdout = cast("IO[bytes]", process.stdout)
    line, until = b"", time.monotonic() + patience
    while not line.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0 or not select.select([stdout], [], [], left)[0]:
            return {"error": "load_failed", "why": f"it did not answer within {patience:.0f} s"}
        more = os.read(stdout.fileno(), 65536)
        if not more:
            return {"error": "load_failed", "why": ""}
        line += more
    return cast("dict[str, Any]", json.loads(line))


def _reason(process: subprocess.Popen[bytes], said: dict[str, Any], errors: Path) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    code = process.poll()
    _end(process)
    if said["error"] == "no_runtime":
        return str(said["why"])
    lines = errors.read_text(encoding="utf-8", errors="replace").splitlines()
    words = [_STAMP.sub("", line) for line in lines if _STAMP.match(line)][:2]
    if code is not None and code < 0:
        words.append(f"the runtime died of {signal.Signals(-code).name}")
    return "; ".join(words) or str(said["why"]) or f"the runtime ended with exit code {code}"


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
