"""Owns the decorators: an async function becomes a workflow, a function becomes a step."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from pilothouse import engine
from pilothouse.engine import CATALOG, Catalog, Definition, Retry, Run
from pilothouse.kernel import SYSTEM, UsageError
from pilothouse.labels import Label
from pilothouse.workflows.resources import bound
from pilothouse.workflows.rules import check_source, source_hash
from pilothouse.workflows.wiring import Signature, caller_locals, signature_of

__all__ = ["Step", "Workflow", "step", "workflow"]

P = ParamSpec("P")
R = TypeVar("R")


class Workflow(Generic[P, R]):
    """A registered workflow: start it with :meth:`start`, run it inside another with ``child``."""

    def __init__(
        self, function: Callable[P, Awaitable[R]], definition: Definition, signature: Signature
    ) -> None:
        self.function = function
        self.definition = definition
        self.signature = signature
        functools.update_wrapper(self, function)

    @property
    def name(self) -> str:
        """The registered name."""
        return self.definition.name

    @property
    def version(self) -> str:
        """Declared tag plus hash of the source."""
        return self.definition.version

    def __repr__(self) -> str:
        return f"<workflow {self.name} {self.version}>"

    def args(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        """Return the arguments by name, as ``Engine.start`` takes them."""
        return self.signature.bind(self.name, args, kwargs)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Refuse: a workflow is started, or awaited as a child.

        Raises:
            UsageError: ``workflows.called``.
        """
        raise UsageError(
            f"{self.name!r} is a workflow: await {self.name}.start(..., key=...) outside, "
            f"child({self.name}, ...) inside another workflow",
            code="workflows.called",
        )

    async def start(
        self, *args: Any, key: str, options: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Run:
        """Start a run of this workflow on the engine that is bound.

        Args:
            args: The workflow's positional arguments.
            key: Identity of the event; the same key again returns the same run.
            options: ``principal``, ``queue``, ``partition``, ``priority``, ``dedup``, ``deadline``, ``tx``
                as of ``Engine.start``.
            kwargs: The workflow's keyword arguments.
        """
        more: dict[str, Any] = {"principal": SYSTEM, **(options or {})}
        values = self.signature.bind(self.name, args, kwargs)
        return await bound().engine.start(self.name, values, key=key, **more)


@overload
def workflow(function: Callable[P, Awaitable[R]], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *,
    name: str | None = None,
    version: str = "1",
    queue: str = "default",
    pin: bool = False,
    catalog: Catalog = CATALOG,
) -> Callable[[Callable[P, Awaitable[R]]], Workflow[P, R]]: ...
def workflow(
    function: Callable[..., Awaitable[Any]] | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "1",
    queue: str = "default",
    pin: bool = False,
    catalog: Catalog = CATALOG,
) -> Any:
    """Register a plain async function as a durable workflow.

    Args:
        function: The function, when the decorator stands without parentheses.
        name: Stable name; default the function's.
        version: Tag of this version, for people; the source's hash is added.
        queue: Where its runs go.
        pin: Only exactly this version may continue a run.
        catalog: Where it is registered; tests bring their own.

    Raises:
        UsageError: ``workflows.rules``: the source could not be replayed; names file and line.
    """
    visible = caller_locals(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]

    def register(function: Callable[..., Awaitable[Any]]) -> Workflow[..., Any]:
        check_source(function)
        signature = signature_of(function, visible)
        chosen = name or function.__name__
        types = tuple(f"{key}:{value}" for key, value in sorted(function.__annotations__.items()))
        definition = Definition(
            name=chosen, version=f"{version}+{source_hash(function, types)}", body=function,
            accept=functools.partial(signature.fit, chosen), queue=queue, pin=pin,
        )  # fmt: skip
        catalog.register(definition)
        return Workflow(function, definition, signature)

    return register if function is None else register(function)


class Step(Generic[P, R]):
    """A function whose call in a workflow is recorded once; elsewhere it is just called."""

    def __init__(
        self, function: Callable[..., Any], name: str, signature: Signature, options: dict[str, Any]
    ) -> None:
        self.function = function
        self.name = name
        self.signature = signature
        self._options = options
        functools.update_wrapper(self, function)

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function, or answer from the journal inside a workflow."""
        if engine.place() in ("outside", "step"):
            return cast("R", await self._body(args, kwargs))
        inputs = self.signature.bind(self.name, args, kwargs)
        found = await engine.step(self.name, lambda: self._body(args, kwargs), inputs=inputs, **self._options)
        return cast("R", found)

    async def _body(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if inspect.iscoroutinefunction(self.function):
            return await self.function(*args, **kwargs)
        # A blocking body must not hold up the other runs of this process.
        return await asyncio.to_thread(self.function, *args, **kwargs)


@overload
def step(function: Callable[P, Awaitable[R]], /) -> Step[P, R]: ...
@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(
    *,
    name: str | None = None,
    version: str = "1",
    retry: Retry = ...,
    once: bool = False,
    label: Label | None = None,
) -> Callable[[Callable[..., Any]], Step[..., Any]]: ...
def step(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "1",
    retry: Retry = engine.DEFAULT_RETRY,
    once: bool = False,
    label: Label | None = None,
) -> Any:
    """Make a function a step: everything that reads or changes the world is one.

    Args:
        function: The function, when the decorator stands without parentheses; blocking ones go to a thread.
        name: Stable name; a replay is matched by it. Default the function's.
        version: Version of the step's own code, for the record.
        retry: How an unavailable outside is asked again.
        once: The step causes an effect itself; prefer ``perform``.
        label: Label of its result.
    """
    visible = caller_locals(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]

    def register(function: Callable[..., Any]) -> Step[..., Any]:
        options: dict[str, Any] = {"version": version, "retry": retry, "once": once, "label": label}
        return Step(function, name or function.__name__, signature_of(function, visible), options)

    return register if function is None else register(function)
