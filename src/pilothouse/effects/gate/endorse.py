"""Owns endorsed flows: a person lets one source into one argument of one tool, for one workflow version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from pilothouse.audit import AuditEntry, append
from pilothouse.effects.declare import EffectSpec
from pilothouse.kernel import RIGHTS, Authority, DeniedError, Principal, UsageError, new_id, require
from pilothouse.labels import Label, Origin, leaves
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = ["CHOICE", "CONTENT", "PC", "Endorsement", "Endorsements", "Treatment", "sources_of"]

Q = load_queries("pilothouse.effects")
Treatment = Literal["as_content", "choice<=16"]
CONTENT: Final = "as_content"
CHOICE: Final = "choice<=16"
PC: Final = "pc"
# What a person typed or signed needs nobody's endorsement.
OWN: Final = frozenset({"signed", "typed"})
SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsement:
    """One flow that a person lets pass; void when anything named here changes.

    Attributes:
        id: UUIDv7.
        workflow: Name of the published workflow.
        version: Its version.
        source: The system, or ``system.field`` for one field of it.
        tool: The tool it may flow into.
        tool_version: The tool's version.
        arg: The argument, or ``pc`` for the choice to call.
        treatment: ``as_content`` (links and markup stripped, quoted with its source, cut) or ``choice<=16``
            (one of at most 16 options of a closed list).
        by: The person.
        reason: Why.
        granted_at: When.
        expires_at: Until when.
        revoked_at: When it was taken back.
        revoked_by: By whom.
    """

    id: UUID
    workflow: str
    version: str
    source: str
    tool: str
    tool_version: str
    arg: str
    treatment: Treatment
    by: str
    reason: str
    granted_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None


class Endorsements:
    """Grants, revokes and finds endorsed flows.

    Args:
        database: Where they are.
        spec: Tells a tool's declaration; ``Door.spec``.
        authority: Says who may endorse: ``effects:endorse:<tool>``.
    """

    def __init__(
        self, database: Database, spec: Callable[[str], EffectSpec], *, authority: Authority = RIGHTS
    ) -> None:
        self._database = database
        self._spec = spec
        self._authority = authority

    async def grant(
        self,
        by: Principal,
        *,
        workflow: str,
        version: str,
        source: str,
        tool: str,
        arg: str,
        treatment: Treatment,
        expiry: datetime,
        reason: str,
    ) -> Endorsement:
        """Let values of ``source`` flow into ``tool``'s ``arg`` under ``treatment``; granting anew replaces.

        Raises:
            DeniedError: ``policy.denied`` or ``effects.not_a_person``.
            UsageError: ``effects.undeclared``, ``effects.endorsement`` (this flow can never be endorsed so)
                or ``effects.reason_missing``.
        """
        self._require(by, tool)
        spec = self._spec(tool)
        _check(spec, arg, treatment)
        words = _words(reason)
        values = {
            "id": new_id(),
            "workflow": workflow,
            "version": version,
            "source": source,
            "tool": tool,
            "tool_version": spec.version,
            "arg": arg,
            "treatment": treatment,
            "by": by.id,
            "reason": words,
            "expires_at": expiry,
        }
        if not (workflow and version and source) or expiry.tzinfo is None:
            raise UsageError(
                f"an endorsement needs workflow, version, source and an expiry with a time zone, got "
                f"{workflow!r}, {version!r}, {source!r}, {expiry!r}",
                code="effects.endorsement",
            )
        async with self._database.transaction() as tx:
            if expiry <= await tx.fetch_value(Q.endorsement_clock):
                raise UsageError(
                    f"the expiry {expiry} has passed; choose a later one", code="effects.endorsement"
                )
            await tx.execute(Q.replace_endorsement, values)
            row = await tx.fetch_one(Q.insert_endorsement, values)
            assert row is not None
            granted = endorsement_of(row)
            await append(tx, _entry("endorsed", granted, by, words))
        return granted

    async def revoke(self, id: UUID, by: Principal, reason: str) -> Endorsement:
        """Take an endorsement back; it holds for no effect that starts later. Twice changes nothing.

        Raises:
            DeniedError: ``policy.denied`` or ``effects.not_a_person``.
            UsageError: ``effects.not_found`` or ``effects.reason_missing``.
        """
        words = _words(reason)
        async with self._database.transaction() as tx:
            row = await tx.fetch_one(Q.endorsement, {"id": id})
            if row is None:
                raise UsageError(f"there is no endorsement {str(id)!r}; list them", code="effects.not_found")
            self._require(by, row["tool"])
            if row["revoked_at"] is not None:
                return endorsement_of(row)
            gone = await tx.fetch_one(Q.revoke_endorsement, {"id": id, "by": by.id})
            assert gone is not None
            revoked = endorsement_of(gone)
            await append(tx, _entry("endorsement_revoked", revoked, by, words))
        return revoked

    async def list(self, *, workflow: str | None = None, live: bool = True) -> tuple[Endorsement, ...]:
        """Return endorsements, of one workflow or of all; with ``live`` only those that hold now."""
        rows = await self._database.fetch_all(Q.endorsements, {"workflow": workflow, "live": live})
        return tuple(endorsement_of(row) for row in rows)

    async def endorsed(
        self, workflow: str, version: str, tool: str, labels: Mapping[str, Label]
    ) -> dict[str, frozenset[Treatment]]:
        """Return the arguments whose every source is endorsed now, each with its treatments.

        Args:
            workflow: Name of the published workflow.
            version: Its version.
            tool: The tool.
            labels: The arguments' labels; ``pc`` for the choice to call.
        """
        if not (workflow and version):
            return {}
        values = {"workflow": workflow, "version": version, "tool": tool, "of": self._spec(tool).version}
        rows = await self._database.fetch_all(Q.endorsements_for, values)
        granted: dict[tuple[str, Treatment], set[str]] = {}
        for row in rows:
            granted.setdefault((row["arg"], row["treatment"]), set()).add(row["source"])
        found: dict[str, frozenset[Treatment]] = {}
        for (arg, treatment), sources in granted.items():
            if arg in labels and _covered(labels[arg], sources):
                found[arg] = found.get(arg, frozenset[Treatment]()) | frozenset((treatment,))
        return found

    def _require(self, by: Principal, tool: str) -> None:
        require(by, f"effects:endorse:{tool}", authority=self._authority)
        if by.kind != "person" or by.agent is not None:
            raise DeniedError(
                f"{by.id!r} is no person acting alone; only a person may endorse a flow",
                code="effects.not_a_person",
            )


def sources_of(label: Label) -> frozenset[str]:
    """Return the systems that a value comes from."""
    found: set[str] = set()
    for leaf in leaves(label):
        found.update([leaf.source] if isinstance(leaf, Origin) else leaf.sources)
    return frozenset(found)


def _covered(label: Label, granted: set[str]) -> bool:
    """Whether every leaf is endorsed; a value of nothing known is not."""
    parts = leaves(label)
    return bool(parts) and all(_leaf_covered(leaf, granted) for leaf in parts)


def _leaf_covered(leaf: Any, granted: set[str]) -> bool:
    if isinstance(leaf, Origin):
        return leaf.source in granted | OWN or f"{leaf.source}.{leaf.field}" in granted
    return bool(leaf.sources) and set(leaf.sources) <= granted | OWN


def _check(spec: EffectSpec, arg: str, treatment: Treatment) -> None:
    """Refuse what may never be endorsed: steering of tiers 3 and 4, and steering as content."""
    steers = arg == PC or spec.steers(arg)
    if treatment == CHOICE:
        wrong = "" if spec.tier <= 2 else f"{CHOICE} is for tiers 1 and 2, this is tier {spec.tier}"
    else:
        wrong = "it steers the effect, which content may never do" if steers else ""
    if wrong:
        raise UsageError(
            f"the flow into {spec.tool!r}, {arg!r} cannot be endorsed: {wrong}; ask a person at each call",
            code="effects.endorsement",
        )


def _words(reason: str) -> str:
    if not reason.strip():
        raise UsageError(
            f"an endorsement needs a reason, got {reason!r}; say why", code="effects.reason_missing"
        )
    return reason.strip()


def _entry(what: str, one: Endorsement, by: Principal, reason: str) -> AuditEntry:
    body = {
        "endorsement": str(one.id),
        "workflow": f"{one.workflow}@{one.version}"[:SHOWN],
        "flow": f"{one.source} -> {one.tool}@{one.tool_version}.{one.arg}"[:SHOWN],
        "treatment": one.treatment,
        "reason": reason[:SHOWN],
    }
    return AuditEntry(kind=f"effects.{what}", actor=by.id, body=body)


def endorsement_of(row: Mapping[str, Any]) -> Endorsement:
    """Return the noun of a stored row."""
    names = Endorsement.__dataclass_fields__
    return Endorsement(**{name: row[name] for name in names})
