"""Signing in, keys, secrets and policy by the installed command, on a real project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Result = subprocess.CompletedProcess[str]
Run = Callable[..., Result]
FILE = """
[project]
name = "yard"
operator = "owner"
{more}

[roles.desk]
rights = ["decisions:*"]

[principals.owner]
rights = ["*"]

[principals.amira]
groups = ["desk"]
"""


def declare(folder: Path, tables: str = "", *, more: str = "") -> None:
    (folder / "pilothouse.toml").write_text(FILE.format(more=more) + tables)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("yard")
    declare(folder)
    return folder


@pytest.fixture
def pilothouse(project: Path, home: Path) -> Run:
    def run(*words: str, given: str | None = None, key: str = "") -> Result:
        environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "PILOTHOUSE_KEY": key}
        command = [sys.executable, "-m", "pilothouse", *words, "--project", str(project)]
        return subprocess.run(
            command, check=False, input=given, capture_output=True, text=True, env=environment, timeout=60
        )

    return run


def told(result: Result) -> dict[str, object]:
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_a_person_signs_in_and_a_required_sign_in_keeps_everybody_else_out(
    pilothouse: Run, project: Path
) -> None:
    added = told(pilothouse("accounts", "add", "amira", "--json"))
    assert pilothouse("accounts", "add", "amira").returncode == 1
    password = "five o'clock at the quay\n"
    wrong = pilothouse("login", "amira", given=password)
    assert wrong.returncode == 3
    set_up = pilothouse("login", "amira", "--token", str(added["token"]), "--json", given=password * 2)
    assert told(set_up)["account"] == "amira"
    try:
        declare(project, more='sign_in = "required"')
        who = told(pilothouse("whoami", "--json"))
        assert (who["id"], who["groups"]) == ("amira", ["desk"])
        other = pilothouse("whoami", "--as", "owner")
        assert (other.returncode, "signed in as 'amira'" in other.stderr) == (3, True)
        assert pilothouse("logout").returncode == 0
        refused = pilothouse("whoami")
        assert (refused.returncode, "pilothouse login" in refused.stderr) == (3, True)
        assert pilothouse("secrets", "set", "x", given="y").returncode == 3
    finally:
        declare(project)
    assert told(pilothouse("whoami", "--json"))["id"] == "owner"


def test_a_key_acts_within_its_scopes(pilothouse: Run) -> None:
    told(pilothouse("accounts", "add", "robot", "--kind", "service", "--right", "secrets:change", "--json"))
    key = str(told(pilothouse("keys", "make", "robot", "--scope", "audit:read", "--json"))["key"])
    who = told(pilothouse("whoami", "--json", key=key))
    assert (who["id"], who["within"]) == ("robot", ["audit:read"])
    assert pilothouse("secrets", "set", "x", given="y", key=key).returncode == 3
    listed = json.loads(pilothouse("keys", "list", "--json").stdout)
    assert key not in json.dumps(listed)
    assert pilothouse("keys", "revoke", listed[0]["id"]).returncode == 0
    assert pilothouse("whoami", key=key).returncode == 3
    assert "robot" in pilothouse("keys", "list").stdout


def test_accounts_are_shown_granted_and_shut_out(pilothouse: Run) -> None:
    told(pilothouse("accounts", "add", "bruno", "--json"))
    granted = told(pilothouse("accounts", "grant", "bruno", "-g", "desk", "-r", "decisions:refund", "--json"))
    assert granted["rights"] == ["decisions:refund"]
    assert "active" in pilothouse("accounts", "list").stdout
    assert told(pilothouse("accounts", "disable", "bruno", "--json"))["active"] is False
    assert pilothouse("whoami", "--as", "bruno").returncode == 2
    assert told(pilothouse("accounts", "enable", "bruno", "--json"))["active"] is True
    assert told(pilothouse("accounts", "invite", "bruno", "--json"))["account"] == "bruno"


def test_a_secret_is_set_listed_without_its_value_and_forgotten(pilothouse: Run, project: Path) -> None:
    canary = "canary-0c81-of-the-quay"
    assert "No secrets" in pilothouse("secrets", "list").stdout
    for words in (("secrets", "set", "pcs"), ("secrets", "list"), ("audit", "verify")):
        result = pilothouse(*words, given=canary)
        assert result.returncode == 0, result.stderr
        assert canary not in result.stdout + result.stderr
    log = subprocess.run(["grep", "-rlF", canary, str(project)], capture_output=True, text=True, check=False)
    assert log.stdout == ""
    assert pilothouse("secrets", "remove", "pcs").returncode == 0
    assert pilothouse("secrets", "remove", "pcs").returncode == 2


def test_policy_is_checked_and_explained(pilothouse: Run, project: Path) -> None:
    assert told(pilothouse("policy", "check", "--json"))["roles"] == ["desk"]
    told(pilothouse("policy", "explain", "decisions:refund", "--as", "amira", "--json"))
    allowed = told(pilothouse("policy", "explain", "decisions:refund", "--as", "amira", "--json"))
    assert allowed["verdict"] == "allow"
    denied = told(pilothouse("policy", "explain", "effects:release", "--as", "amira", "--json"))
    assert (denied["verdict"], denied["reasons"]) == ("deny", ["missing:effects:release"])
    try:
        (project / "pilothouse.toml").write_text(
            FILE.format(more="") + '\n[policy]\nfiles = ["gone.cedar"]\n'
        )
        missing = pilothouse("policy", "check")
        assert (missing.returncode, "gone.cedar" in missing.stderr) == (2, True)
        (project / "bad.cedar").write_text('permit (principal, action == Action::"fly", resource);')
        declare(project, '\n[policy]\nfiles = ["bad.cedar"]\n')
        wrong = pilothouse("policy", "check")
        assert (wrong.returncode, "bad.cedar" in wrong.stderr) == (2, True)
    finally:
        declare(project)


def test_the_first_start_hands_out_a_link_and_only_that_lets_the_first_person_in(
    tmp_path: Path, home: Path
) -> None:
    declare(tmp_path, more='sign_in = "required"')
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    command = [sys.executable, "-m", "pilothouse"]
    with subprocess.Popen(
        [*command, "up", "--every", "0", "--project", str(tmp_path)],
        stderr=subprocess.PIPE, text=True, env=environment,
    ) as server:  # fmt: skip
        assert server.stderr is not None
        line = next(line for line in server.stderr if "--token" in line)
        token = line.split("--token")[1].strip()
        words = [*command, "login", "owner", "--token", token, "--json", "--project", str(tmp_path)]
        given = "five o'clock at the quay\n" * 2
        entered = subprocess.run(
            words, check=False, input=given, capture_output=True, text=True, env=environment, timeout=60
        )
        again = subprocess.run(
            words, check=False, input=given, capture_output=True, text=True, env=environment, timeout=60
        )
        server.terminate()
        server.stderr.read()
    assert told(entered)["account"] == "owner"
    assert again.returncode == 3, "the link is good once"
