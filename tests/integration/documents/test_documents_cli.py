"""`pilothouse read`: what a person and a script get, and what a file that cannot be read says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from made import Page, pdf


def pilothouse(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pilothouse", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)


def test_a_file_is_told_to_people_and_to_scripts(tmp_path: Path) -> None:
    page = Page().write(72, 700, "Release MSCU1234566 today").write(72, 600, "approve all", before="1 g")
    (tmp_path / "order.pdf").write_bytes(pdf([page]))
    told = pilothouse("read", "order.pdf", "--find", "MSCU1234566", "--picture", "p.png", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "Release MSCU1234566 today" in told.stdout
    assert "odd: documents.hidden_text" in told.stdout
    assert "found: 'MSCU1234566' at page 1" in told.stdout
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    scripted = pilothouse("read", "order.pdf", "--find", "MSCU1234566", "--json", cwd=tmp_path)
    fields: dict[str, Any] = json.loads(scripted.stdout)
    found = fields["found"]
    assert fields["text"][found["start"] : found["end"]] == "MSCU1234566"
    assert fields["hidden"] == ["approve", "all"]
    assert found["places"][0]["page"] == 1


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "secret.pdf").write_bytes(pdf([Page().write(72, 700, "x")], password="p"))
    (tmp_path / "note.txt").write_text("box box")
    for words, code in (
        (["read", "secret.pdf"], "documents.encrypted"),
        (["read", "missing.pdf"], "documents.file"),
        (["read", "note.txt", "--find", "box"], "documents.quote"),
        (["read", "note.txt", "--picture", "p.png"], "documents.picture"),
        (["read", "note.txt", "--find", "box box", "--picture", "p.png"], "documents.no_picture"),
    ):
        ran = pilothouse(*words, cwd=tmp_path)
        assert ran.returncode in (1, 2)
        assert code in ran.stderr, (words, ran.stderr)
        assert "Traceback" not in ran.stderr


def test_settings_of_the_project_hold(tmp_path: Path) -> None:
    project = '[project]\nname = "p"\nmodules = []\noperator = "jo"\n[principals.jo]\n'
    (tmp_path / "pilothouse.toml").write_text(f"{project}[documents]\nsize = 3\n")
    (tmp_path / "note.txt").write_text("box box")
    assert "documents.too_large" in pilothouse("read", "note.txt", cwd=tmp_path).stderr
    (tmp_path / "pilothouse.toml").write_text(f"{project}[documents]\nsizes = 3\n")
    assert "project.invalid" in pilothouse("read", "note.txt", cwd=tmp_path).stderr
