"""Owns one agent context: its program counter, its handles, its plan, and what it may do beyond the plan."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pilothouse.agents.asking import Asker
from pilothouse.agents.calling import Caller, DoorPort, Family
from pilothouse.agents.notes import KeptNotes, Notes, load, save
from pilothouse.agents.plans.evaluate import Evaluator
from pilothouse.agents.plans.expressions import Item, Question
from pilothouse.agents.plans.plan import Plan, Step
from pilothouse.agents.reading import NoReader, Quarantined, Reader
from pilothouse.agents.release import released
from pilothouse.agents.stored import Advance, Saved
from pilothouse.agents.tools import ActTool, ReadTool, Toolbox, ToolFailure
from pilothouse.agents.values import Value, listed, plain
from pilothouse.kernel import (
    RIGHTS,
    Authority,
    DataError,
    DeniedError,
    Json,
    LimitError,
    Principal,
    UsageError,
    new_id,
)
from pilothouse.labels import (
    Answer,
    Budget,
    Context,
    Handle,
    Integrity,
    Label,
    Labelled,
    join,
    typed,
    unknown,
)

if TYPE_CHECKING:
    from pilothouse.agents.plans.expressions import Expression

__all__ = ["Session"]

DEEPEST = 5
"""How deep sub-agents may call sub-agents."""

_TYPES: Final[dict[str, str]] = {"dict": "record", "int": "number", "float": "number", "NoneType": "none"}


class Session:
    """One agent context. What it has seen in clear rules what it may do; the plan was fixed before.

    Args:
        principal: The person, through the agent that acts for them.
        tools: What the agent may call.
        door: The only way out.
        request: The person's own words, shown to whoever is asked.
        reader: Answers typed questions and drafts texts, without tools.
        asker: Asks a person where a slot needs one; None answers no.
        asked_of: Whom it asks.
        authority: Says what the principal may do and read today.
        name: The published agent whose endorsed flows count.
        version: Its version.
        site: Where it acts.
        run: Id of the run; default a new one.
        notes: What is kept between runs.
        given: Attachments and pasted blocks: data, under their own labels.
        bits: What typed answers may tell about one source.
        pc: What the context has seen before; default the person's typed words alone.
    """

    def __init__(
        self,
        *,
        principal: Principal,
        tools: Toolbox,
        door: DoorPort,
        request: str = "",
        reader: Reader | None = None,
        asker: Asker | None = None,
        asked_of: str = "",
        authority: Authority = RIGHTS,
        name: str = "assistant",
        version: str = "1",
        site: str = "",
        run: str | None = None,
        notes: Notes | None = None,
        given: Mapping[str, Value] | None = None,
        bits: float = 64.0,
        pc: Label | None = None,
    ) -> None:
        self.run = run or str(new_id())
        self.tools = tools
        self._context = Context.of(pc or typed(principal.id, self.run))
        self._caller = Caller(
            principal=principal, door=door, authority=authority, run=self.run, name=name, version=version,
            site=site, asker=asker, asked_of=asked_of, words=request, family=Family(touched=self._context.pc),
        )  # fmt: skip
        self._reader = reader or NoReader()
        self._quarantine = Quarantined(self._reader, Budget(bits), self.run)
        self._notes: Notes = notes if notes is not None else KeptNotes()
        self._given = dict(given or {})
        self._values: dict[str, Value] = {}
        self._plan: Plan | None = None
        self._clean: Label | None = None
        self._place = 0
        self._calls = 0
        self._children = 0
        self._depth = 0
        self._results: dict[str, Value] = {}

    @property
    def pc(self) -> Label:
        """The join of all this context has seen in clear."""
        return self._context.pc

    @property
    def outside(self) -> Label:
        """What a call outside the plan rests on, and all that a model says here."""
        return self._outside

    @property
    def principal(self) -> Principal:
        """Who it acts for, and through which agent."""
        return self._caller.principal

    @property
    def planned(self) -> bool:
        """Whether a plan was bound, or is too late to be."""
        return self._plan is not None or self._outside.integrity < Integrity.OPERATOR

    @property
    def asked(self) -> int:
        """How many questions this session and its sub-agents put to people."""
        return self._family.asked

    def bind(self, plan: Plan) -> None:
        """Fix a copy of the plan. It must be written from the person's words alone, before anything was read.

        Raises:
            DeniedError: ``agents.plan_late``: it has a plan, or this context, its parent or a sub-agent has
                obtained what others wrote, if only as a handle or as a failure.
            UsageError: ``agents.plan``.
        """
        if self._plan is not None or self._outside.integrity < Integrity.OPERATOR:
            raise DeniedError(
                "a plan is bound once, before anything is read; take a new session for a new request",
                code="agents.plan_late",
                reasons=("agents.plan_late",),
            )
        plan = deepcopy(plan)
        plan.check(self.tools)
        self._plan, self._clean = plan, self.pc

    def save(self) -> Saved:
        """Return all that must be stored with the run; only plain data and labels."""
        family = self._family
        return Saved(
            run=self.run,
            pc=self.pc,
            clean=self._clean,
            plan=self._plan,
            place=self._place,
            results=dict(self._results),
            values=dict(self._values),
            spent={source: bits for (source, _), bits in self._quarantine.budget.spent.items()},
            counts=(self._calls, self._children, family.asked, self._depth),
            refused=frozenset(family.refused),
            principal=_who(self._caller.principal),
            touched=family.touched,
        )

    def restore(self, saved: Saved) -> None:
        """Go on where ``saved`` stopped; a session of the same run that has done nothing yet.

        Raises:
            UsageError: ``agents.restored``: another run or principal, or this session has done something.
        """
        if saved.principal != _who(self._caller.principal):
            raise UsageError(
                f"session {saved.run!r} is of {saved.principal!r}; nobody else goes on with it",
                code="agents.restored",
            )
        if saved.run != self.run or self._values or self._plan is not None:
            raise UsageError(
                f"session {self.run!r} cannot go on as {saved.run!r}; open a new one with run={saved.run!r}",
                code="agents.restored",
            )
        self._context = Context.of(saved.pc)
        self._plan, self._clean, self._place = saved.plan, saved.clean, saved.place
        self._results, self._values = dict(saved.results), dict(saved.values)
        self._calls, self._children, asked, self._depth = saved.counts
        self._family.asked = max(self._family.asked, asked)
        self._family.refused |= saved.refused
        self._family.touch(saved.touched)
        self._quarantine.charged(saved.spent)

    def left_behind(self) -> Family:
        """Return what the family has obtained and used so far; stored with a sub-agent that has ended."""
        family = self._family
        spent = {source: bits for (source, _), bits in self._quarantine.budget.spent.items()}
        return replace(family, refused=set(family.refused), spent=spent)

    def absorb(self, ended: Family) -> None:
        """Take over what a sub-agent left behind that ended before this process began."""
        family, quarantine = self._family, self._quarantine
        family.touch(ended.touched)
        family.asked = max(family.asked, ended.asked)
        family.refused |= ended.refused
        known = {source: bits for (source, _), bits in quarantine.budget.spent.items()}
        more = {source: max(bits, known.get(source, 0.0)) for source, bits in ended.spent.items()}
        quarantine.charged(known | more)

    async def advance(self) -> Advance | None:
        """Run the next step of the plan; None at its end or after a failure."""
        if self._plan is None or self._place >= len(self._plan.steps):
            return None
        step = self._plan.steps[self._place]
        self._family.touch(*(value.whole for value in self._given.values()))
        try:
            value = await self._slot(step)
        except Exception as error:
            self._place = len(self._plan.steps)
            return Advance(step=step.name, state="failed", failure=ToolFailure.of(step.tool, error))
        self._place += 1
        if value is None:
            return Advance(step=step.name, state="skipped")
        self._results[step.name] = value
        return Advance(step=step.name, state="done", handle=self._hold(value))

    async def finish(self) -> list[Advance]:
        """Run the rest of the plan."""
        done: list[Advance] = []
        while (here := await self.advance()) is not None:
            done.append(here)
        return done

    async def answer(self) -> Labelled:
        """Return the plan's answer for the person, under its label.

        Raises:
            DeniedError: ``agents.unreadable``: the person may not read it.
            PilothouseError: It has none, or it rests on a step that did not run.
        """
        if self._plan is None or self._plan.answer is None:
            raise UsageError("the plan has no answer; give Plan(answer=...)", code="agents.plan")
        value = await self._evaluator(self._said).of(self._plan.answer)
        self._family.touch(value.whole)
        self._readable(value)
        return Labelled(value=value.data, label=value.whole)

    async def call(self, tool: str, args: Mapping[str, Json | Handle]) -> Handle | ToolFailure:
        """Call a tool outside the plan: with all this family has obtained, and never asking a person."""
        self._calls += 1
        try:
            found = self.tools.find(tool)
            if found is None:
                raise UsageError(f"{tool!r} is no tool here", code="agents.no_tool")
            values = {name: self._argument(arg) for name, arg in args.items()}
            if isinstance(found, ReadTool):
                value = await self._caller.read(found, values, self.pc)
            else:
                value = await self._caller.act(found, values, self._outside, effect=f"call:{self._calls}")
        except Exception as error:
            return ToolFailure.of(tool, error)
        return self._hold(value)

    def read(self, handle: Handle) -> Json:
        """Return a value in clear; from now on this context has seen it.

        Raises:
            UsageError: ``agents.no_handle``.
            DeniedError: ``agents.unreadable``: the principal does not satisfy each of its readers today.
        """
        value = self._held(handle)
        self._readable(value)
        self._context.see(value.whole)
        return value.data

    async def ask(self, handle: Handle, question: str, answer: Answer) -> Handle | ToolFailure:
        """Put a typed question about a handle to the reader; the answer is a handle of the same label."""
        try:
            outside = self._outside
            asked = Question(Item(), question, answer)  # type: ignore[arg-type]
            value = await self._quarantine.answer(self._held(handle), asked)
        except Exception as error:
            return ToolFailure.of("ask", error)
        return self._hold(value.under(outside))

    def hold(self, value: Value) -> Handle:
        """Take in a value from outside as a handle: from now on this family has obtained it."""
        return self._hold(value)

    def held(self, handle: Handle) -> Value:
        """Return what a handle stands for, for code that keeps its label; no model sees it by this.

        Raises:
            UsageError: ``agents.no_handle``.
        """
        return self._held(handle)

    def argument(self, what: Json | Handle) -> Value:
        """Return what a handle stands for; plain JSON rests on all that was obtained here."""
        return self._argument(what)

    async def fetch(self, tool: str, args: Mapping[str, Value], pc: Label) -> Value:
        """Read for code that keeps the label: no handle is made of what comes back.

        Raises:
            UsageError: ``agents.no_tool``.
            PilothouseError: What the tool failed with.
        """
        found = self.tools.reader(tool)
        if found is None:
            raise UsageError(f"{tool!r} is no tool that only reads", code="agents.no_tool")
        return await self._caller.read(found, args, pc)

    def touch(self, label: Label) -> None:
        """Count something as obtained by this family."""
        self._family.touch(label)

    def see(self, label: Label) -> None:
        """Join what the model is shown in clear into the context."""
        self._context.see(label)
        self._family.touch(label)

    def note(self, name: str, what: Json | Handle) -> ToolFailure | None:
        """Keep a value for later runs, under its label and what this family has obtained."""
        pc = self._outside
        try:
            value = self._argument(what).under(pc, which=pc.integrity)
            save(self._notes, name, value, self._caller.principal)
        except Exception as error:
            self._family.touch(unknown(self._caller.principal.id))
            return ToolFailure.of("note", error)
        return None

    def recall(self, name: str) -> Handle | ToolFailure:
        """Return what was kept, as a handle of its label; what another principal typed is a record."""
        try:
            return self._hold(self._recalled(name))
        except Exception as error:
            return ToolFailure.of("recall", error)

    def child(
        self,
        message: Json | Handle,
        *,
        tools: Toolbox | None = None,
        principal: Principal | None = None,
        name: str = "",
        version: str = "",
    ) -> tuple[Session, Handle]:
        """Open a context for a sub-agent and hand it a message; it has seen what the message rests on.

        What the child reads stays with it: :meth:`receive` brings its answer back as a handle.

        Args:
            message: What it is told.
            tools: What it may call; default the same.
            principal: The same principal through the sub-agent; default this one's.
            name: The published sub-agent.
            version: Its version.

        Raises:
            LimitError: ``agents.depth``.
        """
        if self._depth >= DEEPEST:
            raise LimitError(
                f"sub-agents are {self._depth} deep, {DEEPEST} are allowed; do the rest here",
                code="agents.depth",
            )
        self._children += 1
        value = self._argument(message)
        caller = self._caller
        session = Session(
            principal=principal or caller.principal, tools=tools or self.tools, door=caller.door,
            request=caller.words, reader=self._reader, asker=caller.asker, asked_of=caller.asked_of,
            authority=caller.authority, name=name or caller.name, version=version or caller.version,
            site=caller.site, run=f"{self.run}.{self._children}", notes=self._notes,
            pc=join(self.pc, value.whole),
        )  # fmt: skip
        # Questions, rejected calls and what was obtained are the family's.
        session._caller.family = caller.family
        # Bits are charged to one run, however many contexts read for it.
        session._quarantine = self._quarantine
        session._depth = self._depth + 1
        return session, session._hold(value)

    def receive(self, child: Session, what: Json | Handle) -> Handle:
        """Take a sub-agent's answer as a handle: it carries all the child has seen."""
        return self._hold(child._argument(what).under(child.pc, which=child.pc.integrity))

    @property
    def _family(self) -> Family:
        return self._caller.family

    @property
    def _outside(self) -> Label:
        """What a call outside the plan rests on: handles, sizes and failures tell too, and to all of them."""
        return join(self.pc, self._family.touched)

    def _readable(self, value: Value) -> None:
        by, authority = self._caller.principal, self._caller.authority
        if not all(authority.reads(by, acl) for acl in value.whole.readers):
            raise DeniedError(
                f"{by.id!r} may not read this in clear; pass its handle on, or ask who may",
                code="agents.unreadable",
                reasons=("agents.unreadable",),
            )

    @property
    def _said(self) -> Label:
        return self._clean or self.pc

    async def _slot(self, step: Step) -> Value | None:
        pc = self._said
        evaluator = self._evaluator(pc)
        holds, labels = await evaluator.holds(step.when)
        pc = join(pc, *labels)
        if not holds:
            return None
        if step.each is None:
            return await self._one(step, evaluator, pc, f"plan:{step.name}")
        over = await evaluator.of(step.each)
        if not isinstance(over.data, list):
            raise DataError(f"step {step.name!r}: each needs a list", code="agents.nothing")
        done: list[Value] = []
        for place, item in enumerate(over.items):
            here = join(pc, over.label, item.label)
            done.append(await self._one(step, self._evaluator(pc, item), here, f"plan:{step.name}:{place}"))
        return listed(done, join(pc, over.label))

    async def _one(self, step: Step, evaluator: Evaluator, pc: Label, effect: str) -> Value:
        tool = self.tools.find(step.tool)
        args: dict[str, Value] = {}
        choices: dict[str, Value] = {}
        for name, form in step.args.items():
            evaluator.choices = None
            args[name] = await evaluator.of(form)
            if evaluator.choices is not None and _whole(form):
                choices[name] = evaluator.choices
        if isinstance(tool, ReadTool):
            return await self._caller.read(tool, args, pc)
        assert isinstance(tool, ActTool), "the plan was checked"
        labels, pc = released(
            tool.spec, args, pc, by=self._caller.principal, authority=self._caller.authority,
            plan="" if self._plan is None else self._plan.hash,
        )  # fmt: skip
        return await self._caller.act(
            tool, args, pc, effect=effect, labels=labels, choices=choices, slot=True
        )

    def _evaluator(self, said: Label, item: Value | None = None) -> Evaluator:
        async def read(name: str, args: Mapping[str, Value]) -> Value:
            tool = self.tools.reader(name)
            assert tool is not None, "the plan was checked"
            return await self._caller.read(tool, args, said)

        return Evaluator(
            said=said,
            read=read,
            quarantine=self._quarantine,
            recall=self._recalled,
            results=self._results,
            given=self._given,
            item=item,
        )

    def _argument(self, what: Json | Handle) -> Value:
        if isinstance(what, Handle):
            return self._held(what)
        pc = self._outside
        return plain(what, pc, which=pc.integrity)

    def _recalled(self, name: str) -> Value:
        try:
            value = load(self._notes, name, self._caller.principal)
        except Exception:
            # That there is none says something too.
            self._family.touch(unknown(self._caller.principal.id))
            raise
        self._family.touch(value.whole)
        return value

    def _held(self, handle: Handle) -> Value:
        value = self._values.get(handle.id)
        if value is None:
            raise UsageError(f"there is no handle {handle.id!r} in this session", code="agents.no_handle")
        return value

    def _hold(self, value: Value) -> Handle:
        id = f"v{len(self._values) + 1}"
        self._values[id] = value
        self._family.touch(value.whole)
        name = type(value.data).__name__
        kind = _TYPES.get(name, name)
        size = len(value.data) if isinstance(value.data, str | list | dict) else 1
        return Handle(id=id, type=kind, size=size, label=value.whole)


def _who(principal: Principal) -> tuple[str, ...]:
    through = () if principal.agent is None else _who(principal.agent)
    return (f"{principal.kind}:{principal.id}", *through)


def _whole(form: Expression) -> bool:
    """Whether a form is the choice itself, so that its value is one of the list."""
    from pilothouse.agents.plans.expressions import Choose

    return isinstance(form, Choose)
