"""Stories of the `world` verbs: what a person and a script see of up, status and down."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pilothouse.kernel import UsageError
from pilothouse_port.world import serve
from pilothouse_port.world.commands import app


def call(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_up_status_down_speak_to_people_and_scripts(made, tmp_path):
    world = made.write_world(tmp_path, made.every_system())
    try:
        names = ("mariadb", "postgres", "http", "smtp")
        assert call("status", world) == (1, "".join(f"{name:<11}down\n" for name in names))
        code, said = call("up", world, "--owner", os.getpid(), "--json")
        assert code == 0
        told = json.loads(said)
        assert [server["name"] for server in told["servers"]] == ["mariadb", "postgres", "http", "smtp"]
        assert told["project"].endswith("run/pilothouse.toml")
        code, said = call("status", world, "--json")
        assert code == 0
        assert all(json.loads(said).values())
        code, said = call("up", world)
        assert "4 servers answer" in said
        assert call("down", world) == (0, "stopped: mariadb, postgres, smtp, http\n")
        assert call("down", world, "--forget", "--json")[0] == 0
        assert not serve.run_folder(world).exists()
    finally:
        serve.down(world, forget=True)


def test_a_folder_with_other_things_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("ten years")
    with pytest.raises(UsageError, match="no made world"):
        call("make", tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "ten years"


def test_the_verbs_load_without_the_worlds_machinery():
    heavy = {"starlette", "psutil", "rich", "simpy", "pilothouse_port.world.canon"}
    code = f"import sys, pilothouse_port.world.commands; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
