"""The ladder by the installed command, on a real project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pilothouse.app import open_studio
from pilothouse.decisions import Unit

FILE = """
[project]
name = "yard"
operator = "owner"

[principals.owner]
rights = ["*"]

[principals.amira]
rights = ["decisions:*"]

[ladder]
catch = "assumed"

[ladder.eps]
1 = 0.2

[ladder.settle_days]
1 = 0
"""
UNIT = Unit(action="book_slot", tier=1, site="north", version="v1")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pilothouse.toml").write_text(FILE)
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    return tmp_path


@pytest.fixture
def pilothouse(project: Path) -> Run:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pilothouse", "ladder", *words]
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=project,
            env={**os.environ, "COLUMNS": "200"},
            timeout=60,
        )

    return run


async def test_the_verbs_of_the_ladder(pilothouse: Run, project: Path) -> None:
    assert "No unit has a label yet" in pilothouse().stdout
    async with open_studio(project, work=False) as studio:
        for number in range(5):
            await studio.ladder.label(UNIT, f"c-{number}", wrong=False, source="test")
        await studio.ladder.label(Unit(action="other", tier=1), "x", wrong=False, source="test")

    printed = pilothouse()
    assert "book_slot/1@north:v1" in printed.stdout
    assert "0/5" in printed.stdout
    mine, other = json.loads(pilothouse("--json").stdout)
    assert (mine["unit"], mine["rung"], mine["n"], mine["k"]) == ("book_slot/1@north:v1", "approve", 5, 0)
    assert mine["more"] > 0
    assert other["n"] == 1

    told = json.loads(pilothouse("label", "book_slot", "c-1", "--wrong", "--json").stdout)
    assert (told["changed"], told["k"]) == (True, 1)
    chosen = pilothouse("choose", "book_slot", "--to", "shadow", "--reason", "new camera")
    assert chosen.stdout.strip() == "book_slot/1@north:v1 now stands at shadow"
    assert "already stands" in pilothouse("demote", "book_slot", "--reason", "again", "--to", "shadow").stdout
    assert "2 units held" in pilothouse("drop", "--reason", "strange mails").stdout
    assert json.loads(pilothouse("--json").stdout)[0]["dropped"]
    assert "2 units let go" in pilothouse("lift", "--reason", "it was spam").stdout
    shown = json.loads(pilothouse("show", "book_slot", "--json").stdout)
    assert [(move["before"], move["after"]) for move in shown["moves"]] == [("approve", "shadow")]
    assert "new camera" in pilothouse("show", "book_slot").stdout


async def test_what_does_not_fit_is_said(pilothouse: Run, project: Path) -> None:
    async with open_studio(project, work=False) as studio:
        for action in ("book_slot", "book_gate"):
            await studio.ladder.label(Unit(action=action, tier=3), "x", wrong=False, source="test")
    missing = pilothouse("show", "nothing")
    assert (missing.returncode, "ladder.no_unit" in missing.stderr) == (2, True)
    assert "names 2 units" in pilothouse("show", "book").stderr.replace("\n", " ")
    wrong = pilothouse("choose", "book_slot", "--to", "heaven", "--reason", "x")
    assert (wrong.returncode, "ladder.no_rung" in wrong.stderr) == (2, True)
    denied = pilothouse("drop", "--reason", "x", "--as", "amira")
    assert (denied.returncode, "policy.denied" in denied.stderr) == (3, True)
    assert "asked: " in pilothouse("waive", "book_slot", "--until", "2026-12-20", "--reason", "season").stdout
    assert "0 waivers" in pilothouse("unwaive", "book_slot", "--reason", "over").stdout
