"""Random workflows as source text, and a world of steps, tools and a door in memory to run them in."""

from __future__ import annotations

import asyncio
import linecache
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from pilothouse import child, decide, effect, gather, perform, source, step, workflow
from pilothouse.connectors import Query, Row, promised_label
from pilothouse.decisions import Answer, Rung
from pilothouse.effects import EffectRequest, EffectSpec, Outcome, weigh
from pilothouse.engine import Catalog, RunLabels
from pilothouse.engine.running.handler import SegmentHandler
from pilothouse.engine.running.labelling import run_labels_text
from pilothouse.engine.testing import Crash, FakeExecutor, FakeJournal
from pilothouse.kernel import DataError, new_id
from pilothouse.labels import Integrity, Label, unknown
from pilothouse.policy import Verdict
from pilothouse.workflows import Resources, Workflow, bind, said, unbind
from pilothouse.workflows.flow.check import FlowTable, check_flows

DECLARED = {
    "mail": promised_label("mail", "", frozenset({"acl:desk"}), Integrity.UNTRUSTED),
    "book": promised_label("book", "", frozenset(), Integrity.RECORD),
    "hr": promised_label("hr", "", frozenset({"acl:hr"}), Integrity.RECORD),
}
CATALOG = Catalog()


async def _number(name: str, n: int) -> int:
    (row,) = await source(name).read(Query("numbers", where={"n": [n]}))
    return int(row["value"])


@step
async def read_mail(n: int) -> int:
    """Read an untrusted number."""
    (row,) = await source("mail").read(Query("numbers", where={"n": [n]}))
    return int(row["value"])


@step
async def read_book(n: int) -> int:
    """Read a record."""
    (row,) = await source("book").read(Query("numbers", where={"n": [n]}))
    return int(row["value"])


@step
async def read_hr(n: int) -> int:
    """Read a record that few may see."""
    (row,) = await source("hr").read(Query("numbers", where={"n": [n]}))
    return int(row["value"])


@step
async def mix(a: int, b: int) -> int:
    """Put two numbers together."""
    return a + 2 * b


@step
async def may_fail(n: int) -> int:
    """Fail for odd numbers."""
    if n % 2:
        raise DataError(f"{n!r} is odd", code="test.odd")
    return n


@effect(tool="flow.note", tier=1, effect="write", accepts=Integrity.RECORD, steering=["a"])
async def note(a: int, b: int) -> int:
    """Write a note."""
    return a


@effect(tool="flow.post", tier=2, effect="egress", accepts=Integrity.RECORD, audience=("acl:desk",))
async def post(a: int, b: int) -> int:
    """Show something to the desk."""
    return a


@effect(tool="flow.pay", tier=3, effect="write", accepts=Integrity.APPROVED, steering=["a"])
async def pay(a: int, b: int) -> int:
    """Pay."""
    return a


def helper(a: int, b: int) -> int:
    """Something plain between two steps."""
    return a - b


def put(into: list[int], value: int) -> None:
    """Change what it is given."""
    into.append(value)


async def through_helper(n: int) -> int:
    """A step that is called from a function of the author's."""
    return await read_book(await mix(n, 1))


@workflow(name="flow.sub", catalog=CATALOG)
async def sub(p: int, q: int) -> int:
    """A child with a flow of its own."""
    x = await read_mail(p)
    if x % 2:
        return q
    return await mix(p, 1)


NUMBERS = ["v0", "v1", "v2", "p", "q", "acc[-1]", "len(acc)", "box[0]"]


def expressions() -> st.SearchStrategy[str]:
    """A number that does nothing by itself."""
    atom = st.sampled_from([*NUMBERS, "1", "2"])
    pair = st.tuples(atom, atom)
    return st.one_of(
        atom,
        pair.map(lambda t: f"{t[0]} + {t[1]}"),
        pair.map(lambda t: f"helper({t[0]}, {t[1]})"),
        st.tuples(atom, atom, atom).map(lambda t: f"({t[0]} if {t[1]} % 2 else {t[2]})"),
        atom.map(lambda a: f"sum(x for x in acc if x > {a})"),
    )


_E = expressions()
_VAR = st.sampled_from(["v0", "v1", "v2"])
_READ = st.sampled_from(["read_mail", "read_book", "read_hr"])
_TOOL = st.sampled_from(["note", "post", "pay"])

SIMPLE = st.one_of(
    st.tuples(_VAR, _E).map(lambda t: f"{t[0]} = {t[1]}"),
    st.tuples(_VAR, _READ, _E).map(lambda t: f"{t[0]} = await {t[1]}({t[2]})"),
    st.tuples(_VAR, _E, _E).map(lambda t: f"{t[0]} = await mix({t[1]}, {t[2]})"),
    st.tuples(_VAR, _E, _E).map(lambda t: f"{t[0]} = await child(sub, {t[1]}, q={t[2]})"),
    st.tuples(_VAR, _E).map(lambda t: f"{t[0]} = await through_helper({t[1]})"),
    st.tuples(_VAR, _READ, _E).map(
        lambda t: f"{t[0]} = sum(await gather(*({t[1]}(x) for x in range(abs({t[2]}) % 3))))"
    ),
    st.tuples(_VAR, _E, _E).map(
        lambda t: f"{t[0]} = sum([await mix(x, {t[1]}) for x in range(abs({t[2]}) % 3)])"
    ),
    st.tuples(_VAR, _E, _E).map(lambda t: f"{t[0]}, v1 = {t[1]}, {t[2]}"),
    st.tuples(_VAR, _E).map(lambda t: f"{t[0]} += {t[1]}"),
    _E.map(lambda e: f"acc.append({e})"),
    _E.map(lambda e: f"put(acc, {e})"),
    _E.map(lambda e: f"box[0] = {e}"),
    st.just("box = acc"),
    st.just("acc = [*box]"),
    st.tuples(_TOOL, _E, _E).map(lambda t: f"await perform({t[0]}.bind({t[1]}, b={t[2]}), site='@@')"),
    st.tuples(_TOOL, _E, _E).map(lambda t: f"call = {t[0]}.bind({t[1]}, {t[2]})"),
    st.just("done = await perform(call, site='@@')"),
    st.just("v2 = done.result"),
    st.just("v1 = len(done.state)"),
    st.tuples(_TOOL, _E, _E).map(
        lambda t: f"call = {t[0]}.bind(a={t[1]}, b={t[2]})\nanswer = await decide('?', of=call)"
    ),
    st.just("v0 = int(answer.approved)"),
    st.just("v0 = answer.args.get('b', 0)"),
)


def indent(lines: Iterable[str]) -> str:
    """Return a block one level in."""
    return textwrap.indent("\n".join(lines) or "pass", "    ")


def blocks(depth: int) -> st.SearchStrategy[list[str]]:
    """Statements, with branches, loops and handlers up to a depth."""
    if depth == 0:
        return st.lists(SIMPLE, min_size=1, max_size=4)
    inner = blocks(depth - 1)
    leave = st.sampled_from(["break", "continue", "pass", "return v0"])
    nested = st.one_of(
        st.tuples(_E, inner, inner).map(lambda t: f"if {t[0]} % 2:\n{indent(t[1])}\nelse:\n{indent(t[2])}"),
        st.tuples(_E, inner, _E, leave, inner).map(
            lambda t: (
                f"for i in range(abs({t[0]}) % 3):\n" + indent([*t[1], f"if {t[2]} % 2:\n    {t[3]}", *t[4]])
            )
        ),
        st.tuples(_E, inner).map(lambda t: f"if {t[0]} % 2:\n{indent([*t[1], 'return v1'])}"),
        st.tuples(_E, inner).map(
            lambda t: (
                f"match {t[0]}:\n    case 1:\n{textwrap.indent(indent(t[1]), '    ')}\n"
                "    case w:\n        v2 = w"
            )
        ),
        st.tuples(_E, _VAR, _E).map(
            lambda t: (
                f"try:\n    {t[1]} = await may_fail({t[0]})\n    {t[1]} += await mix(1, 1)\n"
                f"except DataError:\n    {t[1]} = {t[2]}"
            )
        ),
        st.tuples(_E, _VAR).map(
            lambda t: f"n = 0\nwhile n < abs({t[0]}) % 3:\n    n += 1\n    {t[1]} = await mix(n, {t[1]})"
        ),
    )
    return st.lists(st.one_of(SIMPLE, SIMPLE, nested), min_size=2, max_size=6)


def programs() -> st.SearchStrategy[str]:
    """The source of one workflow."""
    return blocks(2).map(_program)


def _program(body: list[str]) -> str:
    head = [
        "v0, v1, v2 = await read_mail(p), await read_book(q), 2",
        "acc = [0]", "box = [0]", "call = note.bind(0, 0)",
        "answer = await decide('first?', of=call)", "done = await perform(note.bind(1, 1), site='@@')",
    ]  # fmt: skip
    text = "async def program(p: int, q: int) -> int:\n" + indent([*head, *body, "return v0"]) + "\n"
    while "@@" in text:
        text = text.replace("@@", f"s{text.count('@@')}", 1)
    return text


_count = 0


def made(text: str) -> Workflow[..., Any]:
    """Return the workflow of a source text."""
    global _count  # noqa: PLW0603 - every source needs a file name of its own
    _count += 1
    name = f"<flow program {_count}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {
        "gather": gather, "child": child, "decide": decide, "perform": perform, "read_mail": read_mail,
        "read_book": read_book, "read_hr": read_hr, "mix": mix, "may_fail": may_fail, "note": note,
        "post": post, "pay": pay, "helper": helper, "put": put, "through_helper": through_helper, "sub": sub,
        "DataError": DataError,
    }  # fmt: skip
    exec(compile(text, name, "exec"), scope)
    return workflow(name=name, catalog=CATALOG)(scope["program"])


@dataclass
class Event:
    """What the door was asked."""

    tool: str
    site: str
    args: dict[str, Any]
    labels: Mapping[str, Label]
    pc: Label
    verdict: Verdict


@dataclass
class World:
    """Sources, an inbox and a door that lets everything through and notes what it would have said."""

    numbers: dict[str, int]
    approves: bool = True
    events: dict[str, Event] = field(default_factory=dict[str, Event])

    def promised(self, source: str, object: str | None = None, *, reader: str | None = None) -> Label:
        return DECLARED[source]

    async def read(self, principal: Any, name: str, query: Query, **more: Any) -> list[Row]:
        asked = int(str(query.conditions["n"][0]))
        label = DECLARED[name]
        row = Row(
            source=name, object="numbers", key={"n": str(asked)}, version="1",
            values={"n": asked, "value": (self.numbers[name] + asked) % 4}, read_at=datetime.now(UTC),
            readers=label.readers, integrity=label.integrity,
        )  # fmt: skip
        return [row]

    async def propose(self, tx: Any, proposal: Any) -> None:
        return None

    async def withdraw(self, tx: Any, run: str, key: str, *, reason: str) -> int:
        return 0

    def bind(self, **parts: Any) -> None:
        return None

    def register(self, spec: EffectSpec, handler: Any) -> None:
        return None

    async def consider(self, request: EffectRequest) -> Verdict:
        return _verdict(request)

    async def perform(self, request: EffectRequest) -> Outcome:
        event = Event(
            request.tool,
            request.site,
            dict(request.args),
            dict(request.labels),
            request.pc,
            _verdict(request),
        )
        before = self.events.setdefault(request.effect_id, event)
        assert before == event, "a replay says the same"
        return Outcome(effect_id=request.effect_id, state="done", result=int(request.args["a"]))


def _verdict(request: EffectRequest) -> Verdict:
    spec = {tool.name: tool.spec for tool in (note, post, pay)}[request.tool]
    reached = frozenset() if isinstance(spec.audience, str) else frozenset(spec.audience)
    return weigh(spec, request, reached=reached, rung=Rung.APPROVE)


def run(flow: Workflow[..., Any], world: World, *, begin: Label, crash: int | None = None) -> World:
    """Run a workflow to its end, answering every question; ``crash`` kills the process at that write."""
    asyncio.run(_run(flow, world, begin, crash))
    return world


async def _run(flow: Workflow[..., Any], world: World, begin: Label, crash: int | None) -> None:
    journal = FakeJournal()
    engine = SimpleNamespace(resources=None, database=SimpleNamespace(transaction=_Transaction))
    resources = bind(Resources(engine=engine, sources=world, inbox=world, door=world))  # type: ignore[arg-type]
    try:
        ident = journal.start(flow.name, {"p": 1, "q": 2}, version=flow.version)
        journal.label(ident, run_labels_text(RunLabels(pc=begin)))
        journal.crash_after = crash
        await _drive(journal, ident, world)
    finally:
        unbind(resources)


async def _drive(journal: FakeJournal, ident: UUID, world: World) -> None:
    for _ in range(200):
        handler = SegmentHandler(journal, CATALOG, SimpleNamespace(attempts=50), owner="t")  # type: ignore[arg-type]
        try:
            await FakeExecutor(journal).drive(handler)
        except Crash:
            continue
        row = journal.rows[ident]
        if row.parking is None:
            assert row.run.state in ("done", "failed"), row.run
            return
        journal.answer(ident, _answer(row.parking, world))
    raise AssertionError("no end")


def _answer(parking: Any, world: World) -> Answer:
    import json

    args = (json.loads(parking.input).get("of") or {"args": {}})["args"]
    yes = world.approves
    return Answer(
        approved=yes, verdict="approve" if yes else "expire", proposal=new_id(),
        approval=new_id() if yes else None, by="clerk", reason="", args=args, edited=False,
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


class _Transaction:
    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *error: object) -> None:
        return None


def table(flow: Workflow[..., Any], begin: Label | None) -> FlowTable:
    """Return what the check says."""
    return check_flows(flow, DECLARED, start=begin)


TYPED = said(SimpleNamespace(id="tester"), "run")  # type: ignore[arg-type]
ANYBODY = unknown("tester")
