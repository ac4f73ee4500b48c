"""Owns one conversation: messages with their labels, a hash that grows with them, and what fits a context."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from pilothouse.kernel import LimitError, canonical
from pilothouse.labels import Label, condensed_label
from pilothouse.models import Message, Part

__all__ = ["Conversation", "Moved", "pointing", "tokens_of"]

Moved = Callable[[int, Message], Message]
"""Puts an older result into a file and returns the message that says where."""

KEPT = 6
"""The newest messages are never moved."""
HEAD = 2
"""Nor what the agent is told at first."""
ENOUGH = 0.7
SHORT = 400
"""What is no longer than this is not worth a file."""


def tokens_of(message: Message) -> int:
    """Return about how many tokens a message has: four characters each, and what surrounds them."""
    letters = sum(len(part.text) for part in message.parts)
    letters += sum(len(choice.tool) + len(repr(choice.arguments)) for choice in message.choices)
    return letters // 4 + 8


class Conversation:
    """Messages in order; nothing is ever cut, only older results move into files.

    Args:
        most: Tokens above which results move.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._messages: list[Message] = []
        self._hash = hashlib.sha256()
        self._tokens = 0
        self._moved: set[int] = set()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is sent."""
        return tuple(self._messages)

    @property
    def digest(self) -> str:
        """SHA-256 over all that was ever said here, without the labels."""
        return self._hash.hexdigest()

    @property
    def tokens(self) -> int:
        """About how many tokens it has now."""
        return self._tokens

    def add(self, message: Message) -> None:
        """Say something more."""
        self._messages.append(message)
        self._tokens += tokens_of(message)
        said = [message.role, [part.text for part in message.parts], message.answers]
        chosen = [[choice.id, choice.tool, choice.arguments] for choice in message.choices]
        self._hash.update(canonical([*said, chosen]))

    def tell(self, role: str, text: str, label: Label, *, answers: str = "") -> None:
        """Say some words; of many places that they were made from, one leaf stands for all."""
        # A result of the thousandth call rests on the thousand before: each message would list them all.
        part = Part(text=text, label=condensed_label(label))
        self.add(Message(role=role, parts=(part,), answers=answers))  # type: ignore[arg-type]

    def fit(self, moved: Moved) -> Sequence[Message]:
        """Move the oldest results into files until the conversation fits; return those that moved.

        The same conversation moves the same results, so a replay does too.

        Raises:
            LimitError: ``agents.context``: it does not fit although everything that can move has.
        """
        if self._tokens <= self._most:
            return ()
        found: list[Message] = []
        for place in range(HEAD, len(self._messages) - KEPT):
            message = self._messages[place]
            if message.role != "tool" or place in self._moved or _letters(message) <= SHORT:
                continue
            found.append(message)
            self._replace(place, moved(place, message))
            if self._tokens <= self._most * ENOUGH:
                break
        if self._tokens > self._most:
            raise LimitError(
                f"the conversation has about {self._tokens} tokens and {self._most} fit, although its older "
                "results became files; raise context of the spec, or let sub-agents do parts of the work",
                code="agents.context",
            )
        return tuple(found)

    def _replace(self, place: int, message: Message) -> None:
        self._tokens += tokens_of(message) - tokens_of(self._messages[place])
        self._messages[place] = message
        self._moved.add(place)


def _letters(message: Message) -> int:
    return sum(len(part.text) for part in message.parts)


def pointing(message: Message, path: str) -> Message:
    """Return a message that says where the words of ``message`` are; under its own label."""
    letters = _letters(message)
    text = f"(moved to the file {path}, {letters} characters; read_file shows it)"
    return replace(message, parts=(Part(text=text, label=message.parts[0].label),))
