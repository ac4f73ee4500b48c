"""Owns guessing where each fact stands: by what the values look like, how keys overlap, what words mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pilothouse_port.draft.keys import KeyFit, fit_key
from pilothouse_port.draft.readme import Dictionary, Meaning, read_dictionary
from pilothouse_port.draft.scan import Column, Scan, Table
from pilothouse_port.draft.shapes import is_box
from pilothouse_port.draft.words import abbreviated, code_words, concepts_of

__all__ = ["Guess", "Guesser", "KeyPart", "Look"]

MIN_SHARE: Final = 0.15
NO_EVENT: Final = frozenset({"valid", "until", "contact", "start", "due", "landing"})
"""What speaks against a time being the one at which a row was written."""
EDIFACT: Final = frozenset({"CUSRES", "IFTDGN", "VERMAS"})


@dataclass(slots=True, kw_only=True)
class Look:
    """One table as the guesser sees it: concepts by column, and where it holds our keys."""

    table: Table
    words: frozenset[str]
    concepts: dict[str, frozenset[str]]
    meanings: dict[str, Meaning]
    keys: dict[str, tuple[str, KeyFit]] = field(default_factory=dict[str, tuple[str, KeyFit]])

    def column(self, *all_of: str, none: Sequence[str] = (), shapes: Sequence[str] = ()) -> Column | None:
        """Return the column whose meaning holds all concepts and fewest others; of several one explained."""
        fits = [
            (len(found - set(all_of)), name not in self.meanings, name)
            for name, found in self.concepts.items()
            if set(all_of) <= found
            and not found & set(none)
            and (not shapes or self.table.columns[name].shape in shapes)
        ]
        return self.table.columns[min(fits)[-1]] if fits else None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPart:
    """A key part of a binding: which column, and how our key is written there."""

    part: str
    field: str
    fit: KeyFit


@dataclass(slots=True, kw_only=True)
class Guess:
    """A drafted binding with its evidence.

    Attributes:
        body: The binding as a mapping for YAML.
        why: The evidence in words.
        todo: What a person must still do.
    """

    name: str
    body: dict[str, Any]
    why: str
    todo: list[str] = field(default_factory=list[str])
    join: bool = False


class Guesser:
    """Knows all tables, the discharge list and who has which key."""

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.dictionaries: dict[str, Dictionary] = {
            name: read_dictionary(text) for name, text in scan.notes.items()
        }
        self.looks = [self._look(table) for table in scan.tables if "{" not in table.name]
        self.listed = self._find_list()
        self.known: dict[str, set[str]] = {"container": set(), "bl": set(), "call": set()}
        if self.listed is not None:
            self._learn_list(self.listed)
            for look in self.looks:
                self._learn_keys(look)

    def _look(self, table: Table) -> Look:
        dictionary = self.dictionaries[table.system]
        concepts: dict[str, frozenset[str]] = {}
        meanings: dict[str, Meaning] = {}
        for name in table.columns:
            meaning = dictionary.column(table.name, name)
            if meaning is not None:
                meanings[name] = meaning
                concepts[name] = concepts_of(meaning.words)
            else:
                concepts[name] = _told_apart(concepts_of(name, header=True), table.columns[name])
        words = concepts_of(
            " ".join((dictionary.table(table.name), table.note, table.name.replace("*", " ")))
        )
        return Look(table=table, words=words, concepts=concepts, meanings=meanings)

    # -- keys -----------------------------------------------------------------------------------

    def _find_list(self) -> Look | None:
        def rank(look: Look) -> tuple[int, int]:
            likely = len(look.words & {"landing", "list", "call"}) * 2
            calls = look.column("call") is not None
            return likely + 3 * calls, -len(look.table.columns)

        fits = [
            look
            for look in self.looks
            if _box_column(look) and _bl_column(look) and look.table.kind != "edifact"
        ]
        return max(fits, key=rank, default=None)

    def _learn_list(self, look: Look) -> None:
        box, bill = _box_column(look), _bl_column(look)
        assert box is not None
        assert bill is not None
        self.known["container"] = {v for v in box.values if is_box(v)}
        self.known["bl"] = set(bill.distinct)
        call = look.column("call")
        self.known["call"] = set(call.distinct) if call else set()

    def _learn_keys(self, look: Look) -> None:
        for part, wanted in (("container", "box"), ("bl", "")):
            fits = [
                (fit_key(self.known[part], column.distinct), column)
                for column in look.table.columns.values()
                if not wanted or column.shape == wanted or "container" in look.concepts[column.name]
            ]
            if part == "bl":
                fits = [
                    (fit, c) for fit, c in fits if c.shape not in ("text", "moment", "day", "decimal", "code")
                ]
            found = max(fits, key=lambda item: item[0].share, default=None)
            if found is not None and found[0].share >= MIN_SHARE:
                look.keys[part] = (found[1].name, found[0])
        call = look.column("call")
        if call is not None and self.known["call"]:
            look.keys["call"] = (call.name, fit_key(self.known["call"], call.distinct))

    def learn(self, part: str, column: Column) -> None:
        """Take a column's values as the keys of ``part`` and find them in every table.

        A column is taken when its values overlap; of several the one whose name says so.
        """
        self.known[part] = set(column.distinct)
        hint = {"party": "customer", "haulier": "haulier", "document": "document"}.get(part, part)
        for look in self.looks:
            fits = [
                (fit_key(self.known[part], other.distinct), hint in look.concepts[other.name], other.name)
                for other in look.table.columns.values()
                if other.shape in ("id", "whole", "code")
            ]
            fits = [item for item in fits if item[0].share >= MIN_SHARE]
            if fits:
                fit, _, name = max(fits, key=lambda item: (item[1], item[0].share))
                look.keys[part] = (name, fit)

    # -- columns --------------------------------------------------------------------------------

    def find(
        self,
        *all_of: str,
        keys: Iterable[str] = (),
        none: Sequence[str] = (),
        near: Sequence[str] = (),
        shapes: Sequence[str] = (),
        ok: Callable[[Look], bool] = lambda _: True,
    ) -> tuple[Look, Column] | None:
        """Return the best column over all tables.

        Args:
            all_of: Concepts its meaning must hold.
            keys: Keys its table must have.
            none: Concepts that speak against it.
            near: Concepts of other columns or of the table that speak for the table.
            shapes: Shapes its values may have.
            ok: Any further test of the table.
        """
        wanted = set(keys)
        fits: list[tuple[float, int, Look, Column]] = []
        for place, look in enumerate(self.looks):
            column = look.column(*all_of, none=none, shapes=shapes)
            if look.table.kind == "edifact" or column is None:
                continue  # the fields of a message mean what the standard says
            if not wanted <= set(look.keys) or not ok(look):
                continue
            around = look.words.union(*look.concepts.values())
            score = 2 * len(around & set(near)) - 0.5 * len(look.concepts[column.name] - set(all_of))
            score += 1 if column.name in look.meanings else 0
            fits.append((score, -place, look, column))
        if not fits:
            return None
        _, _, look, column = max(fits, key=lambda item: item[:2])
        return look, column

    def spoken(self, fact: str, *, keys: Iterable[str], word: str) -> tuple[Look, Column] | None:
        """Return the column whose words all mean values of ``fact``, ``word`` among them, whatever its name.

        Args:
            fact: A fact that is a code.
            keys: Keys its table must have.
            word: The catalogue value no other fact's column would say.
        """
        best: tuple[int, Look, Column] | None = None
        for look in self.looks:
            if not set(keys) <= set(look.keys):
                continue
            for column in look.table.columns.values():
                if column.shape != "code" and column.name not in look.meanings:
                    continue
                meaning = look.meanings.get(column.name)
                said = [(meaning.codes if meaning else {}).get(one, one) for one in column.distinct]
                found = {code_words(fact, one) for one in said}
                if word in found and None not in found and len(found) > (best[0] if best else 1):
                    best = len(found), look, column
        return best[1:] if best else None

    def latest(self, look: Look) -> list[str]:
        """Return the columns by which the newest of several rows is known; empty when nothing says."""
        for wanted in (
            ("changed", "time"),
            ("event", "time"),
            ("state", "time"),
            ("version",),
            ("created", "time"),
        ):
            column = look.column(*wanted, none=("contact",))
            if column is not None:
                return [column.name]
        for wanted in (("created", "day"), ("changed", "day")):
            column = look.column(*wanted)
            if column is not None:
                return [column.name]
        moments = [
            column.name
            for column in look.table.columns.values()
            if column.shape == "moment" and not look.concepts[column.name] & NO_EVENT
        ]
        return moments if len(moments) == 1 else []

    def codes(self, fact: str, look: Look, column: Column) -> tuple[dict[str, str | None], list[str]]:
        """Return the mapping of a column's words to the catalogue, and what could not be mapped."""
        meaning = look.meanings.get(column.name)
        spoken = dict(meaning.codes) if meaning else {}
        out: dict[str, str | None] = {}
        open_: list[str] = []
        sure: list[str] = []
        for word in sorted({*spoken, *column.distinct}):
            value = code_words(fact, spoken.get(word, word)) or code_words(fact, word)
            question = f"{fact}: what does {word!r} in {look.table.system} {column.name} mean?"
            if value is None:
                value = abbreviated(fact, word)
                sure += [f"{question} {value!r} as an abbreviation: confirm"] if value else []
            if value is None:
                open_.append(question)
            else:
                out[word] = value
        out, open_ = self._by_elimination(fact, out, open_)
        return out, [*sure, *open_]

    def _by_elimination(
        self, fact: str, out: dict[str, str | None], open_: list[str]
    ) -> tuple[dict[str, str | None], list[str]]:
        """One word and one value left over belong together, but a person must say so."""
        from pilothouse_port.facts import FACTS

        left = [value for value in (FACTS[fact].values if fact in FACTS else ()) if value not in out.values()]
        if len(open_) != 1 or len(left) != 1:
            return out, open_
        word = open_[0].split("'")[1]
        return {**out, word: left[0]}, [f"{open_[0]} {left[0]!r} by elimination: confirm"]


def _told_apart(found: frozenset[str], column: Column) -> frozenset[str]:
    """Let the values say whether a header cut down to ``nm`` is a number or a name."""
    if not {"number", "name"} <= found or column.shape == "empty":
        return found
    digits = sum(any(sign.isdigit() for sign in value) for value in column.distinct)
    return found - {"name" if digits * 2 > len(column.distinct) else "number"}


def _box_column(look: Look) -> Column | None:
    return next((c for c in look.table.columns.values() if c.shape == "box"), None)


def _bl_column(look: Look) -> Column | None:
    return look.column("bl", none=("kind", "name"), shapes=("id", "whole", "code", "text"))
