"""Who may attach labels: every other call that makes, lifts or opens one is found here."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "src" / "pilothouse", ROOT / "solutions" / "port" / "src" / "pilothouse_port"]
FILES = sorted(file for source in SOURCES for file in source.rglob("*.py"))

# Labels of values that a source, an approval or a certificate stands for.
ATTACH = ["labels/*", "connectors/types.py", "decisions/*", "effects/*"]
# Words that an authenticated person typed or signed.
WORDS = ["workflows/flow/*", "agents/*", "app/*", "cli/*"]
ALLOWED: dict[str, list[str]] = {
    "Label": [
        *ATTACH,
        # That a system of record has no row is a record too, and no row is there to carry it.
        "pilothouse_port/bindings/resolve.py",
    ],
    "made": ["labels/*"],
    "lifted": ["labels/*", "connectors/*", "decisions/*", "effects/*"],
    # agents: what a person may read they may send to whom they themselves named, see agents/release.py.
    "declassified": [
        "labels/*",
        "connectors/*",
        "decisions/*",
        "effects/*",
        "agents/release.py",
        # models: what a person registered a redactor for, see models/privacy/redact.py.
        "models/privacy/redact.py",
    ],
    "signed": [*ATTACH, *WORDS],
    "typed": [*ATTACH, *WORDS],
    # Copies with other readers or another integrity; connectors have rows with fields of these names.
    "replace": ["labels/*", "connectors/*"],
}
FIELDS = {"integrity", "readers"}


def _path(file: Path) -> str:
    text = file.as_posix()
    return text.partition("src/pilothouse/")[2] or text.partition("solutions/port/src/")[2]


def _imported(tree: ast.AST) -> tuple[dict[str, str], set[str], list[str]]:
    """Return local name to name of labels, the local names of the module, and imports around its face."""
    names: dict[str, str] = {}
    modules: set[str] = set()
    around: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {a.asname or a.name for a in node.names if a.name == "pilothouse.labels"}
            around += [a.name for a in node.names if _is_inside(a.name)]
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "pilothouse":
                modules |= {a.asname or a.name for a in node.names if a.name == "labels"}
            if node.module == "pilothouse.labels" or _is_inside(node.module):
                names |= {a.asname or a.name: a.name for a in node.names}
            around += [node.module] if _is_inside(node.module) else []
    return names, modules, around


def _is_inside(module: str) -> bool:
    return module.startswith("pilothouse.labels.") and not module.startswith("pilothouse.labels.pii")


def found(text: str) -> set[str]:
    """Return the names of labels that the text calls or hands on; ``inside`` is a way around the face."""
    tree = ast.parse(text)
    names, modules, around = _imported(tree)
    calls = {"inside"} if around else set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "replace":
            calls |= {"replace"} if FIELDS & {keyword.arg for keyword in node.keywords} else set()
        calls |= _used(node, names, modules)
    return calls


def _used(node: ast.AST, names: dict[str, str], modules: set[str]) -> set[str]:
    """A call of a name; for what is no type also a mention, which could be called under another name."""
    if isinstance(node, ast.Call):
        node = node.func
    elif isinstance(node, ast.Name) and names.get(node.id) == "Label":
        return set()
    if isinstance(node, ast.Name) and names.get(node.id) in ALLOWED:
        return {names[node.id]}
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) in modules and node.attr in ALLOWED:
        return {node.attr}
    return set()


@pytest.mark.parametrize("file", FILES, ids=_path)
def test_labels_are_made_only_where_they_may_be(file: Path) -> None:
    path = _path(file)
    wrong = {
        name
        for name in found(file.read_text())
        if not any(fnmatch(path, pattern) for pattern in ALLOWED.get(name, ["labels/*"]))
    }
    assert not wrong, (
        f"{path} uses {sorted(wrong)}: take the label from the value, or join those of its inputs"
    )


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("from pilothouse.labels import Label\nx: Label", set()),
        ("from pilothouse.labels import Label\nLabel(readers=())", {"Label"}),
        ("from pilothouse.labels import Label as L\nL(readers=())", {"Label"}),
        ("from pilothouse import labels\nlabels.lifted(x, 2)", {"lifted"}),
        ("from pilothouse import labels as l\nup = l.lifted", {"lifted"}),
        ("import pilothouse.labels\npilothouse.labels.signed('a', '1')", {"signed"}),
        ("from pilothouse.labels import typed\nf = typed\nf('x', 'y')", {"typed"}),
        ("def typed(x): ...\ntyped(1)", set()),
        ("from dataclasses import replace\nreplace(label, integrity=3)", {"replace"}),
        ("import dataclasses\ndataclasses.replace(label, readers=frozenset())", {"replace"}),
        ("replace(label, origin=o)", set()),
        ("from pilothouse.labels.types import made\nmade(1, 2, 3)", {"inside", "made"}),
        ("import pilothouse.labels.types as t", {"inside"}),
        ("from pilothouse.labels.pii import redact\nredact('x')", set()),
    ],
)
def test_the_search_finds_what_it_should(text: str, calls: set[str]) -> None:
    assert found(text) == calls


def test_every_exception_still_exists() -> None:
    used = {(name, _path(file)) for file in FILES for name in found(file.read_text())}
    exact = {(name, path) for name, paths in ALLOWED.items() for path in paths if "*" not in path}
    stale = exact - used - {(name, "connectors/types.py") for name in ("signed", "typed")}
    assert not stale, f"{sorted(stale)}: nothing there needs it any more; take it out of ALLOWED"
