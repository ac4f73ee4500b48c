"""Owns what the gateway promises and needs: chat, vectors, endpoints, permission to leave the house."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.kernel import Json, Principal
    from pilothouse.labels import Label
    from pilothouse.models.provider import Place, Provider
    from pilothouse.models.types import ChatEvent, ChatRequest, Usage

__all__ = [
    "Backend",
    "ChatModel",
    "Chunk",
    "Egress",
    "Encoder",
    "Incoming",
    "NativeChoice",
    "Opened",
    "OutboundCall",
    "Outgoing",
    "Permit",
    "Replied",
]


class ChatModel(Protocol):
    """Answers a request; the gateway is one, and so is each adapter below it."""

    def stream(self, request: ChatRequest) -> AsyncIterator[ChatEvent]:
        """Yield ``Started``, then text, at last ``Finished``; closing it stops the generation."""
        ...


class Encoder(Protocol):
    """Turns texts into vectors that are only compared with vectors of the same ``version``."""

    @property
    def version(self) -> str:
        """Hash of weights and tokenizer; stored with each vector."""
        ...

    async def encode(
        self, texts: Sequence[str], *, kind: Literal["query", "passage"] = "passage"
    ) -> NDArray[np.float32]:
        """Return one row a text, of length one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What one attempt sends; already rendered, already permitted.

    Attributes:
        messages: In the form of OpenAI's chat completions.
        schema: JSON Schema of the answer; None for words.
        tools: Native tools; empty where tools are a schema.
        attempt: Id of the attempt, sent as the idempotency key.
        caller: Who asks, the same for each of its calls; only a child of ours is told, for its fair queue.
        stream: Whether pieces are wanted.
    """

    messages: Sequence[Mapping[str, Json]]
    output_tokens: int
    temperature: float
    seed: int
    attempt: str
    caller: str = ""
    schema: Mapping[str, Json] | None = None
    tools: Sequence[Mapping[str, Json]] = ()
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The endpoint took the call."""

    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeChoice:
    """A tool call as the endpoint wrote it; ``arguments`` is JSON text, not yet looked at."""

    id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """The endpoint is done.

    Attributes:
        reason: Why it stopped, such as ``stop`` or ``length``.
        model: As whom it answered.
        usage: None where it does not tell.
    """

    reason: str
    model: str
    usage: Usage | None
    choices: tuple[NativeChoice, ...] = ()


Incoming = Opened | Chunk | Replied


class Backend(Protocol):
    """One model at one endpoint, through one adapter."""

    @property
    def provider(self) -> Provider:
        """Who it is."""
        ...

    async def locate(self) -> Place:
        """Return where the endpoint is; only there is anything sent.

        Raises:
            ModelUsageError: ``models.address``: an address that may not be reached.
            ProviderError: ``models.no_address``: the name does not resolve.
        """
        ...

    def send(self, outgoing: Outgoing, *, at: Place, seconds: float) -> AsyncGenerator[Incoming]:
        """Yield ``Opened``, pieces and ``Replied``; closing it stops the generation.

        Raises:
            ProviderError: It did not answer; another provider may.
            ModelUsageError: ``models.rejected``: it finds the request wrong.
            ModelDeniedError: It refuses the credential.
            InvalidAnswerError: What it answered is no answer.
        """
        ...

    async def close(self) -> None:
        """Close its connections, and its process if it has one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundCall:
    """One attempt that would leave this machine.

    Attributes:
        attempt: Id of the attempt.
        label: Join of the whole prompt, as it would be sent.
        content: Hash of the messages.
        bytes: Their size.
        redactors: What was taken out before.
    """

    attempt: str
    provider: Provider
    place: Place
    principal: Principal
    caller: str
    run: str | None
    task: str
    label: Label
    content: str
    bytes: int
    redactors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """That an attempt may leave, and the audited effect that says so."""

    effect: str


class Egress(Protocol):
    """The way out; ``app.py`` hands the gateway the door. Without one only local providers are used."""

    async def permit(self, call: OutboundCall) -> Permit:
        """Let one attempt out.

        Raises:
            DeniedError: Not to this provider, not with this prompt, or not now.
        """
        ...
