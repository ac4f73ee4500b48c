"""The demo as a stranger runs it: one command from nothing to a scored port and a full inbox."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def _pilothouse(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "pilothouse", *words, "--json"],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(240)
def test_one_command_makes_decides_scores_and_leaves_the_questions(tmp_path: Path) -> None:
    out = tmp_path / "port"
    try:
        shown = _pilothouse("demo", "port", "--out", str(out), "--size", "small")
        run, ours = shown["run"], shown["scores"]["this run"]
        baseline = shown["scores"]["structured only"]
        assert run["consignments"] == ours["n"] == 60
        assert ours["wrong_advised"]["hits"] == 0
        assert baseline["wrong_advised"]["hits"] > 0, "the texts must matter, or the caution proves nothing"
        assert ours["right"]["share"] > baseline["right"]["share"]
        assert ours["valid"]["share"] == 1.0
        project = str(out / "run")
        assert _pilothouse("runs", "--project", project)["counts"] == {"parked": 61}
        waiting = _pilothouse("inbox", "--project", project, "--as", "clerk.amira", "-n", "200")
        assert waiting["total"] == 60
        assert _pilothouse("audit", "verify", "--project", project)["ok"] is True
        again = _pilothouse("demo", "port", "--out", str(out), "--size", "small")
        assert again["run"]["verdicts"] == run["verdicts"]
        assert _pilothouse("runs", "--project", project)["counts"] == {"parked": 61}, "nothing runs twice"
    finally:
        _pilothouse("port", "world", "down", str(out / "world"), "--forget")
