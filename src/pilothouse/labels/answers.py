"""Owns typed answers about untrusted text: closed sets of values, and how many bits a run may take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pilothouse.kernel import DataError, LimitError, UsageError, wired

__all__ = ["Answer", "Boolean", "Budget", "Choice", "Number"]


class Answer(Protocol):
    """A closed set of values. Narrowing does not launder: the value keeps its source's label."""

    @property
    def size(self) -> int:
        """How many values there are."""
        ...

    @property
    def bits(self) -> float:
        """What an answer can tell at most: log2 of the size."""
        ...

    def parse(self, raw: object) -> bool | str | int:
        """Return the value, or raise DataError ``labels.answer``."""
        ...


def _wrong(raw: object, expected: str) -> DataError:
    shown = repr(raw)
    return DataError(
        f"{shown[:80]} is not {expected}; ask again or give up the question", code="labels.answer"
    )


@wired("answers.boolean")
@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean:
    """Yes or no."""

    @property
    def size(self) -> int:
        """Two."""
        return 2

    @property
    def bits(self) -> float:
        """One."""
        return 1.0

    def parse(self, raw: object) -> bool:
        """Return ``True`` or ``False``, also from their JSON text.

        Raises:
            DataError: ``labels.answer``.
        """
        if isinstance(raw, bool):
            return raw
        if raw in ("true", "false"):
            return raw == "true"
        raise _wrong(raw, "true or false")


@wired("answers.choice")
@dataclass(frozen=True, slots=True)
class Choice:
    """One of a closed list.

    Attributes:
        options: All of them, each once; from trusted values, never from the text asked about.

    Raises:
        UsageError: ``labels.question``: no options, or one twice.
    """

    options: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.options or len(set(self.options)) != len(self.options):
            raise UsageError(
                f"options {self.options!r} must be at least one and each only once", code="labels.question"
            )

    @property
    def size(self) -> int:
        """How many options there are."""
        return len(self.options)

    @property
    def bits(self) -> float:
        """Log2 of the size."""
        return math.log2(self.size)

    def parse(self, raw: object) -> str:
        """Return the option, word for word.

        Raises:
            DataError: ``labels.answer``.
        """
        if isinstance(raw, str) and raw in self.options:
            return raw
        raise _wrong(raw, f"one of {self.size} options")


@wired("answers.number")
@dataclass(frozen=True, slots=True)
class Number:
    """A whole number between two bounds, both included.

    Raises:
        UsageError: ``labels.question``: the bounds are the wrong way round.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise UsageError(f"{self.low!r} is above {self.high!r}; turn them round", code="labels.question")

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.high - self.low + 1

    @property
    def bits(self) -> float:
        """Log2 of the size."""
        return math.log2(self.size)

    def parse(self, raw: object) -> int:
        """Return the number, also from its decimal text.

        Raises:
            DataError: ``labels.answer``.
        """
        if isinstance(raw, str) and raw.isascii() and len(raw) <= 20 and raw.removeprefix("-").isdigit():
            raw = int(raw)
        if isinstance(raw, int) and not isinstance(raw, bool) and self.low <= raw <= self.high:
            return raw
        raise _wrong(raw, f"a whole number from {self.low} to {self.high}")


class Budget:
    """How many bits of untrusted text a run may learn through typed answers, for each source.

    Args:
        bits: For each source and run.
        spent: What was charged before, as :attr:`spent` gave it; a run that goes on hands it back.
    """

    def __init__(self, bits: float = 64.0, *, spent: Mapping[tuple[str, str], float] | None = None) -> None:
        self.bits = bits
        self._spent = dict(spent or {})

    @property
    def spent(self) -> dict[tuple[str, str], float]:
        """What was charged, by source and run."""
        return dict(self._spent)

    def left(self, source: str, run: str) -> float:
        """Return the bits that are left."""
        return self.bits - self._spent.get((source, run), 0.0)

    def charge(self, source: str, run: str, answer: Answer) -> None:
        """Charge an answer before the question is asked.

        Raises:
            LimitError: ``labels.budget``: more than is left; nothing was charged.
        """
        left = self.left(source, run)
        if answer.bits > left:
            raise LimitError(
                f"an answer of {answer.bits:.1f} bits about {source!r} is more than the {left:.1f} left of "
                f"{self.bits:g} in run {run!r}; ask a person, or hold the text as a handle",
                code="labels.budget",
            )
        self._spent[(source, run)] = self._spent.get((source, run), 0.0) + answer.bits
