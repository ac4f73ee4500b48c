"""Owns labelled examples: a text, which claims it makes, its layout and source; weak labels are allowed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, overload

from pilothouse.kernel import DataError
from pilothouse.labels import Label

__all__ = ["Example", "Examples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One text as somebody judged it.

    Attributes:
        labels: Names of the claim types the text makes; none for one that claims nothing.
        group: Layout, family of wordings or thread; splits keep it together. Empty: told by the wording.
        source: Who labelled or sent it: no source may speak for a wording more than a few times.
        quotes: By type, the words that make the claim, where somebody marked them.
    """

    text: str
    labels: frozenset[str]
    group: str = ""
    language: str = ""
    source: str = ""
    id: str = ""
    quotes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Examples(Sequence[Example]):
    """Examples and the join of their labels; whatever is learnt from them carries it.

    Attributes:
        rows: In their order.
        label: Join of what they were made from.
        licence: Under which they may be used; stands in the card.
    """

    rows: tuple[Example, ...]
    label: Label
    licence: str = ""

    @classmethod
    def read(cls, path: Path, *, label: Label, licence: str = "") -> Examples:
        """Return the examples of a JSONL file: ``text``, ``labels``, and what else is known.

        Raises:
            DataError: ``learning.examples``: names the line and what is wrong.
        """
        try:
            with path.open(encoding="utf-8") as opened:
                rows = tuple(_rows(opened, path))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"examples {str(path)!r}: {error}", code="learning.examples") from error
        if not rows:
            raise DataError(f"examples {str(path)!r} hold no line", code="learning.examples")
        return cls(rows=rows, label=label, licence=licence)

    def write(self, path: Path) -> None:
        """Write them as JSONL; the label goes with whoever hands the file on."""
        path.write_text("".join(json.dumps(_row(one), ensure_ascii=False) + "\n" for one in self.rows))

    @property
    def version(self) -> str:
        """Hash of all rows."""
        digest = hashlib.sha256()
        for one in self.rows:
            digest.update(json.dumps(_row(one), sort_keys=True, ensure_ascii=False).encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...

    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        return self.rows[index]

    def __iter__(self) -> Iterator[Example]:
        return iter(self.rows)


def _row(one: Example) -> dict[str, Any]:
    row: dict[str, Any] = {"text": one.text, "labels": sorted(one.labels)}
    for name in ("group", "language", "source", "id"):
        if getattr(one, name):
            row[name] = getattr(one, name)
    if one.quotes:
        row["quotes"] = dict(one.quotes)
    return row


def _rows(lines: Iterable[str], path: Path) -> Iterator[Example]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _example(json.loads(line), number)
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"{str(path)!r} line {number}: {error}; a line is "
                '{"text": "...", "labels": ["type"], "group": "...", "language": "en"}',
                code="learning.examples",
            ) from error


def _example(loaded: object, number: int) -> Example:
    if not isinstance(loaded, dict):
        raise TypeError("a line is an object")
    row = cast("dict[str, Any]", loaded)
    labels = row.get("labels", [])
    if not isinstance(row["text"], str) or not isinstance(labels, list):
        raise TypeError("text is a string and labels a list")
    if not all(isinstance(one, str) for one in cast("list[Any]", labels)):
        raise TypeError("labels are names of types")
    return Example(
        text=row["text"],
        labels=frozenset(cast("list[str]", labels)),
        group=str(row.get("group") or ""),
        language=str(row.get("language") or ""),
        source=str(row.get("source") or ""),
        id=str(row.get("id") or number),
        quotes={str(k): str(v) for k, v in dict(row.get("quotes") or {}).items()},
    )
