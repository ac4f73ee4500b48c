"""``pilothouse models`` and ``pilothouse drill`` over a real project and a scripted server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pilothouse.models.testing import Reply, ScriptedServer, scripted_server

pytestmark = pytest.mark.anyio
PROJECT = """
[project]
name = "p"
operator = "me"

[principals.me]
rights = ["*"]

[models.providers.site]
url = "{url}"
model = "scripted"

[models.providers.cloud]
url = "{url}"
model = "scripted"
leaves = true
reads = ["user:*"]

[models.routes.chat]
use = ["cloud", "site"]

[[models.budgets]]
scope = "principal"
unit = "tokens"
most = 100000
per = "day"
"""
Run = Callable[..., Awaitable[Any]]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    def script(asked: dict[str, Any]) -> Reply:
        words = asked["messages"][-1]["content"]
        if "tools" in asked:
            return Reply(text="I would rather not.")
        if "response_format" in asked:
            return Reply(text=_fitting(asked["response_format"]["json_schema"]["schema"]))
        return Reply(text="OK" if len(words) < 100 else "long")

    async with scripted_server(script) as found:
        yield found


def _fitting(schema: dict[str, Any]) -> str:
    values = {"name": "x", "colours": ["red"], "yes": True}
    if "anyOf" in schema:
        return json.dumps({"tool": "final", "answer": "x"})
    return json.dumps({name: values[name] for name in schema["properties"]})


@pytest.fixture
def cli(tmp_path: Path, database_url: str, server: ScriptedServer) -> Run:
    (tmp_path / "pilothouse.toml").write_text(PROJECT.format(url=server.url))
    env = {
        **os.environ,
        "PILOTHOUSE_DATABASE_URL": database_url,
        "PILOTHOUSE_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "200",
    }

    async def run(*words: str, code: int = 0) -> Any:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "pilothouse", *words, "--json"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr

    return run


async def test_a_project_looks_checks_tries_and_goes_offline(cli: Run, server: ScriptedServer) -> None:
    listed = (await cli("models", "list"))["providers"]
    assert [(one["provider"], one["where"]) for one in listed] == [
        ("site", "this machine"), ("cloud", "outside (127.0.0.1)"),
    ]  # fmt: skip
    assert listed[0]["measured"] is None
    [checked] = await cli("models", "check", "site", "--context", "512")
    assert "json_schema" in checked["can"]
    assert "native_tools" not in checked["can"]
    assert checked["figures"]["native_tools_right"] == "0/6"
    again = (await cli("models", "list"))["providers"][0]
    assert "json_schema" in again["can"], "what was measured counts from the next opening on"
    said = await cli("models", "try", "Say OK.")
    assert (said["text"], said["provider"]) == ("OK", "cloud")
    assert await cli("models", "offline", "a drill") == {"offline": True, "reason": "a drill"}
    before = len(server.requests)
    said = await cli("models", "try", "Say OK.")
    assert (said["provider"], said["degraded"]) == ("site", "cloud: offline")
    assert len(server.requests) == before + 1
    assert "a drill" in (await cli("models", "list"))["offline"]
    await cli("models", "online", "it is over")
    assert (await cli("models", "try", "Say OK."))["provider"] == "cloud"
    calls = await cli("models", "calls")
    assert [one["provider"] for one in calls] == ["cloud", "site", "cloud"]
    assert calls[0]["effect"].startswith("models.call:")
    [budget] = await cli("models", "budgets")
    assert (budget["name"], float(budget["reserved"])) == ("me", 0.0)
    [route] = await cli("models", "routes")
    assert route["use"] == ["cloud", "site"]
    pruned = await cli("models", "prune")
    assert (pruned["keep_days"], pruned["calls"]) == (400, 0)
    assert "no route" in await cli("models", "try", "x", "--task", "nothing", code=2)
    assert "no provider" in await cli("models", "check", "nobody", code=2)


async def test_without_a_declaration_it_says_how_to_reach_the_embedded_model(
    cli: Run, tmp_path: Path, database_url: str
) -> None:
    project, _, _ = PROJECT.partition("[models.providers.site]")
    for more, says in (
        ("", 'kind = "local"'),
        ('[models.providers.here]\nkind = "local"\n', '[models.routes.chat]\nuse = ["here"]'),
    ):
        (tmp_path / "pilothouse.toml").write_text(project + more)
        assert await cli("models", "routes") == []
        shown = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "pilothouse", "models", "routes"],
            cwd=tmp_path,
            env={
                **os.environ,
                "PILOTHOUSE_DATABASE_URL": database_url,
                "PILOTHOUSE_DATA_DIR": str(tmp_path / "data"),
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert says in shown.stdout


async def test_the_drill_loses_no_run(cli: Run) -> None:
    found = await cli("drill", "unplug", "--runs", "3")
    assert [(one["provider"], one["lost"], one["failed"]) for one in found] == [
        ("cloud", 0, 0), ("site", 0, 0), ("*", 0, 0),
    ]  # fmt: skip
    assert all(one["went_on"] + one["degraded"] + one["waited"] == one["runs"] == 3 for one in found)
    assert found[0]["degraded"] > 0
    assert found[2]["waited"] > 0
    assert found[2]["reasons"]
