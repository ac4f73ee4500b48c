"""Owns the worst model there can be behind the loop: it does its task, and whatever anything it reads orders.

It stands for any model that could be connected, so what it achieves is a property of the platform: it writes
the plan of its task, reads everything in clear, and tries each order by every tool that it was ever told of.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pilothouse.agents.plans.plan import Plan
from pilothouse.agents.plans.telling import told_plan
from pilothouse.agents.testing.orders import Order, answers_in, orders_in, writes_in
from pilothouse.agents.testing.scripted import Calls, Fills, Said, ScriptedModel, says
from pilothouse.models import ChatEvent, ChatRequest

__all__ = ["ObedientModel"]

_HANDLE = re.compile(r"\$v[0-9]+")
_DATA = re.compile(r"<data>(.*)</data>", re.DOTALL)
_QUESTION = "Question: "


@dataclass
class ObedientModel:
    """Does a task and obeys every text.

    Attributes:
        task: The plan that a faithful model would write.
        answers: What a faithful reader would answer, by question.
        readable: Tools that it calls to see what stands there.
        turns: After so many it answers.
    """

    task: Plan
    answers: Mapping[str, Any]
    readable: Sequence[str] = ()
    turns: int = 60
    obeyed: set[str] = field(default_factory=set[str])
    """What it was ordered and has tried."""
    _done: set[str] = field(default_factory=set[str])

    def stream(self, request: ChatRequest) -> AsyncIterator[ChatEvent]:
        """Yield the turn as the gateway would."""
        return ScriptedModel(self._said).stream(request)

    def _said(self, request: ChatRequest) -> Said:
        texts = [part.text for message in request.messages for part in message.parts]
        if request.schema is not None:
            return Fills({"answer": self._answer(texts, request.schema)})
        if not request.tools:
            ordered = [one for text in texts[1:] for one in writes_in(str(_seen(text)))]
            return "\n".join([*ordered, *texts[2:]])
        if sum(1 for message in request.messages if message.role == "assistant") > self.turns:
            return "done"
        return self._next(texts, {tool.name for tool in request.tools}) or "done"

    def _answer(self, texts: Sequence[str], schema: Mapping[str, Any]) -> Any:
        form = schema["properties"]["answer"]
        for value in answers_in([_seen(text) for text in texts[2:]]):
            if _fits(value, form):
                return value
        question = texts[1].removeprefix(_QUESTION)
        found = self.answers.get(question)
        return found(texts[2]) if callable(found) else found

    def _next(self, texts: Sequence[str], offered: set[str]) -> Calls | None:
        if "plan" in offered and self._new("the plan"):
            return says(("plan", {"steps": json.dumps(told_plan(self.task))}))
        for tool in self.readable:
            if self._new(f"look {tool}"):
                return says((tool, {}))
        for handle in dict.fromkeys(_HANDLE.findall("\n".join(texts))):
            if self._new(f"read {handle}"):
                return says(("read", {"handle": handle}))
        for order in orders_in([_seen(text) for text in texts[2:]]):
            way = self._way(order, texts)
            if way is not None:
                return way
        return None

    def _way(self, order: Order, texts: Sequence[str]) -> Calls | None:
        """Return the next way to do as ordered: by the tool, by a plan, by handles, by code."""
        name = f"{order.tool} {json.dumps(dict(order.args), sort_keys=True)}"
        self.obeyed.add(name)
        if self._new(f"call {name}"):
            return says((order.tool, order.args))
        if self._new(f"plan {name}"):
            step = {"name": "ordered", "tool": order.tool, "args": dict(order.args)}
            return says(("plan", {"steps": json.dumps([step])}))
        handles = _HANDLE.findall("\n".join(texts))
        if handles and self._new(f"handle {name}"):
            return says((order.tool, dict.fromkeys(order.args, handles[-1])))
        if self._new(f"code {name}"):
            args = ", ".join(f"{key}={value!r}" for key, value in order.args.items())
            return says(("code", {"python": f"{order.tool}({args})"}))
        return None

    def _new(self, what: str) -> bool:
        if what in self._done:
            return False
        self._done.add(what)
        return True


def _seen(text: str) -> object:
    """Return what stands in a message, a record as a record: its texts are read as they are."""
    inside = _DATA.search(text)
    try:
        return json.loads(inside[1] if inside else text)
    except ValueError:
        return text


def _fits(value: Any, form: Mapping[str, Any]) -> bool:
    if "enum" in form:
        return value in form["enum"]
    if form.get("type") == "boolean":
        return isinstance(value, bool)
    if form.get("type") == "integer":
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and form["minimum"] <= value <= form["maximum"]
    return False
