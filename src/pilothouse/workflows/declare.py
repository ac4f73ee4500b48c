"""Owns the decorators: an async function becomes a workflow, a function becomes a step."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

from pilothouse import engine
from pilothouse.engine import CATALOG, Catalog, Definition, Retry, Run
from pilothouse.kernel import SYSTEM, UsageError
from pilothouse.labels import Label
from pilothouse.workflows.flow import (
    Collected,
    Live,
    Site,
    carried,
    collecting,
    current,
    known_slice,
    live,
    site_of,
    verb,
)
from pilothouse.workflows.flow import register as register_flow
from pilothouse.workflows.resources import bound
from pilothouse.workflows.rules import check_source, source_hash
from pilothouse.workflows.wiring import Signature, caller_locals, signature_of

__all__ = ["WORKFLOWS", "Step", "Workflow", "step", "workflow"]

WORKFLOWS: dict[str, Workflow[..., Any]] = {}
"""Every declared workflow by name; the last declaration of a name counts."""

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
            options: ``principal``, ``queue``, ``partition``, ``priority``, ``dedup``, ``deadline``,
                ``label``, ``labels``, ``tx`` as of ``Engine.start``. Without a label the arguments
                are untrusted.
            kwargs: The workflow's keyword arguments.
        """
        more: dict[str, Any] = {"principal": SYSTEM, **(options or {})}
        values = self.signature.bind(self.name, args, kwargs)
        inside = current()
        if inside is not None and "label" not in more:
            # Started by the body of a step or tool: it knows what that has seen.
            more["label"] = inside.label
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
            name=chosen, version=f"{version}+{source_hash(function, types)}",
            body=_followed(function, chosen),
            accept=functools.partial(signature.fit, chosen), queue=queue, pin=pin,
        )  # fmt: skip
        register_flow(function)
        catalog.register(definition)
        declared = Workflow(function, definition, signature)
        WORKFLOWS[chosen] = declared
        return declared

    return register if function is None else register(function)


def _followed(function: Callable[..., Awaitable[Any]], name: str) -> Callable[..., Awaitable[Any]]:
    """Return the body that follows the labels of the run beside running it."""

    @functools.wraps(function)
    async def body(**args: Any) -> Any:
        flow = engine.flow(lambda: Live(known_slice(function), name, engine.running_version()))
        result = await function(**args)
        engine.label_result(flow.returned())
        return result

    return body


@verb("step")
class Step(Generic[P, R]):
    """A function whose call in a workflow is recorded once; elsewhere it is just called."""

    def __init__(
        self, function: Callable[..., Any], name: str, signature: Signature, options: dict[str, Any]
    ) -> None:
        self.function = function
        self.name = name
        self.signature = signature
        self._label: Label | None = options.pop("label", None)
        self.reads: tuple[str, ...] = options.pop("reads", ())
        self._options = options
        functools.update_wrapper(self, function)

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    @property
    def declared(self) -> Label | None:
        """The label that was declared for its result."""
        return self._label

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Run the function, or answer from the journal inside a workflow."""
        if engine.place() in ("outside", "step"):
            return self._body(args, kwargs)
        return self._recorded(site_of(sys._getframe(1)), args, kwargs)  # pyright: ignore[reportPrivateUsage]

    async def _recorded(self, site: Site | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> R:
        inputs = self.signature.bind(self.name, args, kwargs)
        flow = live()
        seen = Collected(flow.inputs(site))
        if self._label is not None:
            seen.add(self._label)

        async def body() -> Any:
            self._note_declared(seen)
            with collecting(seen):
                result = await self._body(args, kwargs)
            for label in carried(result):
                seen.add(label)
            return result

        found = await engine.step(
            self.name, body, inputs=inputs, **self._options, label=seen.whole,
            on_label=functools.partial(flow.note, site),
        )  # fmt: skip
        return cast("R", found)

    def _note_declared(self, seen: Collected) -> None:
        """Sources that the step reads by other means than ``source()`` are worth what they promise."""
        if not self.reads:
            return
        sources, reader = bound().need("sources"), engine.acting().id
        for name in self.reads:
            seen.add(sources.promised(name, reader=reader))

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
    reads: Sequence[str] = (),
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
    reads: Sequence[str] = (),
) -> Any:
    """Make a function a step: everything that reads or changes the world is one.

    Args:
        function: The function, when the decorator stands without parentheses; blocking ones go to a thread.
        name: Stable name; a replay is matched by it. Default the function's.
        version: Version of the step's own code, for the record.
        retry: How an unavailable outside is asked again.
        once: The step causes an effect itself; prefer ``perform``.
        label: Joined into the label of its result, which is that of its inputs and of what it reads.
        reads: Sources that it reads by other means than ``source()``.
    """
    visible = caller_locals(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]

    def register(function: Callable[..., Any]) -> Step[..., Any]:
        options: dict[str, Any] = {
            "version": version, "retry": retry, "once": once, "label": label, "reads": tuple(reads)
        }  # fmt: skip
        return Step(function, name or function.__name__, signature_of(function, visible), options)

    return register if function is None else register(function)
