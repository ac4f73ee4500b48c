"""Threat: foreign code or a parser of foreign bytes gets out of its cage, as root and as anybody."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def _as_nobody(command: list[str]) -> list[str]:
    """As an account that owns nothing; homes on the way to the interpreter are opened for it only here."""
    opened: list[str] = []
    for prefix in (sys.base_prefix, sys.prefix):
        above = [p for p in reversed(Path(prefix).parents) if p != Path("/")]
        closed = next((p for p in above if not p.stat().st_mode & 0o001), None)
        if closed is None:
            continue
        opened += ["--perms", "0755", "--tmpfs", str(closed)]
        for folder in above[above.index(closed) + 1 :]:
            opened += ["--perms", "0755", "--dir", str(folder)]
        opened += ["--ro-bind", prefix, prefix]
    walls = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", *opened, "--cap-add", "ALL"]
    return [*walls, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", ["ourselves", "nobody"])
def test_no_attempt_gets_out(who: str) -> None:
    command = [sys.executable, str(HERE / "escapes.py")]
    if who == "nobody":
        if os.geteuid() != 0:
            pytest.skip("this is an ordinary account already")
        command = _as_nobody(command)
    env = {**os.environ, "SECRET": "CANARY-in-the-environment"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/tmp", env=env)
    assert ran.returncode == 0, ran.stderr[-2000:]
    said: dict[str, Any] = json.loads(ran.stdout)
    assert said["account"] == (65534 if who == "nobody" else os.geteuid())
    assert said["controls"] == []
    assert len(said["found"]) >= 60
    assert {name: found for name, found in said["found"].items() if found} == {}
