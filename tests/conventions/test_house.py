"""The house rules that a linter does not know: faces, sizes, names, start-up cost."""

from __future__ import annotations

import ast
import importlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "src" / "pilothouse", ROOT / "solutions" / "port" / "src" / "pilothouse_port"]
FILES = sorted(file for source in SOURCES for file in source.rglob("*.py"))
# Files and functions over the limits; these lists may only shrink.
ALLOWED: dict[str, list[str]] = json.loads((Path(__file__).parent / "allowlist.json").read_text())
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_NESTING, MAX_FILES = 600, 60, 4, 12

PARTS = sorted(
    path.name for path in (ROOT / "src" / "pilothouse").iterdir() if (path / "__init__.py").exists()
)


def _names(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("part", PARTS)
def test_a_face_is_sorted_complete_and_documented(part: str) -> None:
    face = importlib.import_module(f"pilothouse.{part}")
    assert face.__doc__
    assert list(face.__all__) == sorted(face.__all__, key=_ruff_order), f"{part}: sort __all__"
    missing = [name for name in face.__all__ if not hasattr(face, name)]
    assert not missing, f"{part}: {missing} named in __all__ but not there"


def _ruff_order(name: str) -> tuple[int, str]:
    if name.isupper():
        return (0, name)
    return (1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("file", FILES, ids=_names)
def test_a_file_stays_small_and_named_for_what_it_does(file: Path) -> None:
    lines = file.read_text().count("\n")
    if _names(file) not in ALLOWED["files"]:
        assert lines <= MAX_FILE_LINES, f"{lines} lines; split it by what it does"
    assert not FORBIDDEN_NAMES & set(file.with_suffix("").parts[-3:])


@pytest.mark.parametrize("file", FILES, ids=_names)
def test_functions_stay_short_and_flat(file: Path) -> None:
    tree = ast.parse(file.read_text())
    wrong = [
        f"{node.name}: {length} lines, nesting {depth}"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for length in [(node.end_lineno or 0) - node.lineno + 1 - _doc_lines(node)]
        for depth in [_nesting(node)]
        if length > MAX_FUNCTION_LINES or depth > MAX_NESTING
    ]
    assert not [w for w in wrong if f"{_names(file)}::{w.split(':')[0]}" not in ALLOWED["functions"]]


def _doc_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    is_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (first.end_lineno or 0) - first.lineno + 1 if is_doc else 0


def _nesting(node: ast.AST, depth: int = 0) -> int:
    blocks = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith, ast.Match)
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        # An elif is an If inside orelse; it reads flat, so it counts flat.
        flat = isinstance(child, ast.If) and isinstance(node, ast.If) and child in node.orelse
        step = 1 if isinstance(child, blocks) and not flat else 0
        deepest = max(deepest, _nesting(child, depth + step))
    return deepest


def test_a_folder_holds_at_most_twelve_files() -> None:
    # The migrations are one ordered history; every release may add to it.
    folders = {file.parent for file in FILES} - {ROOT / "src/pilothouse/storage/migrations/versions"}
    crowded = {
        _names(f): len(list(f.glob("*.py"))) for f in folders if len(list(f.glob("*.py"))) > MAX_FILES + 1
    }
    assert not {name: count for name, count in crowded.items() if name not in ALLOWED["folders"]}


def test_allowlists_name_only_what_exists() -> None:
    named = [entry.split("::")[0] for entries in ALLOWED.values() for entry in entries]
    assert not [entry for entry in named if not (ROOT / entry).exists()]


def test_every_public_module_says_what_it_owns() -> None:
    assert not [_names(f) for f in FILES if not ast.get_docstring(ast.parse(f.read_text()))]


def test_help_starts_within_its_budget() -> None:
    """`pilothouse --help` costs under 0.3 CPU-seconds, the best of three, plug-ins included."""
    costs: list[float] = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "pilothouse", "--help"],
            check=True,
            capture_output=True,
            env={**os.environ, "COLUMNS": "100"},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(costs) < 0.3, f"{costs}: import heavy libraries inside functions"


def test_the_enterprise_build_of_the_executor_is_not_installed() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("dbos_enterprise")
