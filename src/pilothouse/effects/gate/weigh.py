"""Owns the verdict on a call that nobody approved yet: sink rule, certificate, rung. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, cast

from pilothouse.decisions import Quorum, Rung
from pilothouse.effects.declare import EffectSpec, Recipient
from pilothouse.effects.ports import Directory
from pilothouse.effects.types import EffectRequest
from pilothouse.kernel import DeniedError
from pilothouse.labels import Integrity, Label, Origin, join, leaves, lifted
from pilothouse.policy import ALLOW, Verdict, judge

__all__ = ["AskError", "beyond", "own", "reached", "vouched", "weigh"]

CERTIFICATE: Final = Origin(
    source="ladder",
    object="certificate",
    key={},
    field="",
    version="1",
    read_at=datetime(1970, 1, 1, tzinfo=UTC),
)
ANOTHER: Final = Label(
    readers=frozenset(),
    integrity=Integrity.RECORD,
    origin=replace(CERTIFICATE, source="door", object="words"),
)
ONE: Final = Quorum()


class AskError(DeniedError):
    """A person must be asked first; ``verdict`` says why. Ask, then perform with the approval."""

    code = "effects.needs_approval"

    def __init__(self, message: str, *, verdict: Verdict) -> None:
        super().__init__(message, reasons=verdict.reasons)
        self.verdict = verdict


def reached(spec: EffectSpec, request: EffectRequest, directory: Directory | None) -> frozenset[str]:
    """Return the ACL ids that everybody whom the effect reaches satisfies; none means the public."""
    audience = spec.audience
    if isinstance(audience, str):
        return frozenset()
    if isinstance(audience, Recipient):
        further = (_many(request.args.get(name)) for name in audience.also)
        named = [_many(request.args.get(audience.arg)) or (None,), *further]
        return _common([one for many in named for one in many], directory)
    return frozenset(acl.replace("{principal}", request.principal.id) for acl in audience)


def _many(named: object) -> Sequence[object]:
    """Return the recipients that an argument names."""
    if isinstance(named, list | tuple):
        return cast("Sequence[object]", named)
    return (named,) if named else ()


def _common(named: Sequence[object], directory: Directory | None) -> frozenset[str]:
    """Return what all recipients satisfy; whoever is not known is the public."""
    common: frozenset[str] | None = None
    for one in named:
        acls = directory.acls(one) if directory is not None and isinstance(one, str) else frozenset[str]()
        common = acls if common is None else common & acls
    return common or frozenset()


def own(request: EffectRequest) -> EffectRequest:
    """Return the call with another person's typed words worth what a record is: they decided nothing here."""
    who = request.principal.id
    labels = {name: _own(request.labels[name], who) for name in request.args}
    return replace(request, labels=labels, pc=_own(request.pc, who))


@lru_cache(maxsize=4096)
def _own(label: Label, who: str) -> Label:
    if label.integrity < Integrity.OPERATOR:
        return label
    typists = {leaf.object for leaf in leaves(label) if isinstance(leaf, Origin) and leaf.source == "typed"}
    return label if typists <= {who} else join(label, ANOTHER)


def beyond(request: EffectRequest, reached: Collection[str]) -> frozenset[str]:
    """Return the ACL ids that the call would open to people who do not satisfy them."""
    readers = request.pc.readers.union(*(request.labels[name].readers for name in request.args))
    return readers - frozenset(reached)


def vouched(
    request: EffectRequest, integrity: Integrity, *, by: Origin, least: Integrity = Integrity.UNTRUSTED
) -> tuple[Mapping[str, Label], Label]:
    """Return the labels of arguments and choice, each from ``least`` on lifted to ``integrity``."""

    def lift(label: Label) -> Label:
        return lifted(label, integrity, by=by) if least <= label.integrity < integrity else label

    return {name: lift(request.labels[name]) for name in request.args}, lift(request.pc)


def weigh(
    spec: EffectSpec,
    request: EffectRequest,
    *,
    reached: Collection[str],
    rung: Rung,
    endorsed: Collection[str] = (),
) -> Verdict:
    """Return whether a call without an approval may go out, needs a person, or may not even ask.

    Args:
        spec: The declaration.
        request: The call.
        reached: ACL ids that everybody reached satisfies.
        rung: Where the calling version stands; from ``SAMPLED`` on its certificate vouches for records.
        endorsed: Arguments, and ``pc``, whose flow a person endorsed.
    """
    certified = rung >= Rung.SAMPLED
    # A certificate never lifts what is untrusted: it assumes cases as they came, an attacker does not.
    least = Integrity.RECORD if certified else Integrity.OPERATOR
    labels, pc = vouched(request, Integrity.APPROVED, by=CERTIFICATE, least=least)
    verdict = judge(spec.sink, labels, pc, reached=reached, may_ask=request.may_ask, endorsed=endorsed)
    if not certified and spec.needs_approval and not _typed(spec, request):
        verdict &= Verdict(
            kind="ask" if request.may_ask else "deny", reasons=(f"effects.rung:{rung.name.lower()}",)
        )
    if verdict.kind == "ask" and not _approvable(spec, request):
        return Verdict(kind="deny", reasons=(*verdict.reasons, "effects.operator_only"))
    return verdict


def _typed(spec: EffectSpec, request: EffectRequest) -> bool:
    """Whether a person decided already, by typing or signing every word of it; tier 4 asks all the same."""
    if spec.tier == 4 or spec.quorum != ONE or spec.apart:
        return False
    labels = (request.pc, *(request.labels[name] for name in request.args))
    return all(label.integrity is Integrity.OPERATOR for label in labels)


def _approvable(spec: EffectSpec, request: EffectRequest) -> bool:
    """Whether a person's yes could open it: it counts as approved, never as the person's own words."""
    if spec.accepts <= Integrity.APPROVED:
        return True
    labels = {name: request.labels[name] for name in request.args}
    return judge(spec.sink, labels, request.pc, reached=beyond(request, ()), may_ask=True) == ALLOW
