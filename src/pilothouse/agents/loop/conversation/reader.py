"""Owns the reader of an agent: a model in a context of its own, without tools, that fills a closed form."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from pilothouse.agents.loop.conversation.chat import Chat
from pilothouse.agents.loop.conversation.prompts import prompt
from pilothouse.agents.loop.meter import Meter
from pilothouse.kernel import DataError, Json, content_hash
from pilothouse.labels import Answer, Boolean, Choice, Label, Number, signed, unknown
from pilothouse.models import Message, Part

__all__ = ["GatewayReader"]


class GatewayReader:
    """Answers typed questions and writes texts by the gateway; see :class:`~pilothouse.agents.Reader`.

    What it reads is sent under its own label, so the gate judges each provider by it.

    Args:
        chat: How models are called.
        task: The route.
        meter: Counts its calls.
        label: Of what it reads; without one it is for the principal alone.
    """

    def __init__(self, chat: Chat, task: str, meter: Meter, label: Label | None = None) -> None:
        self._chat, self._task, self._meter = chat, task, meter
        self._label = label or unknown(chat.principal.id)
        self.asking: Callable[[], Label] | None = None
        """Tells what a question rests on: whoever asks may have read what it now puts into words."""

    def under(self, label: Label) -> GatewayReader:
        """Return the reader of texts of this label."""
        made = GatewayReader(self._chat, self._task, self._meter, label)
        made.asking = self.asking
        return made

    async def answer(self, text: Json, question: str, answer: Answer) -> object:
        """Return the answer as JSON; the form allows nothing else."""
        schema: dict[str, Json] = {
            "type": "object", "properties": {"answer": _form(answer)}, "required": ["answer"],
            "additionalProperties": False,
        }  # fmt: skip
        found = await self._ask(prompt("read"), [f"Question: {question}", _text(text)], schema)
        if not isinstance(found, Mapping) or "answer" not in found:
            raise DataError("the reader filled no form; ask another route", code="agents.reader")
        return cast("Mapping[str, object]", found)["answer"]

    async def write(self, texts: Sequence[Json], instruction: str) -> str:
        """Return a text made of ``texts``."""
        words = [f"Write: {instruction}", *(_text(text) for text in texts)]
        found = await self._ask(prompt("write"), words, None)
        return str(found)

    async def _ask(self, told: str, words: Sequence[str], schema: Mapping[str, Json] | None) -> object:
        now = self._chat.steps.now()
        self._meter.before_call(now)
        ours = signed("prompt:reader", content_hash(told)[:12])
        asked = ours if self.asking is None else self.asking()
        # The question stands first; what is read comes after it.
        parts = [Part(text=words[0], label=asked), *(Part(text=one, label=self._label) for one in words[1:])]
        messages = [
            Message(role="system", parts=(Part(text=told, label=ours),)),
            Message(role="user", parts=tuple(parts)),
        ]
        turn, _ = await self._chat.ask(
            self._task, messages, digest=content_hash([told, list(words)]), seconds=self._meter.left(now),
            schema=schema,
        )  # fmt: skip
        self._meter.called(turn.usage)
        return turn.value if schema is not None else turn.text


def _text(text: Json) -> str:
    return text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)


def _form(answer: Answer) -> dict[str, Json]:
    if isinstance(answer, Boolean):
        return {"type": "boolean"}
    if isinstance(answer, Choice):
        return {"type": "string", "enum": list(answer.options)}
    if isinstance(answer, Number):
        return {"type": "integer", "minimum": answer.low, "maximum": answer.high}
    return {}
