"""Owns the sink rule: whether values with these labels may cause this effect. Pure.

``steering`` arguments decide what happens to whom, every other argument is content:

* steering: ``integrity(pc ⊔ L(a)) >= accepts`` for each, or ``integrity(pc) >= accepts`` if there is none;
* content: ``integrity(L(a)) >= accepts``, or a published flow lets its source pass;
* secrecy: whoever the effect reaches satisfies every reader of pc and of all arguments.

All three hold: allow. Else a person is asked where the flow may be asked, else it is denied.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pilothouse.labels import Integrity, Label
from pilothouse.policy.types import ALLOW, Verdict

__all__ = ["Sink", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """What the rule needs to know of a tool's declaration.

    Attributes:
        tool: Its name, for reasons only.
        steering: Arguments that decide what happens to whom.
        accepts: The least integrity that may steer it.
    """

    tool: str
    steering: tuple[str, ...]
    accepts: Integrity


def judge(
    sink: Sink,
    args: Mapping[str, Label],
    pc: Label,
    *,
    reached: Collection[str],
    may_ask: bool,
    endorsed: Collection[str] = (),
) -> Verdict:
    """Return whether a call may go out.

    Args:
        sink: The tool.
        args: The label of every argument.
        pc: The label of the choice to call.
        reached: ACL ids that everyone whom the effect reaches satisfies today; empty means the public.
        may_ask: Whether the call is a slot of a bound plan or a published workflow, so that asking a person
            is not itself the attack.
        endorsed: Arguments, and ``pc``, whose flow into this tool was endorsed for this version.
    """
    accepts, readers = sink.accepts, pc.readers
    low = pc.integrity < accepts
    for label in args.values():
        low = low or label.integrity < accepts
        if label.readers:
            readers = readers | label.readers
    # Nearly every call ends here, in half a microsecond.
    if not low and readers.issubset(reached):
        return ALLOW
    reasons = [*_steering(sink, args, pc, endorsed), *_content(sink, args, endorsed)]
    reasons += [f"sink.secrecy:{acl}" for acl in sorted(readers - set(reached))]
    if not reasons:
        return ALLOW
    return Verdict(kind="ask" if may_ask else "deny", reasons=tuple(reasons))


def _steering(sink: Sink, args: Mapping[str, Label], pc: Label, endorsed: Collection[str]) -> list[str]:
    found = [] if pc.integrity >= sink.accepts or "pc" in endorsed else ["sink.pc"]
    for name in sink.steering:
        if name in args and args[name].integrity < sink.accepts and name not in endorsed:
            found.append(f"sink.steering:{name}")
    return found


def _content(sink: Sink, args: Mapping[str, Label], endorsed: Collection[str]) -> list[str]:
    return [
        f"sink.content:{name}"
        for name, label in args.items()
        if name not in sink.steering and label.integrity < sink.accepts and name not in endorsed
    ]
