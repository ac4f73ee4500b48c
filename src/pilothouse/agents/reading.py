"""Owns reading for a plan: a reader without tools, closed answers, and the bits a run may learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from pilothouse.agents.plans.expressions import Question
from pilothouse.agents.tools import own_failure
from pilothouse.agents.values import Value, plain, pulled, steered
from pilothouse.kernel import Json, PilothouseError, UsageError
from pilothouse.labels import Answer, Budget, Condensed, Integrity, Label, join, leaves

__all__ = ["Careful", "NoReader", "Quarantined", "Reader"]

LONGEST = 20_000
NONE = "agents.no_reader"


class Reader(Protocol):
    """A model in a context of its own: it sees the text and the question, and has no tools."""

    async def answer(self, text: Json, question: str, answer: Answer) -> object:
        """Return the answer as JSON; what does not fit ``answer`` is refused."""
        ...

    async def write(self, texts: Sequence[Json], instruction: str) -> str:
        """Return a text made of ``texts``."""
        ...


@runtime_checkable
class Careful(Protocol):
    """A reader that needs to know what it reads, such as one whose model may stand outside the house."""

    def under(self, label: Label) -> Reader:
        """Return the reader of texts of this label."""
        ...


class NoReader:
    """Refuses every question; for agents that have no model."""

    async def answer(self, text: Json, question: str, answer: Answer) -> object:
        """Refuse.

        Raises:
            UsageError: ``agents.no_reader``.
        """
        raise _none()

    async def write(self, texts: Sequence[Json], instruction: str) -> str:
        """Refuse.

        Raises:
            UsageError: ``agents.no_reader``.
        """
        raise _none()


class Quarantined:
    """Puts typed questions to a reader: charged before they are asked, labelled like what was read.

    Args:
        reader: The model.
        budget: Bits for each source.
        run: The run that is charged.
    """

    def __init__(self, reader: Reader, budget: Budget, run: str) -> None:
        self._reader, self.budget, self._run = reader, budget, run

    def charged(self, spent: Mapping[str, float]) -> None:
        """Take over what this run learned before."""
        known = {(source, self._run): bits for source, bits in spent.items()}
        self.budget = Budget(self.budget.bits, spent=known)

    async def answer(self, of: Value, question: Question) -> Value:
        """Return the answer, no more trusted than what was read.

        Raises:
            LimitError: ``labels.budget``.
            DataError: ``labels.answer``.
        """
        label = of.whole
        for source in _sources(label):
            self.budget.charge(source, self._run, question.answer)
        try:
            raw = await self._under(label).answer(of.data, question.question, question.answer)
        except Exception as error:
            raise _own(error) from error
        return plain(question.answer.parse(raw), label, which=steered(of))

    async def write(self, of: Sequence[Value], instruction: str) -> Value:
        """Return a text made of ``of``; it stays behind a handle, so no bits are charged."""
        label = join(*(value.whole for value in of))
        try:
            text = await self._under(label).write([value.data for value in of], instruction)
        except Exception as error:
            raise _own(error) from error
        return plain(text[:LONGEST], label, which=pulled(*of))

    def _under(self, label: Label) -> Reader:
        return self._reader.under(label) if isinstance(self._reader, Careful) else self._reader


def _sources(label: Label) -> list[str]:
    names: set[str] = set()
    if label.integrity >= Integrity.APPROVED:
        return []
    for leaf in leaves(label):
        names.update(leaf.sources if isinstance(leaf, Condensed) else (leaf.source,))
    return sorted(names - {"typed", "signed"})


def _own(error: Exception) -> PilothouseError:
    """Return what may be told: what a reader says of its failure may be what it has just read."""
    return _none() if isinstance(error, UsageError) and error.code == NONE else own_failure("reader", error)


def _none() -> UsageError:
    return UsageError("the plan asks a reader and none is bound; pass reader= to the session", code=NONE)
