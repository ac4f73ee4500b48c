"""Owns finding texts that mention or hang on a box. Finding a number in a text is not reading it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pilothouse.connectors import Row
from pilothouse.kernel import DataError, PilothouseError
from pilothouse_port.bindings.attached import attached_to
from pilothouse_port.bindings.load import Bindings
from pilothouse_port.bindings.model import TextModel
from pilothouse_port.bindings.read import Load, Reader, load_all, want_of
from pilothouse_port.bindings.values import moment_of, text_of
from pilothouse_port.checks import TEXT_OUTCOMES
from pilothouse_port.reading.senders import signs
from pilothouse_port.types import Consignment, Reading, Unknown, Unread

__all__ = ["bare_words", "gather_texts", "mentions", "squeezed", "text_kinds"]

Keys = Callable[[TextModel, Consignment], list[tuple[str, ...]]]
Found = dict[str, tuple[tuple[Unread, ...], dict[str, Reading]]]
_SLIPS = str.maketrans({"O": "0", "I": "1", "L": "1"})


def squeezed(text: str) -> str:
    """Return letters and digits alone, upper case, with the slips O/0, I/1 and l/1 made equal."""
    return re.sub(r"[^0-9A-Z]", "", text.upper()).translate(_SLIPS)


def mentions(text: str, one: Consignment, *, ready: str | None = None, beside: Sequence[str] = ()) -> str:
    """Return which number of the consignment ``text`` mentions, empty when none.

    Blanks, hyphens and dots inside the number, O for 0 and a missing check digit do not hide it.

    Args:
        text: As the source gave it.
        one: Whose numbers are looked for.
        ready: ``squeezed(text)``, when it is already there.
        beside: Other boxes under the same B/L: who writes about one of them writes about the cargo.
    """
    bare = squeezed(text) if ready is None else ready
    for container in (one.container, *beside):
        box = squeezed(container)
        if box and (box in bare or (len(box) == 11 and box[:10] in bare)):
            return container
    bill = squeezed(one.bl)
    return one.bl if len(bill) >= 5 and bill in bare else ""


def text_kinds(bindings: Bindings) -> frozenset[str]:
    """Return the kinds of text that an outcome of the policy could stand in."""
    named = {(row.check, row.outcome) for row in bindings.table.rows}
    return frozenset(kind for key, kinds in TEXT_OUTCOMES.items() if key in named for kind in kinds)


async def gather_texts(
    bindings: Bindings,
    reader: Reader,
    consignments: Sequence[Consignment],
    *,
    at: datetime,
    keys: Keys,
    domains: Collection[str] = (),
) -> Found:
    """Return texts to read and gaps of text sources by consignment.

    A text counts when the policy has an outcome that only such a text can hold, and no person has said
    that exactly these words carry nothing (``known``). ``keys`` gives a source's keys of a consignment,
    ``domains``
    are those of registered contacts.
    """
    kinds = text_kinds(bindings)
    unread: dict[str, list[Unread]] = {one.key: [] for one in consignments}
    gaps: dict[str, dict[str, Reading]] = {one.key: {} for one in consignments}
    bound = {text.kind for text in bindings.model.texts.values()}
    for kind in sorted(kinds - bound - set(bindings.model.no_texts)):
        _gap(gaps, consignments, kind, "unbound", f"no text source of kind {kind} is bound")
    for source in bindings.model.texts.values():
        if source.kind not in kinds:
            continue
        load = await _load(source, reader, consignments, keys)
        if load.failure is not None:
            _gap(gaps, consignments, source.kind, load.failure.cause, load.failure.detail)
        elif source.key:
            written = {
                key: _until(rows, source, bindings, at) if source.at else rows
                for key, rows in load.rows.items()
            }
            _keyed(source, written, consignments, unread, keys)
        else:
            beside = await _beside(bindings, reader)
            rows = _until(load.everything, source, bindings, at)
            shown = _mentioning(source, rows, consignments, unread, beside=beside, domains=domains)
            await _hang_on(source, reader, shown, unread)
    return {one.key: (tuple(unread[one.key]), gaps[one.key]) for one in consignments}


async def _beside(bindings: Bindings, reader: Reader) -> dict[str, list[str]]:
    """Return the boxes of the discharge list by B/L."""
    from pilothouse_port.bindings.gather import list_consignments

    out: dict[str, list[str]] = {}
    for one in await list_consignments(bindings, reader):
        out.setdefault(one.bl, []).append(one.container)
    return out


def _gap(
    gaps: dict[str, dict[str, Reading]], boxes: Sequence[Consignment], kind: str, cause: str, detail: str
) -> None:
    for one in boxes:
        gaps[one.key][f"text.{kind}"] = Unknown(name=f"text.{kind}", cause=cause, detail=detail)


async def _load(source: TextModel, reader: Reader, consignments: Sequence[Consignment], keys: Keys) -> Load:
    want = want_of(
        source.system,
        source.object,
        source.key,
        params={},
        scan=source.scan or not source.key,
        batch=500,
    )
    asked = [key for one in consignments for key in keys(source, one)] if source.key else []
    if not asked and not want.scan:
        return Load()
    return (await load_all(reader, {want: asked}))[want]


def _until(rows: Sequence[Row], source: TextModel, bindings: Bindings, at: datetime) -> list[Row]:
    """Leave out what was written after the time asked about."""
    if not source.at:
        return list(rows)
    defaults = bindings.model.systems.get(source.system)
    zone = (defaults.timezone if defaults else "") or bindings.model.timezone
    formats = defaults.date if defaults else ()

    def later(row: Row) -> bool:
        stamp = row.values.get(source.at)
        try:
            return bool(stamp) and moment_of(stamp, zone=zone, formats=formats) > at
        except DataError:
            return False  # nobody knows when it was written: it stays and can only tighten

    return [row for row in rows if not later(row)]


def _words(row: Row, source: TextModel) -> str:
    return "\n".join(text_of(row.values.get(name)) for name in source.text if row.values.get(name))


def bare_words(text: str) -> str:
    """Return the words alone: by them a wording a person approved is found again."""
    return re.sub(r"\W+", " ", text).strip().casefold()


def _keyed(
    source: TextModel,
    written: Mapping[tuple[str, ...], Sequence[Row]],
    consignments: Sequence[Consignment],
    unread: dict[str, list[Unread]],
    keys: Keys,
) -> None:
    known = {bare_words(text) for text in source.known}
    for one in consignments:
        for row in [row for key in keys(source, one) for row in written.get(key, ())]:
            if not _selected(row, source):
                continue
            for name in source.text:
                text = text_of(row.values.get(name))
                if bare_words(text) and bare_words(text) not in known:
                    unread[one.key].append(
                        Unread(source=source.system, kind=source.kind, text=row.labelled(name))
                    )


def _selected(row: Row, source: TextModel) -> bool:
    return all(text_of(row.values.get(name)) in words for name, words in source.where.items())


def _mentioning(
    source: TextModel,
    rows: Sequence[Row],
    consignments: Sequence[Consignment],
    unread: dict[str, list[Unread]],
    *,
    beside: Mapping[str, Sequence[str]],
    domains: Collection[str],
) -> dict[str, list[str]]:
    """Add the mails that mention a consignment; return the keys of those each mail is about, by its id."""
    shown: dict[str, list[str]] = {}
    threads = _threads(rows, source)
    bare = {index: squeezed(_words(row, source)) for index, row in enumerate(rows)}
    for one in consignments:
        hit = {
            index: found
            for index in bare
            if (found := mentions("", one, ready=bare[index], beside=beside.get(one.bl, ())))
        }
        for index in _with_thread(set(hit), threads):
            row = rows[index]
            letter = _letter(row, source, mention=hit.get(index, ""), domains=domains)
            unread[one.key].append(letter)
            if not source.attachments and row.values.get("attachments"):
                why = "its attachments are not bound: name their object as attachments in port.yaml"
                unread[one.key].append(replace(letter, part="attachment", words="", why=why))
            if _has_attachments(row) and row.values.get(source.id):
                shown.setdefault(text_of(row.values[source.id]), []).append(one.key)
    return shown


def _has_attachments(row: Row) -> bool:
    """A source that does not say so is asked."""
    return bool(row.values.get("attachments", True))


async def _hang_on(
    source: TextModel, reader: Reader, shown: Mapping[str, list[str]], unread: dict[str, list[Unread]]
) -> None:
    """Add the attachments of the mails that are about a consignment."""
    if not source.attachments or not shown:
        return
    try:
        found = await attached_to(source, reader, sorted(shown))
    except PilothouseError as error:
        found: Mapping[str, list[Unread]] = {}
        for key in {key for keys in shown.values() for key in keys}:
            mail = next(text for text in unread[key] if text.kind == source.kind)
            unread[key].append(
                replace(mail, part="attachment", words="", why=f"attachments: {error.message}")
            )
    for id_, texts in found.items():
        for key in shown.get(id_, ()):
            parent = next(
                (
                    one
                    for one in unread[key]
                    if one.also.get("message_id") is not None and text_of(one.also["message_id"].value) == id_
                ),
                None,
            )
            also = parent.also if parent is not None else {}
            unread[key] += [replace(text, also=also) for text in texts]


def _letter(row: Row, source: TextModel, *, mention: str, domains: Collection[str]) -> Unread:
    cited = next((name for name in reversed(source.text) if name in row.values), source.text[0])
    fields = {
        "subject": next((name for name in source.text if name != cited), ""),
        "from": source.sender,
        "reply_to": source.answers,
        "message_id": source.id,
        "in_reply_to": source.reply,
        "date": source.at,
    }
    also = {role: row.labelled(name) for role, name in fields.items() if name and row.values.get(name)}
    sender, answers = (str(also[role].value) if role in also else "" for role in ("from", "reply_to"))
    return Unread(
        source=source.system,
        kind=source.kind,
        text=row.labelled(cited),
        mention=mention,
        also=also,
        signs=signs(sender, answers, domains) if domains else (),
    )


def _threads(rows: Sequence[Row], source: TextModel) -> Mapping[int, set[int]]:
    """Return which mails answer each other."""
    if not source.id or not source.reply:
        return {}
    by_id = {text_of(row.values.get(source.id)): index for index, row in enumerate(rows)}
    linked: dict[int, set[int]] = {}
    for index, row in enumerate(rows):
        parent = by_id.get(text_of(row.values.get(source.reply)))
        if parent is not None:
            linked.setdefault(index, set()).add(parent)
            linked.setdefault(parent, set()).add(index)
    return linked


def _with_thread(hits: set[int], linked: Mapping[int, set[int]]) -> list[int]:
    seen, todo = set(hits), deque(hits)
    while todo:
        for other in linked.get(todo.popleft(), ()):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return sorted(seen)
