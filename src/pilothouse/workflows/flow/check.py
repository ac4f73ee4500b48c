"""Owns the check before a workflow is published: which flows pass, ask a person, or can never pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pilothouse.effects import EffectRequest, EffectSpec, sources_of, weigh
from pilothouse.kernel import SYSTEM, UsageError
from pilothouse.labels import Label, signed, unknown
from pilothouse.workflows.declare import Workflow
from pilothouse.workflows.flow.sites import known_slice
from pilothouse.workflows.flow.slice import Site, Slice
from pilothouse.workflows.flow.symbolic import Promised, Symbolic
from pilothouse.workflows.tools import Tool

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Flow", "FlowTable", "check_flows"]

PC: Final = "pc"
Standing = Literal["passes", "asks", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What flows into one argument of one tool at one place, or into the choice to call it.

    Attributes:
        tool: The tool; ``?`` when the source does not tell which.
        arg: The argument; ``pc`` for the choice to call.
        line: Where it is performed.
        sources: Systems that it may come from.
        verdict: ``passes``, ``asks`` a person, or ``never`` passes.
        reasons: Why not, as the door will say it.
        endorse: How a person may let this flow pass for this version: a treatment, or empty.
        asked: Whether ``decide`` asks a person before.
    """

    tool: str
    arg: str
    line: int
    sources: tuple[str, ...]
    verdict: Standing
    reasons: tuple[str, ...] = ()
    endorse: str = ""
    asked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTable:
    """Every flow of one workflow version into what it lets out.

    Attributes:
        workflow: Its name.
        version: Its version.
        flows: In the order of the source.
        unread: Why the source was not followed; then everything flows everywhere.
    """

    workflow: str
    version: str
    flows: tuple[Flow, ...]
    unread: str = ""

    @property
    def never(self) -> tuple[Flow, ...]:
        """The flows that can never pass."""
        return tuple(flow for flow in self.flows if flow.verdict == "never")

    def require(self) -> FlowTable:
        """Refuse a workflow that can never do what it says.

        Raises:
            UsageError: ``workflows.never_passes``, naming line, tool, argument and reason.
        """
        if not self.never:
            return self
        lines = "; ".join(
            f"line {flow.line}: {flow.tool}.{flow.arg} ({', '.join(flow.reasons)})" for flow in self.never
        )
        raise UsageError(
            f"workflow {self.workflow!r} can never let this pass: {lines}; ask with decide() before, or take "
            "the values from a source that may be trusted",
            code="workflows.never_passes",
        )


def check_flows(workflow: Workflow[..., Any], promised: Promised, *, start: Label | None = None) -> FlowTable:
    """Return every flow of a workflow, judged as the door will judge it before any promotion.

    The labels are the worst that declared sources promise; with ``start`` left out, arguments come from
    anybody. What runs can only be as bad as this: no flow that *passes* will ask.

    Args:
        workflow: The workflow.
        promised: The least that each declared source promises, by name.
        start: Label of the arguments of every run that counts here.
    """
    slice = known_slice(workflow.function)
    name, version = workflow.name, workflow.version
    worst = Symbolic(slice, name, version, promised, begin=start or unknown("?"), worst=True).settle()
    best = Symbolic(slice, name, version, promised, begin=signed("best", "1"), worst=False).settle()
    flows: list[Flow] = []
    for site in slice.sites:
        if site.kind == "perform":
            flows += _performed(slice, site, worst, best)
    if slice.unread:
        flows.append(Flow(tool="?", arg=PC, line=0, sources=("*",), verdict="asks", reasons=("flow.unread",)))
    return FlowTable(workflow=name, version=version, flows=tuple(flows), unread=slice.unread)


def _performed(slice: Slice, site: Site, worst: Symbolic, best: Symbolic) -> list[Flow]:
    atoms = site.of(0, "call")
    made = [slice.sites[int(atom[5:])] for atom in sorted(atoms) if atom.startswith("bind:")]
    asked = 1 in site.args or "answer" in site.args
    if not made or any(not isinstance(one.target, Tool) for one in made) or "low" in atoms:
        # Which tool it is comes out only when it runs.
        return [
            Flow(
                tool="?", arg=PC, line=site.line, sources=sources_seen(worst.pc(site)), verdict="asks",
                reasons=("flow.unknown_tool",), asked=asked,
            )
        ]  # fmt: skip
    tools = [(one, one.target) for one in made]
    return [
        flow
        for one, tool in tools
        if isinstance(tool, Tool)
        for flow in _into(site, one, tool, worst, best, asked=asked)
    ]


def _into(site: Site, made: Site, tool: Tool, worst: Symbolic, best: Symbolic, *, asked: bool) -> list[Flow]:
    bad, bad_pc = worst.arguments(made, site, tool), worst.pc(site)
    good, good_pc = best.arguments(made, site, tool), best.pc(site)
    reasons = _reasons(tool.spec, bad, bad_pc)
    open_reasons = _reasons(tool.spec, good, good_pc, hopeful=True)
    lost = _hopeless(tool.spec, open_reasons, asked)
    flows: list[Flow] = []
    for arg, label in (*bad.items(), (PC, bad_pc)):
        why = tuple(one for one in reasons if _about(one, arg, label))
        verdict: Standing = "passes" if not why else "asks"
        if any(one in lost for one in why):
            verdict = "never"
        flows.append(
            Flow(
                tool=tool.name, arg=arg, line=site.line, sources=sources_seen(label), verdict=verdict,
                reasons=why, endorse=_endorsable(tool.spec, arg, why) if verdict == "asks" else "",
                asked=asked,
            )
        )  # fmt: skip
    return flows


def sources_seen(label: Label) -> tuple[str, ...]:
    """Return the systems behind a label, sorted."""
    return tuple(sorted(sources_of(label)))


def _reasons(
    spec: EffectSpec, labels: Mapping[str, Label], pc: Label, *, hopeful: bool = False
) -> tuple[str, ...]:
    """Return why the door would not let the call pass by itself; ``hopeful``: after every promotion."""
    from pilothouse.decisions import Rung

    request = EffectRequest(
        tool=spec.tool, args=dict.fromkeys(labels), effect_id="check", principal=SYSTEM,
        labels=labels, pc=pc, may_ask=True,
    )  # fmt: skip
    readers = pc.readers.union(*(label.readers for label in labels.values()))
    certified = hopeful and spec.tier < 4
    verdict = weigh(
        spec, request, reached=_reached(spec, readers, hopeful),
        rung=Rung.AUTONOMOUS if certified else Rung.APPROVE,
    )  # fmt: skip
    return verdict.reasons


def _reached(spec: EffectSpec, readers: Iterable[str], hopeful: bool) -> frozenset[str]:
    audience = spec.audience
    if isinstance(audience, str):
        return frozenset()
    if isinstance(audience, tuple):
        return frozenset(acl.replace("{principal}", "?") for acl in audience)
    # Whom it reaches depends on the argument: the public at worst, whoever may read it at best.
    return frozenset(readers) if hopeful else frozenset()


def _about(reason: str, arg: str, label: Label) -> bool:
    """Whether a reason of the door is about this argument."""
    kind, _, which = reason.partition(":")
    if kind in ("sink.steering", "sink.content"):
        return which == arg
    if kind == "sink.secrecy":
        return which in label.readers
    return arg == PC


def _hopeless(spec: EffectSpec, reasons: Iterable[str], asked: bool) -> frozenset[str]:
    """Return the reasons that stay although everything comes as trusted as it can, and nobody is asked."""
    found = tuple(reasons)
    if "effects.operator_only" in found:
        return frozenset(found)
    if asked:
        return frozenset()
    return frozenset(one for one in found if not _endorsable(spec, one.partition(":")[2] or PC, (one,)))


def _endorsable(spec: EffectSpec, arg: str, reasons: tuple[str, ...]) -> str:
    """Return the treatment under which a person may let this flow pass, or the empty string."""
    kinds = {one.partition(":")[0] for one in reasons}
    if kinds == {"sink.content"}:
        return "as_content"
    if kinds and kinds <= {"sink.steering", "sink.pc"} and spec.tier <= 2:
        return "choice<=16"
    return ""
