"""Owns turning the rows of one key into one reading: filters, cancellations, last word, code words, age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pilothouse.connectors import Row
from pilothouse.kernel import DataError
from pilothouse.labels import Integrity, Label, Labelled, Origin
from pilothouse_port.bindings.model import BindingModel, DefaultsModel
from pilothouse_port.bindings.read import Load
from pilothouse_port.bindings.values import (
    apply,
    moment_of,
    older_than,
    parts_of,
    rank_of,
    text_of,
    to_decimal,
    typed,
)
from pilothouse_port.facts import FACTS, FactSpec
from pilothouse_port.types import Absent, Fact, Reading, Unknown

__all__ = ["Resolver", "combined"]

CITED = 12
JOIN = FactSpec(name="join", kind="text", per="party", checks=(), meaning="a join's value", absent="answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Resolves one binding.

    Attributes:
        zone: What a local time means.
        at: The time asked about.
    """

    name: str
    binding: BindingModel
    defaults: DefaultsModel
    zone: str
    at: datetime

    @property
    def spec(self) -> FactSpec:
        """The catalogue entry; a join has one of its own."""
        return FACTS.get(self.name, JOIN)

    def read(self, load: Load, rows: Sequence[Row], looked: Mapping[str, str]) -> Reading:
        """Return what ``rows`` say.

        Args:
            load: The look-up they come from.
            rows: Rows of one key.
            looked: The key, for a look-up that found nothing.
        """
        wrong = self._wrong(load)
        if wrong is not None:
            return wrong
        kept = self._last(self._standing(rows))
        if not kept:
            return self._absent(looked, load.everything, rows)
        untrusted = [] if self.defaults.vouched_by else [r for r in kept if r.integrity < Integrity.RECORD]
        if untrusted:
            why = "; ".join(untrusted[0].faults) or "declared untrusted"
            return self._unknown("unread", f"{self._where}: {why}", untrusted)
        try:
            return self._value(kept, looked, load.everything)
        except (DataError, ValueError, ArithmeticError) as error:
            return self._unknown("unmapped", f"{self._where}: {error}", kept)

    def _wrong(self, load: Load) -> Unknown | None:
        if load.failure is not None:
            return self._unknown(load.failure.cause, load.failure.detail)
        gone = self._gone(load)
        if gone:
            return self._unknown("unbound", f"{self._where}: no field {gone!r} any more")
        stale = self._stale(load)
        return self._unknown("stale", stale) if stale else None

    @property
    def _where(self) -> str:
        return f"{self.binding.system} {self.binding.object}"

    def _unknown(self, cause: str, detail: str, rows: Sequence[Row] = ()) -> Unknown:
        return Unknown(name=self.name, cause=cause, detail=detail, cited=self._cited(rows))

    def _absent(self, looked: Mapping[str, str], around: Sequence[Row], fallen: Sequence[Row]) -> Reading:
        """Return that nothing stands, citing the rows that were taken back or empty, if there are any."""
        if self.spec.absent == "unknown":
            return self._unknown("missing_row", f"{self._where}: no row for {dict(looked)}")
        if fallen:
            return Absent(name=self.name, cited=self._cited(fallen))
        origin = Origin(
            source=self.binding.system,
            object=self.binding.object,
            key=dict(looked),
            field=next(iter(self.binding.value), ""),
            version="",
            read_at=around[0].read_at if around else self.at.astimezone(UTC),
        )
        # Nothing of the rows around: alone or in a batch, what is not there must be the same evidence.
        label = Label(readers=frozenset(), integrity=Integrity.RECORD, origin=origin)
        return Absent(name=self.name, cited=(Labelled(value=None, label=label),))

    def _gone(self, load: Load) -> str:
        if load.columns is None:
            return ""
        b = self.binding
        used = [*b.value, *b.where, *b.unless, *b.latest_by, *b.per]
        return next((name for name in used if name not in load.columns), "")

    def _stale(self, load: Load) -> str:
        age = self.binding.max_age or self.defaults.max_age
        if age is None or not load.everything:
            return ""
        newest = self._newest(load)
        if newest is None:
            return f"{self._where}: nothing says how old it is"
        return (
            f"{self._where}: newest is of {newest:%Y-%m-%d %H:%M}" if older_than(newest, self.at, age) else ""
        )

    def _newest(self, load: Load) -> datetime | None:
        column = self.binding.age_by or self.defaults.age_by
        if not column:
            return load.newest
        stamps = [row.values.get(column) for row in load.everything]
        return max((moment_of(s, zone=self.zone, formats=self._dates) for s in stamps if s), default=None)

    @property
    def _dates(self) -> tuple[str, ...]:
        return self.binding.date or self.defaults.date

    def _standing(self, rows: Sequence[Row]) -> list[Row]:
        b = self.binding
        kept = [row for row in rows if all(_has(row, name, words) for name, words in b.where.items())]
        kept = [row for row in kept if not any(_has(row, name, words) for name, words in b.unless.items())]
        if b.cancels is None or b.cancels.means:
            return kept
        return self._uncancelled(kept)

    def _uncancelled(self, rows: list[Row]) -> list[Row]:
        cancels = self.binding.cancels
        assert cancels is not None
        taken = [row for row in rows if _has(row, cancels.field, cancels.words)]
        left = [row for row in rows if row not in taken]
        for cancel in taken:
            left = [
                row
                for row in left
                if (cancels.of and row.values.get(cancels.of) != cancel.values.get(cancels.of))
                or self._rank(row) > self._rank(cancel)
            ]
        return left

    def _rank(self, row: Row) -> tuple[Any, ...]:
        return tuple(
            rank_of(row.values.get(name), zone=self.zone, formats=self._dates)
            for name in self.binding.latest_by
        )

    def _last(self, rows: list[Row]) -> list[Row]:
        if not self.binding.latest_by or not rows:
            return rows
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(text_of(row.values.get(n)) for n in self.binding.per), []).append(row)
        first = self.binding.take == "first"
        out: list[Row] = []
        for group in groups.values():
            ranks = [self._rank(row) for row in group]
            best = min(ranks) if first else max(ranks)
            out += [row for row, rank in zip(group, ranks, strict=True) if rank == best]
        return out

    def _value(self, rows: list[Row], looked: Mapping[str, str], around: Sequence[Row]) -> Reading:
        if self.binding.take == "count":
            return Fact(name=self.name, value=len(rows), cited=self._cited(rows))
        pairs = [(row, value) for row in rows if (value := self._one(row)) is not None]
        if not pairs:
            return self._absent(looked, around, rows)
        values = [value for _, value in pairs]
        cited = self._cited([row for row, _ in pairs])
        if self.spec.many or self.binding.take == "all":
            flat = tuple(part for value in values for part in parts_of(value))
            return Fact(name=self.name, value=flat, cited=cited)
        match self.binding.take:
            case "sum":
                return Fact(name=self.name, value=sum(values, Decimal(0)), cited=cited)
            case "min" | "max" as take:
                return Fact(name=self.name, value=(min if take == "min" else max)(values), cited=cited)
            case "any" if self.spec.values and self.spec.values[0] in values:
                return Fact(name=self.name, value=self.spec.values[0], cited=cited)
            case _:
                return self._single(values, cited)

    def _single(self, values: list[Any], cited: tuple[Labelled, ...]) -> Reading:
        if any(value != values[0] for value in values):
            words = ", ".join(sorted({text_of(value) for value in values}))
            return Unknown(
                name=self.name,
                cause="contradicting",
                detail=f"{self._where}: rows of equal standing say {words}",
                cited=cited,
            )
        return Fact(name=self.name, value=values[0], cited=cited[:1])

    def _one(self, row: Row) -> Any:
        b = self.binding
        if b.cancels is not None and b.cancels.means and _has(row, b.cancels.field, b.cancels.words):
            return b.cancels.means
        if b.exists is not None:
            return typed(b.exists, self.spec.kind, zone=self.zone, comma=".")
        parts = [row.values.get(name) for name in b.value]
        raw: Any = parts[0] if len(parts) == 1 else " ".join(text_of(part) for part in parts if part)
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return self._coded("") if "" in b.codes else None
        several = isinstance(raw, list)
        changed = apply(b.as_, parts_of(raw) if several else raw)
        several = isinstance(changed, tuple)
        if several:
            found = (self._convert(part, row) for part in parts_of(changed) if text_of(part))
            return tuple(part for part in found if part is not None) or None
        return None if changed == "" else self._convert(changed, row)

    def _convert(self, value: Any, row: Row) -> Any:
        if self.binding.codes or self.spec.kind == "code":
            value = self._coded(text_of(value))
            if value is None:
                return None
        found = typed(value, self.spec.kind, zone=self.zone, comma=self.defaults.decimal, formats=self._dates)
        unit = self.binding.unit
        if unit is None:
            return found
        word = text_of(row.values.get(unit.field))
        if word not in unit.factors:
            raise DataError(f"unit {word!r} has no factor", code="port.unmapped")
        return to_decimal(found) * Decimal(str(unit.factors[word]))

    def _coded(self, word: str) -> str | None:
        codes = self.binding.codes
        if word in codes:
            return codes[word]
        folded = {key.casefold(): value for key, value in codes.items()}
        if word.casefold() in folded:
            return folded[word.casefold()]
        if "*" in codes:
            return codes["*"]
        if self.spec.kind != "code" or word in self.spec.values:
            return word
        raise DataError(f"code word {word!r} is not mapped", code="port.unmapped")

    def _cited(self, rows: Sequence[Row]) -> tuple[Labelled, ...]:
        out: list[Labelled] = []
        for row in rows[:CITED]:
            names = [name for name in self.binding.value if name in row.values]
            names = names or [key.field for key in self.binding.key.values() if key.field in row.values]
            out += [row.labelled(name) for name in names or list(row.values)[:1]]
        return tuple(out)


def _has(row: Row, name: str, words: Sequence[str]) -> bool:
    value = text_of(row.values.get(name, row.key.get(name)))
    return value in words or (value == "" and "empty" in words) or (value != "" and "filled" in words)


def combined(name: str, readings: Sequence[Reading]) -> Reading:
    """Return one reading from several bindings of one fact.

    Any unknown stays unknown; sets and sums unite; a stop that is active anywhere is active; other facts
    must agree or they contradict.
    """
    unknown = next((reading for reading in readings if isinstance(reading, Unknown)), None)
    facts = [reading for reading in readings if isinstance(reading, Fact)]
    if unknown is not None or len(facts) < 2:
        return unknown or next(iter(facts), readings[0])
    cited = tuple(item for fact in facts for item in fact.cited)
    united = _united(name, facts)
    if united is not None:
        return Fact(name=name, value=united, cited=cited)
    words = ", ".join(text_of(fact.value) for fact in facts)
    return Unknown(name=name, cause="contradicting", detail=f"systems disagree: {words}", cited=cited)


def _united(name: str, facts: Sequence[Fact]) -> Any:
    if FACTS.get(name, JOIN).many:
        return tuple(part for fact in facts for part in parts_of(fact.value))
    if name == "charge.open_amount":
        return sum((fact.value for fact in facts), Decimal(0))
    values = [fact.value for fact in facts]
    if name == "stop.listed" and "active" in values:
        return "active"
    return values[0] if all(value == values[0] for value in values) else None
