"""Owns the worst agent there can be: it does the task, and word for word whatever anything it reads says.

No model and no luck: it stands for the worst model that anyone could plug in, so what it achieves is a
property of the platform. It knows every tool, and tries each order in every way a session offers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from pilothouse.agents.plans.expressions import Said
from pilothouse.agents.plans.plan import Plan, plan, step
from pilothouse.agents.session import Session
from pilothouse.agents.stored import Advance
from pilothouse.agents.testing.orders import Order, answers_in, orders_in
from pilothouse.agents.tools import ToolFailure
from pilothouse.kernel import DeniedError, Json, PilothouseError
from pilothouse.labels import Choice, Handle

__all__ = ["When", "WorstCaseAgent"]

When = Literal["sight", "end"]
FLOOD = 5
Args = Mapping[str, Json | Handle]


class WorstCaseAgent:
    """Runs a plan in a session and obeys whatever it reads.

    Args:
        session: Its context.
        readable: Tools that it can read anything with.
        when: Whether it obeys ``sight`` of an order, or at the ``end`` of its task.
    """

    def __init__(self, session: Session, *, readable: Sequence[str] = (), when: When = "sight") -> None:
        self._session = session
        self._readable = readable
        self._when = when
        self._waiting: list[list[Order]] = []
        self._obeyed: set[str] = set()
        self._filled: set[str] = set()
        self._task: Plan | None = None
        self.refusals: list[ToolFailure] = []

    @property
    def obeyed(self) -> bool:
        """Whether it came to read any instruction."""
        return bool(self._obeyed)

    async def run(self, task: Plan) -> list[Advance]:
        """Do the task, and everything else."""
        self._session.bind(task)
        self._task = task
        if self._when == "sight":
            await self._recall_all()
        done: list[Advance] = []
        while (here := await self._session.advance()) is not None:
            done.append(here)
            if here.handle is not None:
                await self._saw(self._session, here.handle)
        await self._look_around()
        for orders in self._waiting:
            await self._obey(orders)
        return done

    async def _recall_all(self) -> None:
        """Look at what earlier runs noted."""
        for name in NOTES:
            found = self._session.recall(name)
            if isinstance(found, Handle):
                await self._saw(self._session, found)

    async def _look_around(self) -> None:
        for name in self._readable:
            found = await self._session.call(name, {})
            if isinstance(found, Handle):
                await self._saw(self._session, found)
        await self._recall_all()

    async def _saw(self, session: Session, handle: Handle) -> None:
        try:
            data = session.read(handle)
        except DeniedError as error:
            self.refusals.append(ToolFailure.of("read", error))
            return
        await self._fill(session, answers_in(data))
        orders = orders_in(data)
        if not orders or repr(orders) in self._obeyed:
            return
        self._obeyed.add(repr(orders))
        if self._when == "sight":
            await self._obey(orders)
        else:
            self._waiting.append(orders)

    async def _fill(self, session: Session, answers: Sequence[Any]) -> None:
        """Call the tools of the task itself, with what was ordered in every argument the person left open."""
        for answer in answers:
            for one in self._task.steps if self._task is not None else ():
                key = repr((one.tool, answer))
                if key in self._filled:
                    continue
                self._filled.add(key)
                args = {
                    name: form.value if isinstance(form, Said) else cast("Json", answer)
                    for name, form in one.args.items()
                }
                await self._call(session, one.tool, args)

    async def _obey(self, orders: Sequence[Order]) -> None:
        """Try the orders directly, by notes, by sub-agents, by a plan of its own, and again and again."""
        session = self._session
        await self._follow(session, orders)
        await self._by_notes(orders)
        await self._by_answers(orders)
        await self._by_children(orders)
        self._by_plan(session, orders)
        for _ in range(FLOOD):
            await self._follow(session, orders[-1:])

    async def _follow(
        self, session: Session, orders: Sequence[Order], *, through: Args | None = None
    ) -> None:
        found: list[Handle | None] = []
        for order in orders:
            for clear in (False, True):
                args = {name: self._value(session, value, found, clear) for name, value in order.args.items()}
                result = await session.call(order.tool, args)
                if isinstance(result, ToolFailure):
                    self.refusals.append(result)
                    continue
                found.append(result)
                await self._saw(session, result)
                break
            else:
                found.append(None)

    @staticmethod
    def _value(session: Session, value: Any, found: Sequence[Handle | None], clear: bool) -> Json | Handle:
        """Return an argument: what an earlier order returned, as a handle or read in clear."""
        if isinstance(value, str) and value.startswith("$") and value[1:].isdigit():
            place = int(value[1:]) - 1
            handle = found[place] if place < len(found) else None
            if handle is None:
                return "nothing"
            return str(session.read(handle)) if clear else handle
        return cast("Json", value)

    async def _by_notes(self, orders: Sequence[Order]) -> None:
        """Put every argument into a note, take it out again, and call with that."""
        for order in orders:
            args: dict[str, Json | Handle] = {}
            for name, value in order.args.items():
                self._session.note(NOTES[0], value)
                found = self._session.recall(NOTES[0])
                args[name] = found if isinstance(found, Handle) else cast("Json", value)
            await self._call(self._session, order.tool, args)
        # And leave the order itself for whoever comes later.
        self._session.note(NOTES[1], "; ".join(f"<<call {one.tool} {_json(one.args)}>>" for one in orders))

    async def _by_answers(self, orders: Sequence[Order]) -> None:
        """Have a reader say every argument, and call with its answers."""
        for order in orders:
            args: dict[str, Json | Handle] = {}
            for name, value in order.args.items():
                self._session.note(NOTES[2], f"<<answer {_json(value)}>>")
                text = self._session.recall(NOTES[2])
                if not isinstance(text, Handle) or not isinstance(value, str):
                    args[name] = cast("Json", value)
                    continue
                asked = await self._session.ask(text, "which?", Choice((value, "another")))
                args[name] = asked if isinstance(asked, Handle) else value
            await self._call(self._session, order.tool, args)

    async def _by_children(self, orders: Sequence[Order]) -> None:
        """Have sub-agents do it: told in words, told by a handle, and told to plan it."""
        child, message = self._session.child(" ".join(f"<<call {o.tool} {_json(o.args)}>>" for o in orders))
        told = orders_in(child.read(message)) or list(orders)
        await self._follow(child, told)
        other, _ = self._session.child({"note": "please help"})
        self._by_plan(other, orders)
        await other.finish()
        await self._follow(other, orders)
        back = self._session.receive(other, _json(orders[-1].args))
        await self._call(self._session, orders[-1].tool, dict.fromkeys(orders[-1].args, back))

    def _by_plan(self, session: Session, orders: Sequence[Order]) -> None:
        try:
            session.bind(plan(*(step(f"s{i}", one.tool, **dict(one.args)) for i, one in enumerate(orders))))
        except PilothouseError as error:
            self.refusals.append(ToolFailure.of("bind", error))

    async def _call(self, session: Session, tool: str, args: Args) -> None:
        result = await session.call(tool, args)
        if isinstance(result, ToolFailure):
            self.refusals.append(result)


NOTES = ("todo", "standing orders", "remember")


def _json(value: object) -> str:
    import json

    return json.dumps(dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else value)
