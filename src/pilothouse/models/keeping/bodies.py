"""Owns bodies by their hash, one a message: a conversation costs its unique bytes, however often sent."""

from __future__ import annotations

import hashlib
import json
import time
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pilothouse.kernel import Json, canonical
from pilothouse.labels import Label, condensed_label, join
from pilothouse.models.types import Answer, Message, ToolChoice
from pilothouse.storage import load_queries

if TYPE_CHECKING:
    from pilothouse.storage import Database

__all__ = [
    "Bodies",
    "Thread",
    "answer_body",
    "call_label",
    "label_body",
    "label_key",
    "message_body",
    "packed",
    "parse_body",
    "unpacked",
]

Q = load_queries("pilothouse.models")
KEPT = 16_384
TRUSTED = 3600.0
START = b""
PACKED = b"\x01"
"""What a compressed body begins with; no message and no label does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation as it is stored: the messages that came since the last stored node.

    Attributes:
        hash: Of the whole conversation.
        prev: The stored node that the rest follows; None where it begins.
        bodies: The hashes of the messages since, one after the other.
        labels: The keys of their labels; one key if all are the same.
        new: Bodies that are perhaps not stored yet.
    """

    hash: bytes
    prev: bytes | None
    bodies: bytes = b""
    labels: bytes = b""
    new: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    @property
    def is_new(self) -> bool:
        """Whether the node itself has to be stored."""
        return bool(self.bodies)


class Bodies:
    """Finds what of a conversation is stored already."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[bytes, float] = OrderedDict()
        self._hashed: OrderedDict[tuple[object, ...], tuple[bytes, bytes]] = OrderedDict()

    async def thread(
        self, messages: Sequence[Message], *, label: Label | None = None, anew: bool = False
    ) -> Thread:
        """Return the conversation as a chain; only what is new stands in it.

        Args:
            messages: The conversation.
            label: Its own label, to be stored beside.
            anew: Take nothing for stored.
        """
        if anew:
            self._known.clear()
        pairs = [self._pair(message) for message in messages]
        nodes: list[bytes] = []
        at = START
        for pair in pairs:
            at = _key(at + pair[0] + pair[1])
            nodes.append(at)
        stored = 0 if anew else await self._stored(nodes)
        prev = nodes[stored - 1] if stored else None
        new: dict[bytes, bytes] = {}
        for message, (body, marked) in zip(messages[stored:], pairs[stored:], strict=True):
            if not self._knows(body):
                new[body] = packed(message_body(message))
            if not self._knows(marked):
                new[marked] = packed(label_body(_label(message)))
        marks = [marked for _, marked in pairs[stored:]]
        if label is not None and not self._knows(digest := call_label(label)):
            new[digest] = packed(label_body(condensed_label(label)))
        return Thread(
            hash=nodes[-1],
            prev=prev,
            bodies=b"".join(body for body, _ in pairs[stored:]),
            labels=b"".join(marks[:1] if len(set(marks)) == 1 else marks),
            new=new,
        )

    def keep(self, thread: Thread) -> None:
        """Note that a thread is stored now."""
        now = time.time()
        for one in (thread.hash, *thread.new):
            self._known[one] = now
        while len(self._known) > KEPT:
            self._known.popitem(last=False)

    def _knows(self, hash: bytes) -> bool:
        """Whether a call stored or used it lately: what no call of a day has named may have been pruned."""
        return time.time() - self._known.get(hash, 0.0) < TRUSTED

    async def _stored(self, nodes: Sequence[bytes]) -> int:
        """Return how many messages the longest stored beginning has."""
        for place in range(len(nodes), 0, -1):
            if self._knows(nodes[place - 1]):
                return place
        if len(nodes) < 3:
            return 0
        rows = await self._database.fetch_all(Q.known_nodes, {"hashes": list(nodes)})
        found = {bytes(row["hash"]) for row in rows}
        return max((place for place, one in enumerate(nodes, 1) if one in found), default=0)

    def _pair(self, message: Message) -> tuple[bytes, bytes]:
        """Return the hashes of a message's body and label; texts are hashed again only when they changed."""
        key = (
            message.role,
            message.answers,
            *((part.text, part.label) for part in message.parts),
            *((one.id, one.tool, json.dumps(one.arguments, sort_keys=True)) for one in message.choices),
        )
        found = self._hashed.get(key)
        if found is None:
            body = hashlib.sha256(message_body(message)).digest()
            found = (body, label_key(_label(message)))
            self._hashed[key] = found
            if len(self._hashed) > KEPT:
                self._hashed.popitem(last=False)
        return found


def message_body(message: Message) -> bytes:
    """Return the stored form of a message: its words, without labels."""
    return _body(message.role, [part.text for part in message.parts], message.choices, message.answers)


def answer_body(answer: Answer) -> bytes:
    """Return the stored form of an answer: the same as of the message that it will be in the next call."""
    return _body("assistant", [answer.text], answer.choices, "")


def _body(role: str, texts: Sequence[str], choices: Sequence[ToolChoice], answers: str) -> bytes:
    said: list[Json] = [text for text in texts if text]
    if len(said) == 1 and not choices and not answers:
        return f"{role}\n{said[0]}".encode("utf-8", "surrogatepass")
    fields: dict[str, Json] = {"role": role}
    if said:
        fields["texts"] = said
    if choices:
        fields["choices"] = [[one.id, one.tool, one.arguments] for one in choices]
    if answers:
        fields["answers"] = answers
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=4096)
def label_body(label: Label | None) -> bytes:
    """Return the stored form of a label."""
    return b"" if label is None else canonical(label)


@lru_cache(maxsize=4096)
def label_key(label: Label | None) -> bytes:
    """Return the key that a label is stored under; short, for there is one in every node."""
    return _key(label_body(label))


def call_label(label: Label) -> bytes:
    """Return the key of the label of a whole prompt: with one leaf in the place of many.

    Each message keeps its own label with every leaf; all of them once more in every call would cost a
    conversation the square of its length. Readers and integrity are the same.
    """
    return label_key(condensed_label(label))


def packed(body: bytes) -> bytes:
    """Return the bytes that a body is stored as; its hash is of the body itself."""
    small = PACKED + zlib.compress(body, 9, -15)
    return small if len(small) < len(body) else body


def unpacked(stored: bytes) -> bytes:
    """Return the body that was stored as these bytes."""
    return zlib.decompress(stored[1:], -15) if stored[:1] == PACKED else stored


def parse_body(body: bytes) -> dict[str, Any]:
    """Return role, texts, choices and answers of a stored message."""
    text = unpacked(body).decode("utf-8", "surrogatepass")
    if text.startswith("{"):
        return json.loads(text)
    role, _, words = text.partition("\n")
    return {"role": role, "texts": [words]}


def _key(content: bytes) -> bytes:
    """Return 128 bits of a hash."""
    return hashlib.sha256(content).digest()[:16]


def _label(message: Message) -> Label | None:
    labels = [part.label for part in message.parts]
    return join(labels[0], *labels[1:]) if labels else None
