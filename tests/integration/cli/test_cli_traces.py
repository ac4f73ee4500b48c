"""Traces and the server by the installed command, on a real project."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from pilothouse.storage.testing import fresh_url

FLOWS = """

from pilothouse import effect, perform


@effect(tool="post_notice", effect="write", tier=2, steering=["to"])
async def post_notice(to: str) -> str:
    return to


@workflow
async def notice(to: str) -> str:
    await greet(to)
    call = post_notice.bind(to=to)
    answer = await decide(f"Notice to {to}?", of=call, who="desk", verdict="POST")
    return (await perform(call, answer)).state if answer.approved else "no"
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(postgres_url: str) -> Iterator[dict[str, str]]:
    with fresh_url(postgres_url) as url:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PILOTHOUSE_")}
        yield kept | {"PILOTHOUSE_DATABASE_URL": url, "COLUMNS": "140", "USER": "amira", "LOGNAME": "amira"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    made = tmp_path_factory.mktemp("project")
    assert _pilothouse(made, environment, "init", ".").returncode == 0
    flows = made / "flows.py"
    flows.write_text(flows.read_text() + FLOWS)
    file = made / "pilothouse.toml"
    file.write_text(re.sub(r"rights = \[.*?\]", 'rights = ["*"]', file.read_text(), count=1))
    return made


@pytest.fixture
def pilothouse(folder: Path, environment: dict[str, str]) -> Run:
    return lambda *words: _pilothouse(folder, environment, *words)


def _pilothouse(folder: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pilothouse", *words]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, env=environment, timeout=90
    )


def test_before_anything_ran_the_next_step_is_said(pilothouse: Run) -> None:
    assert "They come with runs" in pilothouse("traces", "list", "--name", "nothing").stdout
    assert "No model call" in pilothouse("traces", "usage").stdout
    missing = pilothouse("traces", "show", "nothing")
    assert (missing.returncode, "engine.unknown_run" in missing.stderr) == (2, True)
    assert pilothouse("traces", "graph", "nothing").returncode == 2
    wrong = pilothouse("traces", "usage", "--by", "weather")
    assert (wrong.returncode, "traces.filter" in wrong.stderr) == (2, True)


def test_a_run_and_its_decision_are_drawn(pilothouse: Run, folder: Path) -> None:
    assert pilothouse("run", "notice", "--args", '{"to": "ACME"}').returncode == 0
    [run] = json.loads(pilothouse("runs", "--json").stdout)["runs"]
    shown = pilothouse("traces", "show", run["id"][-8:])
    assert "waits for a person" in shown.stdout
    assert "greet" in shown.stdout
    inbox = json.loads(pilothouse("inbox", "--list", "--json", "--as", "clerk").stdout)
    [item] = inbox["items"] if isinstance(inbox, dict) else inbox
    assert pilothouse("decide", item["id"], "--approve", "--as", "clerk").returncode == 0
    _until_done(pilothouse, folder, run["id"])

    told = json.loads(pilothouse("traces", "show", run["id"], "--svg", "run.svg", "--json").stdout)
    assert told["state"] == "done"
    assert [one["kind"] for one in told["moments"] if one["kind"] != "span"] == [
        "segment", "step", "gate", "answer", "segment", "tool",
    ]  # fmt: skip
    ElementTree.parse(folder / "run.svg")
    words = pilothouse(
        "traces", "graph", item["id"], "--svg", "d.svg", "--mermaid", "d.mmd", "--dot", "d.dot"
    )
    assert "clerk approved" in words.stdout
    assert "effects.done" in words.stdout
    ElementTree.parse(folder / "d.svg")
    assert (folder / "d.mmd").read_text().startswith("flowchart LR")
    assert (folder / "d.dot").read_text().startswith("digraph")
    nodes = json.loads(pilothouse("traces", "graph", item["id"], "--json").stdout)["nodes"]
    [effect] = [node["id"] for node in nodes if node["kind"] == "effect"]
    assert "clerk approved" in pilothouse("traces", "graph", effect.removeprefix("effect:")).stdout

    names = {one["name"] for one in json.loads(pilothouse("traces", "list", "--json").stdout)}
    assert names >= {"segment", "step", "perform"}
    steps = json.loads(pilothouse("traces", "list", "-a", "pilothouse.step.name=greet", "--json").stdout)
    assert len(steps) == 1
    exported = pilothouse("traces", "export", "spans.jsonl", "--run", run["id"], "--json")
    assert json.loads(exported.stdout)["spans"] == len(
        json.loads(pilothouse("traces", "list", "--run", run["id"], "--json").stdout)
    )
    denied = pilothouse("traces", "show", run["id"], "--as", "clerk")
    assert (denied.returncode, "traces:notice:read" in denied.stderr) == (3, True)
    gone = json.loads(pilothouse("traces", "prune", "--days", "0", "--json").stdout)
    assert gone["forgotten"] >= len(names)
    # The journal tells the story without its spans.
    assert "answer Notice to ACME? by clerk" in pilothouse("traces", "show", run["id"]).stdout


def _until_done(pilothouse: Run, folder: Path, run: str) -> None:
    up = subprocess.Popen(
        [sys.executable, "-m", "pilothouse", "up", "--every", "0", "--port", "0"],
        cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=_env(pilothouse),
    )  # fmt: skip
    try:
        assert up.stderr is not None
        line = ""
        while "serving at " not in line:
            line = up.stderr.readline()
            assert line, "pilothouse up ended"
        assert httpx.get(line.split()[-1] + "/healthz").status_code == 200
        until = time.monotonic() + 60
        while time.monotonic() < until:
            [found] = json.loads(pilothouse("runs", "--json").stdout)["runs"]
            if found["state"] == "done":
                break
            time.sleep(0.2)
        assert found["state"] == "done"
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(30)
        assert up.stderr is not None
        up.stderr.close()


def _env(pilothouse: Run) -> dict[str, str]:
    # The closure knows it; there is one environment in this module.
    cells = getattr(pilothouse, "__closure__", ()) or ()
    return next(cell.cell_contents for cell in cells if isinstance(cell.cell_contents, dict))


def test_the_server_says_where_it_is_and_ends_when_told(folder: Path, environment: dict[str, str]) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "pilothouse", "serve", "--port", "0", "--json"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stderr is not None
    said = ""
    while not said.rstrip().endswith("}"):
        line = server.stdout.readline()
        assert line, server.stderr.read()
        said += line
    url = json.loads(said)["url"]
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    port = url.rpartition(":")[2]
    taken = _pilothouse(folder, environment, "serve", "--port", port)
    assert (taken.returncode, "api.address" in taken.stderr) == (2, True)
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    server.stdout.close()
    server.stderr.close()
