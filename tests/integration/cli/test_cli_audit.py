"""An auditor's hour: verify the log, take it away, prove an entry, check both without any of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PILOTHOUSE_")}
    return subprocess.run(
        [sys.executable, "-m", "pilothouse", *words],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={**kept, "COLUMNS": "120", "USER": "amira", "LOGNAME": "amira"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("project")
    assert _run(folder, "init", ".").returncode == 0
    started = _run(folder, "run", "hello", "--args", '{"name": "Rotterdam"}', "--json")
    assert json.loads(started.stdout)["state"] == "parked", started.stderr
    yield folder


def _offline(verifier: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the one file with nothing but Python beside it."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(verifier), *words], capture_output=True, text=True, check=False
    )


def test_the_log_is_verified_exported_and_checked_by_a_stranger(folder: Path) -> None:
    said = json.loads(_run(folder, "audit", "verify", "--json").stdout)
    assert said["ok"] is True
    assert said["entries"] >= 1
    assert said["device"] == said["entries"], "the second device is level"
    made = json.loads(_run(folder, "audit", "export", "bundle", "--json").stdout)
    bundle = folder / "bundle"
    assert sorted(file.name for file in bundle.iterdir()) == [
        "audit.jsonl", "heads.jsonl", "key.pub", "verify.py",
    ]  # fmt: skip
    assert (bundle / "key.pub").read_text().strip() == made["key"]
    words = [str(bundle / "audit.jsonl"), "--key", made["key"], "--head", str(bundle / "heads.jsonl")]
    done = _offline(bundle / "verify.py", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{made['entries']} entries hold")
    device = next((folder / ".pilothouse-audit").glob("log-*.jsonl"))
    assert _offline(bundle / "verify.py", *words, "--device", str(device)).returncode == 0
    ours = _run(folder, "audit", "verify", str(bundle / "audit.jsonl"), "--key", made["key"], "--json")
    assert json.loads(ours.stdout)["sealed"] is True
    assert _run(folder, "audit", "verify", str(device), "--open").returncode == 0
    text = (bundle / "audit.jsonl").read_text()
    (folder / "changed.jsonl").write_text(
        text.replace('"kind":"decisions.proposed"', '"kind":"decisions.approved"')
    )
    changed = _run(folder, "audit", "verify", "changed.jsonl", "--json")
    assert (changed.returncode, json.loads(changed.stdout)["ok"]) == (1, False)
    noted = _run(folder, "audit", "verify", "--head", "bundle/heads.jsonl", "--key", "bundle/key.pub")
    assert noted.returncode == 0, noted.stderr


def _entry(folder: Path) -> dict[str, Any]:
    lines = _run(folder, "audit", "export").stdout.splitlines()
    return next(json.loads(line)["entry"] for line in lines if line.startswith('{"entry"'))


def test_one_entry_is_proved_to_somebody_who_has_only_the_key(folder: Path) -> None:
    entry = _entry(folder)
    words = _run(folder, "audit", "prove", entry["id"][-12:], "--out", "proof.json").stdout
    assert words.startswith("entry 1 of ")
    assert "signed at" in words
    proof = json.loads((folder / "proof.json").read_text())
    assert json.loads(proof["entry"]) == entry
    again = json.loads(
        _run(folder, "audit", "prove", entry["id"], "--size", str(proof["size"]), "--json").stdout
    )
    assert (again["root"], again["head"]) == (proof["root"], None)
    checked = _run(folder, "audit", "verify", "proof.json", "--key", proof["head"]["key"])
    assert (checked.returncode, checked.stdout.startswith("entry 1 of")) == (0, True)
    (folder / "forged.json").write_text(
        json.dumps({**proof, "entry": proof["entry"].replace("amira", "boris")})
    )
    assert _run(folder, "audit", "verify", "forged.json").returncode == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["prove", "ffffffffffff"], 2, "no audit entry"),
        (["verify", "nowhere.jsonl"], 2, "nowhere.jsonl"),
        (["verify", "--head", "nowhere.jsonl"], 2, "cannot be read"),
        (["verify", "--head", "pilothouse.toml"], 2, "no head with a good signature"),
        (["verify", "--key", "zz"], 2, "no public key"),
    ],
)
def test_bad_input_names_the_value(folder: Path, words: list[str], code: int, says: str) -> None:
    done = _run(folder, "audit", *words)
    assert done.returncode == code, done.stderr
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
