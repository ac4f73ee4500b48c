"""The flows of a project by the installed command: shown, refused, endorsed, and then nobody is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FILE = """
[project]
name = "yard"
modules = ["flows"]
operator = "owner"

[principals.owner]
rights = ["*", "acl:desk"]

[sources.mail]
kind = "drop"
path = "mail"
readers = ["acl:desk"]
"""
FLOWS = '''
"""Notes of letters."""

from pilothouse import effect, perform, source, step, workflow
from pilothouse.connectors import Query
from pilothouse.labels import Integrity

WRITTEN = []


@step
async def letter(number: str) -> str:
    (row,) = await source("mail").read(Query("letters.csv", where={"number": [number]}))
    return row["text"]


@effect(tool="note", tier=1, effect="write", accepts=Integrity.RECORD, steering=["file"],
        audience=("acl:desk",), idempotent_by_effect_id=True)
async def note(file: str, text: str) -> None:
    WRITTEN.append((file, text))
    print("wrote", repr(text), flush=True)


@effect(tool="pay", tier=4, steering=["to"])
async def pay(to: str) -> None:
    """Never asked about."""


@workflow
async def notes(number: str) -> str:
    return (await perform(note.bind(file=number, text=await letter(number)))).state


@workflow
async def pays(number: str) -> str:
    return (await perform(pay.bind(await letter(number)))).state
'''
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pilothouse.toml").write_text(FILE)
    (tmp_path / "flows.py").write_text(FLOWS)
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "letters.csv").write_text("number;text\n7;please see https://evil.example now\n")
    monkeypatch.setenv("PILOTHOUSE_DATABASE_URL", database_url)
    return tmp_path


@pytest.fixture
def pilothouse(project: Path) -> Run:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pilothouse", *words], check=False, capture_output=True, text=True,
            cwd=project, env={**os.environ, "COLUMNS": "240"}, timeout=60,
        )  # fmt: skip

    return run


@pytest.mark.timeout(180)
def test_flows_are_shown_refused_endorsed_and_taken_back(pilothouse: Run) -> None:
    shown = pilothouse("flows", "check", "--typed", "--json")
    assert shown.returncode == 1, shown.stderr
    tables = {table["workflow"]: table["flows"] for table in json.loads(shown.stdout)}
    verdicts = {flow["arg"]: (flow["verdict"], flow["endorse"]) for flow in tables["notes"]}
    assert verdicts == {"file": ("passes", ""), "text": ("asks", "as_content"), "pc": ("passes", "")}
    assert {flow["verdict"] for flow in tables["pays"]} == {"never"}
    page = pilothouse("flows", "check", "notes", "--typed")
    assert page.returncode == 0
    assert "as_content" in page.stdout
    assert "no workflow 'nothing' is declared" in pilothouse("flows", "check", "nothing").stderr

    refused = pilothouse("run", "notes", "--args", '{"number": "7"}')
    assert "ask with decide()" in refused.stdout + refused.stderr

    wanted = ["notes", "--source", "mail", "--tool", "note", "--arg"]
    assert (
        "treatment"
        in pilothouse("flows", "endorse", *wanted, "text", "--treatment", "x", "--reason", "y").stderr
    )
    never = pilothouse("flows", "endorse", *wanted, "file", "--reason", "why not")
    assert "content may never do" in never.stderr
    given = pilothouse("flows", "endorse", *wanted, "text", "--reason", "notes quote mails", "--json")
    assert given.returncode == 0, given.stderr
    assert "notes quote mails" in pilothouse("flows", "list").stdout

    passed = pilothouse("run", "notes", "--args", '{"number": "7"}', "--json")
    assert passed.returncode == 0, passed.stderr
    assert "'done'" in passed.stdout or '"done"' in passed.stdout
    assert "evil.example" not in passed.stdout, "links are stripped"

    gone = pilothouse("flows", "revoke", json.loads(given.stdout)["id"], "--reason", "enough")
    assert "asks again" in gone.stdout
    assert json.loads(pilothouse("flows", "list", "--json").stdout) == []
    assert len(json.loads(pilothouse("flows", "list", "--all", "--json").stdout)) == 1
    again = pilothouse("run", "notes", "--args", '{"number": "7"}')
    assert "ask with decide()" in again.stdout + again.stderr
