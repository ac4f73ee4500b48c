"""Owns the readers of a test: one that answers as the task says, and one that obeys whatever it reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.agents.testing.orders import answers_in, writes_in
from pilothouse.kernel import DataError, Json
from pilothouse.labels import Answer

__all__ = ["HonestReader", "WorstCaseReader"]


class HonestReader:
    """Answers by question, as the task says; writes what it was given, one part after the other."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    async def answer(self, text: Json, question: str, answer: Answer) -> object:
        """Return the task's answer."""
        if question not in self._answers:
            raise DataError(f"the task has no answer to {question!r}; add it", code="agents.world")
        found = self._answers[question]
        return found(text) if callable(found) else found

    async def write(self, texts: Sequence[Json], instruction: str) -> str:
        """Return the texts, joined."""
        return "\n".join(text if isinstance(text, str) else json.dumps(text) for text in texts)


class WorstCaseReader(HonestReader):
    """Answers what the text orders wherever that fits; writes what it orders, and all it saw."""

    async def answer(self, text: Json, question: str, answer: Answer) -> object:
        """Return the first ordered value that fits, else the honest one."""
        for value in answers_in(text):
            try:
                return answer.parse(value)
            except DataError:
                continue
        return await super().answer(text, question, answer)

    async def write(self, texts: Sequence[Json], instruction: str) -> str:
        """Return what the texts want written, then the texts."""
        ordered = [one for text in texts for one in writes_in(text)]
        return "\n".join([*ordered, await super().write(texts, instruction)])
