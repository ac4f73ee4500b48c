"""There is no other way out: who may dial, who may write, and that both are reached only from the door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "src" / "pilothouse", *sorted((ROOT / "solutions").glob("*/src/*"))]
FILES = sorted(file for source in SOURCES for file in source.rglob("*.py"))

# Modules and functions that reach another machine or start another program.
DIALS = {
    "aiohttp", "aiosmtplib", "anthropic", "asyncssh", "boto3", "ftplib", "grpc", "http.client", "httpx",
    "httpx2", "imaplib", "litellm", "mcp", "openai", "paramiko", "poplib", "requests", "smtplib", "socket",
    "subprocess", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc",
}  # fmt: skip
DIALING = {
    "create_connection", "create_datagram_endpoint", "create_subprocess_exec", "create_subprocess_shell",
    "open_connection", "open_unix_connection", "popen", "send_message", "sendmail", "sendto",
    "start_tls", "system", "urlopen",
}  # fmt: skip
# Adapters of foreign systems, those of models (the gateway asks the door before), our own database server,
# and the made world that plays foreign systems.
MAY_DIAL = (
    "src/pilothouse/connectors/adapters/",
    "src/pilothouse/models/adapters/",
    "src/pilothouse/storage/embedded/",
    # Our own children: caged commands, the embedded model behind a unix socket, training in its own process.
    "src/pilothouse/engine/confine/",
    "src/pilothouse/models/runtime/",
    "src/pilothouse/learning/adapters/",
    "src/pilothouse/agents/adapters/code_room.py",
    # Weights at set-up, by the ordinary package client: the only verb that goes out.
    "src/pilothouse/registry/packs/client.py",
    # Our own spans, without values, to the collector that the operator named.
    "src/pilothouse/traces/adapters/",
    "solutions/port/src/pilothouse_port/world/",
)
# The name of this machine, for a lease.
ONLY_GETHOSTNAME = "src/pilothouse/engine/keeping/leases.py"
# The registry that guards writing, the tool's source() behind the door, what notes its labels, write tools
# that are registered with the door, and the pipe of a caged process.
MAY_WRITE = (
    "src/pilothouse/connectors/",
    "src/pilothouse/workflows/sourcing.py",
    "src/pilothouse/workflows/flow/collect.py",
    "src/pilothouse/agents/connected.py",
    "src/pilothouse/agents/adapters/code_room.py",
)
WRITERS = ("source", "connector", "writer")


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, ast.Attribute]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func


def dials(tree: ast.AST) -> list[str]:
    """Return what in a file reaches out."""
    found = [name for name in _imported(tree) if any(name == d or name.startswith(f"{d}.") for d in DIALS)]
    return found + [f".{func.attr}()" for _, func in _calls(tree) if func.attr in DIALING]


def writes(tree: ast.AST) -> list[str]:
    """Return what in a file writes to a system of record outside of a declared tool."""
    within = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and any(_declares(one) for one in node.decorator_list)
        for inner in ast.walk(node)
    }
    return [
        ast.unparse(func)
        for call, func in _calls(tree)
        if func.attr == "write" and id(call) not in within and _of_a_source(call, func)
    ]


def _declares(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called).rpartition(".")[2] == "effect"


def _of_a_source(call: ast.Call, func: ast.Attribute) -> bool:
    owner = ast.unparse(func.value).lower()
    return any(word in owner for word in WRITERS) or any(word.arg == "effect_id" for word in call.keywords)


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_only_adapters_dial(file: Path) -> None:
    found = dials(ast.parse(file.read_text()))
    if not _name(file).startswith(MAY_DIAL) and _name(file) != ONLY_GETHOSTNAME:
        assert not found, f"{found}: reach foreign systems through a connector, from a tool behind the door"


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_only_a_declared_tool_writes(file: Path) -> None:
    found = writes(ast.parse(file.read_text()))
    if not _name(file).startswith(MAY_WRITE):
        assert not found, f"{found}: declare the tool with @effect and perform() it"


def test_a_lease_asks_only_for_the_name_of_this_machine() -> None:
    tree = ast.parse((ROOT / ONLY_GETHOSTNAME).read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "socket"
    }
    assert used == {"gethostname"}


def test_a_handler_is_called_only_where_the_intent_is_held() -> None:
    """The door keeps handlers to itself and hands them to the sender alone."""
    callers = {
        _name(file)
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "handler"
    }
    # The engine and the EDIFACT parser call handlers of their own.
    others = ("src/pilothouse/engine/", "src/pilothouse/connectors/adapters/edifact/")
    assert {name for name in callers if not name.startswith(others)} == {
        "src/pilothouse/effects/once/send.py"
    }
    private = {
        _name(file)
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node).endswith("door._tools")
    }
    assert private == set()
    tools = {
        _name(f)
        for f in FILES
        if any(func.attr == "function" for _, func in _calls(ast.parse(f.read_text())))
    }
    assert {name for name in tools if "/workflows/" in name} <= {
        "src/pilothouse/workflows/tools.py",
        "src/pilothouse/workflows/declare.py",
    }


@pytest.mark.parametrize(
    "code",
    [
        "import httpx",
        "from urllib.request import urlopen",
        "from urllib import request",
        "from http.client import HTTPSConnection",
        "import asyncio\nasync def f(): await asyncio.open_connection('evil.example', 80)",
        "def f(client, letter): client.send_message(letter)",
        "import os\nos.system('curl evil.example')",
    ],
)
def test_the_scan_sees_each_way_to_dial(code: str) -> None:
    assert dials(ast.parse(code))


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("async def f(): await source('tos').write('release', {})", True),
        ("async def f(s): await s.sources.write(p, 'tos', 'release', {})", True),
        ("async def f(anything): await anything.write('release', {}, effect_id='e')", True),
        ("@effect(tier=3)\nasync def f(): await source('tos').write('release', {})", False),
        ("@pilothouse.effect(tier=3)\nasync def f(): await source('tos').write('release', {})", False),
        ("@step\nasync def f(): await source('tos').write('release', {})", True),
        ("def f(file): file.write('x')", False),
    ],
)
def test_the_scan_sees_each_way_to_write(code: str, seen: bool) -> None:
    assert bool(writes(ast.parse(code))) is seen
