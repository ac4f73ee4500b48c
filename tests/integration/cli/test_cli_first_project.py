"""A stranger's first ten minutes on the command line: init, run, be asked, answer, read the story."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("project")
    assert _pilothouse(folder, "init", ".").returncode == 0
    yield folder


@pytest.fixture
def pilothouse(folder: Path) -> Run:
    return lambda *words, **options: _pilothouse(folder, *words, **options)


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PILOTHOUSE_")}
    return {**kept, "COLUMNS": "120", "USER": "amira", "LOGNAME": "amira"}


def _pilothouse(folder: Path, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilothouse", *words],
        cwd=folder, capture_output=True, text=True, input=stdin, env=_environment(), timeout=60, check=False,
    )  # fmt: skip


def _ask(pilothouse: Run, name: str) -> str:
    """Start a run that asks about ``name`` and return the proposal's id."""
    started = pilothouse("run", "hello", "--args", json.dumps({"name": name}), "--json")
    assert json.loads(started.stdout)["state"] == "parked", started.stderr
    items: list[dict[str, Any]] = json.loads(pilothouse("inbox", "--find", name, "--json").stdout)["items"]
    return items[0]["id"]


def test_a_question_is_answered_and_its_story_told(pilothouse: Run) -> None:
    proposal = _ask(pilothouse, "Rotterdam")
    refused = pilothouse("decide", proposal, "--approve")
    assert refused.returncode == 3, "whoever asks may not approve"
    assert "ask a colleague" in " ".join(refused.stderr.split())
    assert pilothouse("decide", proposal[-8:], "--approve", "--as", "clerk").returncode == 0
    assert pilothouse("decide", proposal, "--approve", "--as", "clerk").returncode == 0, "twice is harmless"
    against = pilothouse("decide", proposal, "--reject", "no", "--as", "clerk", "--json")
    assert (against.returncode, json.loads(against.stderr)["error"]["code"]) == (1, "decisions.answered")
    story = json.loads(pilothouse("show", proposal, "--json").stdout)
    assert "approved" in story["sentence"]
    assert "by clerk" in story["sentence"]
    assert [entry["kind"] for entry in story["audit"]] == ["decisions.proposed", "decisions.approved"]
    verified = pilothouse("audit", "verify", "--json")
    assert json.loads(verified.stdout)["ok"] is True
    exported = [json.loads(line) for line in pilothouse("audit", "export").stdout.splitlines()]
    assert len(exported) >= 2


def test_the_run_goes_on_after_the_answer(pilothouse: Run) -> None:
    proposal = _ask(pilothouse, "Antwerp")
    assert pilothouse("decide", proposal, "--reject", "not today", "--as", "clerk").returncode == 0
    run = (
        json.loads(pilothouse("show", proposal, "--json").stdout)["audit"]
        and json.loads(pilothouse("runs", "--workflow", "hello", "-n", "1", "--json").stdout)["runs"][0]["id"]
    )
    pilothouse("run", "hello", "--args", '{"name": "another"}')
    story = json.loads(pilothouse("show", run, "--json").stdout)
    assert story["state"] == "done"
    assert story["result"] == "not sent"
    assert [step["kind"] for step in story["steps"]] == ["step", "gate"]
    assert "journal" in pilothouse("show", run[-12:]).stdout


def test_snooze_delegate_and_edit_say_what_they_need(pilothouse: Run) -> None:
    proposal = _ask(pilothouse, "Genoa")
    assert pilothouse("decide", proposal, "--snooze", "tomorrow", "--as", "clerk").returncode == 2
    assert pilothouse("decide", proposal, "--approve", "--reject", "x").returncode == 2
    assert pilothouse("decide", proposal, "--edit", "[1]", "--as", "clerk").returncode == 2
    assert pilothouse("decide", proposal, "--delegate", "nobody", "--as", "clerk").returncode == 2
    assert pilothouse("decide", proposal, "--snooze", "2h", "--as", "clerk").returncode == 0
    listed = json.loads(pilothouse("inbox", "--find", "Genoa", "--json").stdout)
    assert listed["total"] == 0, "a snoozed item is hidden"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["run", "hullo"], 2, "known: agents.run, hello"),
        (["run", "hello", "--args", "{"], 2, "not JSON"),
        (["run", "hello", "--args", '{"name": 5}'], 2, "name=5"),
        (["show", "ffffffffffff"], 2, "no proposal"),
        (["sources", "nowhere"], 2, "no source"),
        (["--nonsense"], 2, "nonsense"),
        (["doctor", "--as-if"], 2, "as-if"),
        (["inbox", "--as", "stranger"], 2, "stranger"),
        (["init", "."], 2, "exists"),
    ],
)
def test_bad_input_names_the_value_and_leaves_with_its_code(
    pilothouse: Run, words: list[str], code: int, says: str
) -> None:
    done = pilothouse(*words)
    assert done.returncode == code
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_empty_states_say_the_next_step(pilothouse: Run) -> None:
    assert "add [sources.NAME]" in pilothouse("sources").stdout
    assert "Nothing waits for you" in pilothouse("inbox", "--list", "--find", "no such words").stdout
    assert json.loads(pilothouse("workflows", "list", "--json").stdout)[0]["name"] == "hello"
    assert pilothouse("workflows", "check").returncode == 0


def test_the_doctor_speaks_in_words(pilothouse: Run, tmp_path: Path) -> None:
    healthy = pilothouse("doctor", "--json")
    assert healthy.returncode == 0
    assert {"data directory", "modules"} <= {
        word
        for finding in json.loads(healthy.stdout)
        for word in ("data directory", "modules")
        if word in finding["what"]
    }
    nowhere = _pilothouse(tmp_path, "doctor")
    assert nowhere.returncode == 1
    assert "pilothouse init" in nowhere.stdout


def test_a_clerk_works_the_queue_by_single_keys(folder: Path, pilothouse: Run) -> None:
    """A real terminal: keys act without Enter, evidence opens, the item on screen is held."""
    _ask(pilothouse, "Valencia")
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - the child process
        os.chdir(folder)
        words = [sys.executable, "-m", "pilothouse", "inbox", "--as", "clerk", "--find", "Valencia"]
        os.execve(words[0], words, _environment())
    seen = _until(terminal, "q quit > ")
    assert "Send 'Hello, Valencia'?" in seen
    held = json.loads(pilothouse("inbox", "--find", "Valencia", "--json").stdout)["items"][0]
    assert held["claimed_by"] == "clerk"
    os.write(terminal, b"1")
    assert "no evidence 1" in _until(terminal, "q quit > ")
    os.write(terminal, b"r")
    _until(terminal, "why? ")
    os.write(terminal, b"wrong port\n")
    assert "1 answered, 0 open" in _until(terminal, "open.")
    assert os.waitpid(child, 0)[1] == 0
    os.close(terminal)


def _until(terminal: int, words: str, *, within: float = 30.0) -> str:
    seen, end = "", time.monotonic() + within
    while words not in seen and time.monotonic() < end:
        try:
            seen += os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            break
    assert words in seen, seen
    return seen
