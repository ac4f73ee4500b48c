"""Owns telling what happened: a run as a time line, a decision as one sentence and its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pilothouse.cli.console import table
from pilothouse.kernel import DeniedError, PilothouseError

if TYPE_CHECKING:
    from rich.console import Group

    from pilothouse.app import Studio
    from pilothouse.effects import DecisionRecord
    from pilothouse.engine import Entry, Run, Wait

__all__ = ["RunStory", "record_data", "record_page", "run_story", "told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    """A run with everything that hangs on it."""

    run: Run
    args: dict[str, Any]
    entries: list[Entry]
    waits: list[Wait]
    children: list[Run]
    decisions: list[DecisionRecord]
    result: Any

    def data(self) -> dict[str, Any]:
        """Return the story for scripts."""
        names = (
            "id",
            "workflow",
            "version",
            "key",
            "state",
            "segment",
            "reason",
            "created",
            "ended",
            "owner",
        )
        return {
            **{name: getattr(self.run, name) for name in names},
            "args": self.args,
            "steps": [_entry(entry) for entry in self.entries],
            "waits": [{"key": w.key, "kind": w.kind, "for": w.subject, "until": w.until} for w in self.waits],
            "children": [{"id": c.id, "workflow": c.workflow, "state": c.state} for c in self.children],
            "decisions": [record_data(record) for record in self.decisions],
            "result": self.result,
        }

    def page(self) -> Group:
        """Return the story for people."""
        from rich.console import Group
        from rich.text import Text

        run = self.run
        head = Text.assemble((run.state, "bold"), f"  {run.workflow} {run.version}  {run.id}")
        parts: list[Any] = [head, Text(f"key {run.key}, started {run.created:%Y-%m-%d %H:%M:%S} UTC", "dim")]
        parts += [Text(run.reason, style="yellow")] if run.reason else []
        parts += [Text(record.sentence) for record in self.decisions]
        parts.append(
            table("journal", ["key", "kind", "name", "outcome", "took", "tries"], _lines(self.entries))
        )
        if self.waits:
            rows = [[w.key, w.kind, w.subject, w.until] for w in self.waits]
            parts.append(table("waits for", ["key", "kind", "what", "until"], rows))
        if self.children:
            rows = [[str(c.id)[-8:], c.workflow, c.key, c.state] for c in self.children]
            parts.append(table("children", ["id", "workflow", "key", "state"], rows))
        return Group(*parts)


def _entry(entry: Entry) -> dict[str, Any]:
    names = (
        "key",
        "kind",
        "name",
        "version",
        "outcome",
        "attempts",
        "segment",
        "executor",
        "started",
        "ended",
    )
    return {name: getattr(entry, name) for name in names}


def _lines(entries: list[Entry]) -> list[list[Any]]:
    return [
        [
            entry.key,
            entry.kind,
            entry.name,
            entry.outcome,
            f"{(entry.ended - entry.started).total_seconds() * 1000:.0f} ms"
            if entry.started and entry.ended
            else "",
            entry.attempts,
        ]
        for entry in entries
    ]


async def told(
    studio: Studio, *, effect_id: str | None = None, proposal_id: UUID | None = None
) -> DecisionRecord:
    """Return a decision record, if who acts may read all of it now; see :func:`pilothouse.app.told`."""
    from pilothouse.app import told as tell

    return await tell(studio, studio.principal, effect_id=effect_id, proposal_id=proposal_id)


async def _tellable(studio: Studio, proposals: list[UUID]) -> list[DecisionRecord]:
    """Return the records that who acts may read."""
    found: list[DecisionRecord] = []
    for id in proposals:
        try:
            found.append(await told(studio, proposal_id=id))
        except DeniedError:
            continue
    return found


async def run_story(studio: Studio, id: UUID) -> RunStory:
    """Gather everything about one run.

    Raises:
        UsageError: ``engine.unknown_run``.
    """
    from pilothouse.decisions import InboxFilter

    engine = studio.engine
    run = await engine.get(id)
    page = await studio.inbox.list(studio.principal, InboxFilter(state=None, run=str(id), snoozed=True))
    return RunStory(
        run=run,
        args=await engine.args(id),
        entries=[entry async for entry in engine.history(id)],
        waits=await engine.waits(id),
        children=await engine.runs(parent=id, limit=1000),
        decisions=await _tellable(studio, [item.id for item in page.items]),
        result=await _result(studio, run),
    )


async def _result(studio: Studio, run: Run) -> Any:
    if run.state != "done":
        return None
    try:
        return await studio.engine.result(run.id)
    except PilothouseError as error:
        return str(error)


def record_data(record: DecisionRecord) -> dict[str, Any]:
    """Return a decision record for scripts."""
    effect, decision = record.effect, record.decision
    return {
        "sentence": record.sentence,
        "proposal": decision.proposal.id if decision else None,
        "state": decision.state if decision else None,
        "answer": decision.answer if decision else None,
        "rules": list(record.rules),
        "evidence": [
            {name: getattr(row, name) for name in row.__dataclass_fields__} for row in record.evidence
        ],
        "effect": None
        if effect is None
        else {
            name: getattr(effect, name)
            for name in ("effect_id", "tool", "state", "result", "reasons", "attempts")
        },
        "audit": [{"at": e.at, "kind": e.entry.kind, "actor": e.entry.actor} for e in record.audit],
    }


def record_page(record: DecisionRecord) -> Group:
    """Return a decision record for people: the sentence, the rules, the rows, the log."""
    from rich.console import Group
    from rich.text import Text

    rules = [[r.code, r.check, r.text, f"{r.table} {r.version} {r.row}"] for r in record.rules]
    rows = [
        [r.name, r.value, f"{r.source} {r.object}", " ".join(r.key.values()), r.field, r.hash[:12]]
        for r in record.evidence
    ]
    log = [[f"{e.at:%Y-%m-%d %H:%M:%S}", e.entry.kind, e.entry.actor] for e in record.audit]
    return Group(
        Text(record.sentence),
        table("rules", ["reason", "check", "why", "table"], rules, empty="No rule fired."),
        table("evidence", ["fact", "value", "source", "key", "field", "hash"], rows, empty="No evidence."),
        table("audit", ["at", "what", "who"], log, empty="Nothing in the log yet."),
    )
