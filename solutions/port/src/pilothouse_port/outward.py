"""Owns what a port does outside, always through the door: release a box, take it back, tell a party."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pilothouse import effect, source
from pilothouse.kernel import UsageError
from pilothouse.labels import Integrity
from pilothouse_port.bindings import Bindings
from pilothouse_port.pack import Pack
from pilothouse_port.types import Fact, Facts, Verdict

__all__ = [
    "cancel_args",
    "cancel_release",
    "notice_args",
    "release_args",
    "release_container",
    "send_notice",
]

NOTICE = "A note about your container {box} ({bl})"


@effect(
    tool="release_container",
    effect="irreversible",
    tier=4,
    steering=("container", "bl", "party"),
    idempotency=("container", "bl"),
    idempotent_by_effect_id=True,
    apart=("cancel_release",),
    phrase="{container} under {bl} was released to {party}",
)
async def release_container(
    system: str, tool: str, container: str, bl: str, party: str, until: str, form: dict[str, Any]
) -> Any:
    """Grant the right to collect a box in the community system; sent under the effect id, so once."""
    known = {"$container": container, "$bl": bl, "$party": party, "$valid_until": until}
    return await source(system).write(tool, _filled(form, known, needs=("$container", "$bl")))


@effect(
    tool="cancel_release",
    effect="irreversible",
    tier=4,
    steering=("container", "bl", "right"),
    idempotency=("container", "bl"),
    idempotent_by_effect_id=True,
    apart=("release_container",),
    phrase="the release {right} of {container} under {bl} was cancelled",
)
async def cancel_release(
    system: str, tool: str, container: str, bl: str, right: str, form: dict[str, Any]
) -> Any:
    """Take a granted right back in the community system; who may release may not answer for this."""
    return await source(system).write(tool, _filled(form, {"$right": right}, needs=("$right",)))


@effect(
    tool="send_notice",
    effect="egress",
    tier=2,
    steering=("to",),
    accepts=Integrity.APPROVED,
    phrase="{to} was told about {container}",
)
async def send_notice(
    system: str, tool: str, container: str, to: str, subject: str, text: str, form: dict[str, Any]
) -> Any:
    """Send a prepared mail to the party's registered address."""
    known = {"$to": to, "$subject": subject, "$text": text}
    return await source(system).write(tool, _filled(form, known, needs=("$to",)))


def release_args(bindings: Bindings, pack: Pack) -> dict[str, Any] | None:
    """Return the release's arguments; None when the advice is another or nothing can be written."""
    spec = bindings.model.effects.get("release")
    party = _party(pack)
    if pack.verdict.advised is not Verdict.RELEASE or spec is None or not party:
        return None
    box = pack.consignment
    return {
        "system": spec.system,
        "tool": spec.tool,
        "container": box.container,
        "bl": box.bl,
        "party": party,
        "until": (pack.verdict.as_of + timedelta(days=spec.valid_days)).date().isoformat(),
        "form": spec.args,
    }


def cancel_args(bindings: Bindings, container: str, bl: str, right: str) -> dict[str, Any] | None:
    """Return the arguments that take the release ``right`` back; None where the port cannot."""
    spec = bindings.model.effects.get("cancel")
    if spec is None:
        return None
    return {
        "system": spec.system,
        "tool": spec.tool,
        "container": container,
        "bl": bl,
        "right": right,
        "form": spec.args,
    }


def notice_args(bindings: Bindings, facts: Facts, pack: Pack) -> dict[str, Any] | None:
    """Return a mail to the party about what stands in the way; None where nobody can be told anything.

    The address is the one on record, and nobody is told of a suspicion or of an address that just changed.
    """
    spec = bindings.model.effects.get("notice")
    address = facts["party.contact"]
    quiet = any(reason.check.partition(":")[0] == "fraud" for reason in pack.verdict.reasons)
    texts = [draft.text for draft in pack.drafts]
    if spec is None or quiet or not texts or not isinstance(address, Fact) or not address.value:
        return None
    box = pack.consignment
    return {
        "system": spec.system,
        "tool": spec.tool,
        "container": box.container,
        "to": str(address.value),
        "subject": NOTICE.format(box=box.container, bl=box.bl),
        "text": "\n\n".join(texts),
        "form": spec.args,
    }


def _party(pack: Pack) -> str:
    """Return the party of the release order, else the consignee."""
    values = {item.name.partition("#")[0]: item.value for item in pack.evidence if item.value}
    return str(values.get("order.party") or values.get("consignee.party") or "")


def _filled(form: Mapping[str, Any], known: Mapping[str, str], *, needs: Sequence[str]) -> dict[str, Any]:
    """Put the approved values in the places that the mapping gives them, also inside lists.

    Done here, behind the door, so that what is sent and what a person confirmed are one copy.

    Raises:
        UsageError: ``port.form``: the mapping has no place for a value that decides what happens to whom.
    """
    used: set[str] = set()

    def fill(value: Any) -> Any:
        if isinstance(value, list):
            return [fill(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - JSON
        if isinstance(value, str) and value in known:
            used.add(value)
            return known[value]
        return value

    out = {name: fill(value) for name, value in form.items()}
    missing = [name for name in needs if name not in used]
    if missing:
        raise UsageError(
            f"effects in port.yaml: {missing[0]!r} is in no argument of {sorted(form)!r}; put it there",
            code="port.form",
        )
    return out
