"""Owns learning from a port's past: tickets and texts read through its mapping, heads trained on them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.connectors import Query, Row
from pilothouse.kernel import DataError, PilothouseError, UsageError
from pilothouse.labels import Label, join
from pilothouse_port.bindings import Bindings, Reader
from pilothouse_port.bindings.model import KeyModel, TextKind, TextModel
from pilothouse_port.bindings.values import apply, moment_of, text_of
from pilothouse_port.reading.cargo import folded, hazard_in
from pilothouse_port.reading.heads import DELTA, SHIPPED, port_encoder
from pilothouse_port.reading.past import PastText, Ticket, examples_of, without_addresses, words_of_types
from pilothouse_port.reading.read import wording_of
from pilothouse_port.reading.senders import domain_of
from pilothouse_port.reading.tasks import ENCODED, task_for

if TYPE_CHECKING:
    from pilothouse.learning import Example

__all__ = ["CARGO_WORDS", "Past", "read_past", "train"]

CARGO_WORDS = "cargo_words.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a port's past teaches.

    Attributes:
        examples: Weakly labelled, by kind of text.
        cargo: Folded words of cargo that left without a hazard, with how many consignments had them.
        tickets: Decisions found.
        label: Join of everything read.
    """

    examples: Mapping[str, Sequence[Example]]
    cargo: Mapping[str, int]
    tickets: int
    label: Label

    @property
    def settled(self) -> frozenset[str]:
        """Wordings of remarks that no clerk took for a reason, see :func:`wording_of`."""
        remarks = self.examples.get("remark", ())
        tight = {wording_of(one.text) for one in remarks if one.labels}
        return frozenset(wording_of(one.text) for one in remarks) - tight


async def read_past(
    bindings: Bindings,
    reader: Reader,
    *,
    name: str = "",
    kinds: Collection[TextKind] = ("mail", "remark", "description"),
) -> Past:
    """Read the past decisions of a port and the texts they were made on.

    Args:
        bindings: The port; ``history`` says where its clerks' decisions stand.
        reader: Reads with the asker's rights.
        name: Prefix of the examples' ids, such as the port's name.
        kinds: Of texts; one query an object.

    Raises:
        UsageError: ``port.history``: the mapping names no past decisions.
    """
    history = bindings.model.history
    if history is None:
        raise UsageError(
            f"{bindings.path.name} has no `history`: say where your clerks' past decisions stand "
            "(docs/how-to/bring-your-own-port.md)",
            code="port.history",
        )
    words = words_of_types(bindings.table)
    rows = await reader.read(history.system, Query(history.object))
    labels: list[Label] = [row.labelled(history.reasons).label for row in rows]
    tickets = [_ticket(row, bindings) for row in rows]
    boxes = {ticket.container for ticket in tickets}
    texts: list[PastText] = []
    cargo: Counter[str] = Counter()
    for source in (one for one in bindings.model.texts.values() if one.kind in kinds):
        rows = await _rows(source, reader)
        labels += [row.labelled(source.text[-1]).label for row in rows[:1]]
        if source.kind == "description":
            cargo += _cargo(rows, source, bindings, tickets, words["hazard"])
        else:
            texts += [text for row in rows for text in _texts(row, source, bindings, boxes)]
    found = examples_of(tickets, texts, words, group=f"{name}:" if name else "")
    return Past(examples=found, cargo=dict(cargo), tickets=len(tickets), label=join(*labels))


def _part(row: Row, key: KeyModel) -> str:
    value = row.values.get(key.field, row.key.get(key.field))
    return text_of(apply((*key.as_, *key.clean), value if value is not None else ""))


def _ticket(row: Row, bindings: Bindings) -> Ticket:
    history = bindings.model.history
    assert history is not None
    said = text_of(row.values.get(history.reasons))
    every = {
        r for each in bindings.table.rows for r in (each.reason, *(t.reason for t in each.exceptions)) if r
    }
    tokens = set(re.split(r"[^\w.-]+", said.casefold()))
    named = {
        word
        for word in every
        if word.casefold() in tokens or (" " in word and word.casefold() in said.casefold())
    }
    return Ticket(
        container=_part(row, history.container),
        bl=_part(row, history.bl),
        at=_moment(row, history.at, history.system, bindings),
        reasons=frozenset(named),
    )


def _moment(row: Row, field: str, system: str, bindings: Bindings) -> datetime | None:
    value = row.values.get(field) if field else None
    if not value:
        return None
    defaults = bindings.model.systems.get(system)
    zone = (defaults.timezone if defaults else "") or bindings.model.timezone
    try:
        return moment_of(value, zone=zone, formats=defaults.date if defaults else ())
    except DataError:
        return None


async def _rows(source: TextModel, reader: Reader) -> list[Row]:
    try:
        return await reader.read(source.system, Query(source.object))
    except PilothouseError:
        return []


def _texts(row: Row, source: TextModel, bindings: Bindings, boxes: set[str]) -> list[PastText]:
    at = _moment(row, source.at, source.system, bindings)
    if source.kind == "mail":
        text = next((text_of(row.values.get(n)) for n in reversed(source.text) if row.values.get(n)), "")
        return [
            PastText(
                kind="mail",
                text=text,
                at=at,
                id=text_of(row.values.get(source.id)),
                reply=text_of(row.values.get(source.reply)),
                sender=domain_of(text_of(row.values.get(source.sender))),
                attached=bool(row.values.get("attachments")),
            )
        ]
    key = source.key.get("container")
    if key is None:
        return []
    box = _inverse(row, key)
    found = [box] if box in boxes else []
    return [
        PastText(kind="remark", text=text_of(row.values.get(name)), at=at, container=one)
        for one in found
        for name in source.text
    ]


def _inverse(row: Row, key: KeyModel) -> str:
    """Return the box as records elsewhere write it; a key written another way is compared squeezed."""
    return re.sub(r"[^0-9A-Z]", "", _part(row, KeyModel(field=key.field, clean=key.clean)).upper())


def _cargo(
    rows: Sequence[Row],
    source: TextModel,
    bindings: Bindings,
    tickets: Sequence[Ticket],
    hazard: frozenset[str],
) -> Counter[str]:
    """Count the words of past cargo whose ticket names no hazard; what a hazard is called is left out."""
    del bindings
    clean = {(t.container, t.bl) for t in tickets if not t.reasons & hazard}
    out: Counter[str] = Counter()
    parts = {part: key for part, key in source.key.items() if part in ("container", "bl")}
    known = {part: {one[0 if part == "container" else 1] for one in clean} for part in parts}
    for row in rows:
        if not parts or any(_part(row, key) not in known[part] for part, key in parts.items()):
            continue
        for name in source.text:
            text = text_of(row.values.get(name))
            if hazard_in(text) is None:
                out.update(set(re.findall(r"[^\W\d_]{3,}", folded(text))))
    return out


async def train(
    past: Sequence[Past], out: Path, *, licence: str = "", progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Train heads from the past of one or more ports into ``out``; they belong to whoever owns that folder.

    Raises:
        DataError: ``learning.too_few``: nothing to learn from.
    """
    from pilothouse.learning import Examples, train_heads

    label = join(*(one.label for one in past))
    encoder = port_encoder(SHIPPED / DELTA if (SHIPPED / DELTA).is_file() else None)
    progress("with the encoder's vectors" if encoder is not None else "words alone: no encoder is installed")
    cards: dict[str, Any] = {}
    for kind in ("mail", "remark"):
        found = [example for one in past for example in one.examples.get(kind, ())]
        rows = (*found, *without_addresses(found))
        if not rows:
            progress(f"{kind}: the past holds no labelled text")
            continue
        progress(f"{kind}: {len(rows)} texts")
        task = task_for(kind)
        trained = await train_heads(
            task,
            Examples(rows=rows, label=label, licence=licence),
            out,
            encoder=encoder,
            encoded=ENCODED,
            progress=progress,
        )
        cards[task.name] = {"folder": str(trained.folder), "name": trained.head.name}
    words: Counter[str] = Counter()
    for one in past:
        words.update(one.cargo)
    kept = sorted(word for word, count in words.items() if count >= 2)
    if kept:
        out.mkdir(parents=True, exist_ok=True)
        (out / CARGO_WORDS).write_text("\n".join(kept) + "\n", encoding="utf-8")
    return {"heads": cards, "cargo_words": len(kept), "tickets": sum(one.tickets for one in past)}
