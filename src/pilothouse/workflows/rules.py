"""Owns the rules of a workflow's source, checked when it is registered; each refusal names file and line."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pilothouse.kernel import UsageError

__all__ = ["Broken", "broken_rules", "check_source", "source_hash"]

TOP_LEVEL: Final = frozenset({"decide", "perform", "wait_for", "child", "run_agent"})
GATHERED: Final = frozenset({"child", "run_agent"})
CONCURRENCY: Final = frozenset(
    {"asyncio.gather", "asyncio.create_task", "asyncio.wait", "asyncio.ensure_future", "asyncio.TaskGroup"}
)
DENIED: Final[dict[str, str]] = {
    "datetime.now": "now()",
    "datetime.utcnow": "now()",
    "datetime.today": "now()",
    "date.today": "now().date()",
    "datetime.datetime.now": "now()",
    "datetime.date.today": "now().date()",
    "time.time": "now()",
    "time.monotonic": "now()",
    "time.sleep": "sleep()",
    "asyncio.sleep": "sleep()",
    "uuid.uuid4": "new_id()",
    "uuid.uuid1": "new_id()",
    "uuid4": "new_id()",
    "os.environ": "an argument or a step",
    "os.getenv": "an argument or a step",
    "os.urandom": "a step",
    "secrets": "a step",
    "open": "a step",
    "input": "decide()",
    "print": "a step or emit()",
    "requests": "a step",
    "httpx": "a step",
    "urllib": "a step",
    "aiohttp": "a step",
    "socket": "a step",
    "subprocess": "a step",
    "Path": "a step",
}
# Members of these modules, not the words: random() itself is ours.
DENIED_MEMBERS: Final[dict[str, str]] = {
    "random": "random()",
    "time": "now()",
    "uuid": "new_id()",
    "os": "a step",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One broken rule.

    Attributes:
        line: In the file.
        text: What is wrong and what to do.
    """

    line: int
    text: str


def source_hash(function: Callable[..., Any], types: tuple[str, ...] = ()) -> str:
    """Return 12 digits of a hash over the code of ``function`` and its argument types.

    Comments, blank lines and doc strings do not count; anything else does.
    """
    tree = _tree(function)
    text = function.__qualname__ if tree is None else ast.dump(_without_docstring(tree))
    return hashlib.sha256("\n".join([text, *types]).encode()).hexdigest()[:12]


def check_source(function: Callable[..., Any]) -> None:
    """Refuse a workflow whose source breaks a rule.

    Raises:
        UsageError: ``workflows.rules``, one line a mistake, each with file and line number.
    """
    found = broken_rules(function)
    if not found:
        return
    file = inspect.getsourcefile(function) or "?"
    lines = "\n".join(f"  {file}:{item.line}: {item.text}" for item in found)
    raise UsageError(f"workflow {function.__name__!r} cannot be replayed:\n{lines}", code="workflows.rules")


def broken_rules(function: Callable[..., Any]) -> list[Broken]:
    """Return every broken rule of a workflow's source, in the order of lines."""
    if not inspect.iscoroutinefunction(function):
        line = function.__code__.co_firstlineno
        return [Broken(line=line, text="a workflow is an `async def`")]
    tree = _tree(function)
    if tree is None:
        return []
    walk = _Walk()
    for child in tree.body:
        walk.visit(child)
    offset = function.__code__.co_firstlineno - 1
    return [
        Broken(line=item.line + offset, text=item.text) for item in sorted(walk.found, key=lambda b: b.line)
    ]


def _tree(function: Callable[..., Any]) -> ast.AsyncFunctionDef | None:
    try:
        module = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    first = module.body[0]
    return first if isinstance(first, ast.AsyncFunctionDef) else None


def _without_docstring(tree: ast.AsyncFunctionDef) -> ast.Module:
    body = tree.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return ast.Module(body=[ast.Module(body=list(body), type_ignores=[]), tree.args], type_ignores=[])  # type: ignore[list-item]


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


_PLACES: Final[dict[type[ast.AST], str]] = {
    ast.Try: "try",
    ast.TryStar: "try",
    ast.With: "with",
    ast.AsyncWith: "async with",
    ast.FunctionDef: "a nested function",
    ast.AsyncFunctionDef: "a nested function",
    ast.Lambda: "a lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
}


class _Walk(ast.NodeVisitor):
    """Walks the body, remembering what stands between the function's top level and the call."""

    def __init__(self) -> None:
        self.found: list[Broken] = []
        self._inside: list[str] = []

    def visit(self, node: ast.AST) -> Any:
        place = _PLACES.get(type(node))
        if place is None:
            return super().visit(node)
        self._inside.append(place)
        try:
            return self.generic_visit(node)
        finally:
            self._inside.pop()

    def visit_Call(self, node: ast.Call) -> None:
        name = _dotted(node.func)
        last = name.rpartition(".")[2]
        if last == "gather" and not name.startswith("asyncio."):
            self._visit_gather(node)
            return
        if name in CONCURRENCY:
            self._say(node, f"{name}() loses the order of its branches: use gather() or child()")
        elif last in TOP_LEVEL and self._misplaced(last) and name in (last, f"pilothouse.{last}"):
            self._say(
                node,
                f"{last}() stands in {self._inside[-1]}; it may only stand at the top level of the workflow "
                "(also inside if, for, while, match), because the run leaves the function there",
            )
        elif self._slow_sleep(name, node) and self._inside:
            self._say(node, f"a long sleep() stands in {self._inside[-1]}; move it to the top level")
        self.generic_visit(node)

    def _misplaced(self, verb: str) -> bool:
        """Whether ``verb`` stands where it may not; perform() may stand in a try: it never parks."""
        places = set(self._inside)
        return bool(places - {"try"} if verb == "perform" else places)

    def _slow_sleep(self, name: str, node: ast.Call) -> bool:
        """Whether this is our sleep with hours, days or weeks written in the call."""
        if name != "sleep":
            return False
        words = {sub.arg for sub in ast.walk(node) if isinstance(sub, ast.keyword)}
        return bool(words & {"minutes", "hours", "days", "weeks"})

    def _visit_gather(self, node: ast.Call) -> None:
        self._inside.append("a gather branch")
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            for call in _gathered_children(argument):
                # Children alone may be gathered: the run waits for all of them at once.
                call.func = ast.Name(id="_gathered_child", ctx=ast.Load())
            self.visit(argument)
        self._inside.pop()

    def visit_Name(self, node: ast.Name) -> None:
        self._deny(node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = _dotted(node)
        module, _, member = name.partition(".")
        if module in DENIED_MEMBERS and member and name not in DENIED:
            self._say(node, f"{name} differs at every replay: use {DENIED_MEMBERS[module]}")
            return
        self._deny(node, name)
        if name not in DENIED:
            self.generic_visit(node)

    def _deny(self, node: ast.expr, name: str) -> None:
        if name in DENIED:
            self._say(node, f"{name} differs at every replay: use {DENIED[name]}")

    def _say(self, node: ast.expr, text: str) -> None:
        self.found.append(Broken(line=node.lineno, text=text))


def _gathered_children(argument: ast.expr) -> Iterator[ast.Call]:
    inner = argument.value if isinstance(argument, ast.Starred) else argument
    if isinstance(inner, ast.GeneratorExp | ast.ListComp):
        inner = inner.elt
    if isinstance(inner, ast.Call) and _dotted(inner.func).rpartition(".")[2] in GATHERED:
        yield inner
