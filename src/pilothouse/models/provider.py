"""Owns the nouns of routing: what a provider is, can and costs, and which providers serve a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from pilothouse.kernel import Json, content_hash, encode, wired
from pilothouse.models.types import Usage

__all__ = ["Abilities", "Place", "Price", "Provider", "Route"]

MILLION = Decimal(1_000_000)


@wired("models.abilities")
@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What an endpoint can do; measured by ``pilothouse models check``, else as the project declares it.

    Attributes:
        stream: Sends its answer piece by piece.
        json_schema: Keeps to a JSON Schema given as ``response_format``.
        native_tools: Chooses tools in ``tool_calls``; only where at least 95 % of choices were right.
        max_context: Tokens of prompt and answer together; 0 is not known.
        languages: ISO 639-1, only those with a measured figure; empty is not measured.
        may_word: Whether its free text may stand before people who decide.
        measured: When the suite measured it; None is only declared.
    """

    stream: bool = True
    json_schema: bool = False
    native_tools: bool = False
    logprobs: bool = False
    images: bool = False
    lora: bool = False
    max_context: int = 0
    languages: frozenset[str] = frozenset()
    may_word: bool = False
    measured: date | None = None

    def has(self, name: str) -> bool:
        """Whether the ability ``name`` is there."""
        return bool(getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a provider takes, in the project's currency; a local one is priced in CPU seconds.

    Attributes:
        prompt: For a million tokens of prompt.
        output: For a million tokens of answer.
        cached: For a million tokens of prompt that the provider had cached; None counts them as prompt.
        cpu_second: For a second of one thread.
    """

    prompt: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    cached: Decimal | None = None
    cpu_second: Decimal = Decimal(0)

    def cost(self, usage: Usage) -> Decimal:
        """Return what ``usage`` costs."""
        cached = usage.cached_tokens if self.cached is not None else 0
        tokens = (usage.prompt_tokens - cached) * self.prompt + usage.output_tokens * self.output
        tokens += cached * (self.cached or Decimal(0))
        cpu = Decimal(str(usage.cpu_seconds)) * self.cpu_second if self.cpu_second else Decimal(0)
        return tokens / MILLION + cpu if tokens else cpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One model at one endpoint: a principal of its own that may read what ``reads`` says.

    Attributes:
        name: As declared, such as ``site-vllm``.
        kind: ``openai`` for any OpenAI-compatible server, ``local`` for a child process of ours.
        url: Base address, such as ``https://models.example/v1`` or ``unix:///run/model.sock``.
        model: What the endpoint calls it.
        credential: Secret reference; empty sends none.
        reads: ACL ids it satisfies, a trailing ``*`` for all that begin so; what its contract allows.
        region: Where it processes.
        retention: What it keeps, in words.
        contract: The agreement it stands on.
        expires: The last day of the contract; afterwards nothing is sent.
        internal: The address is one of this house's own networks.
        leaves: Treated as outside although its address is this machine: a tunnel.
        timeout: Seconds of silence after which it is given up.
        concurrency: Calls at once; 0 is no limit.
        weights: Hash of the weights, where known.
        options: Further fields of the request's body.
        same_model: Whether it must answer under the name it was asked by.
    """

    name: str
    model: str
    kind: str = "openai"
    url: str = ""
    credential: str = ""
    abilities: Abilities = field(default_factory=Abilities)
    price: Price = field(default_factory=Price)
    reads: tuple[str, ...] = ()
    region: str = ""
    retention: str = ""
    contract: str = ""
    expires: date | None = None
    internal: bool = False
    leaves: bool = False
    timeout: float = 60.0
    concurrency: int = 0
    weights: str = ""
    ca_file: str = ""
    options: Mapping[str, Json] = field(default_factory=dict[str, Json])
    same_model: bool = True

    def satisfies(self, acl: str) -> bool:
        """Whether the provider satisfies the ACL id ``acl``."""
        return any(acl == have or (have.endswith("*") and acl.startswith(have[:-1])) for have in self.reads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which providers serve a task, in order; nothing is picked by a learned score.

    Attributes:
        task: What callers ask for.
        use: Provider names, first choice first.
        needs: Abilities every one of them must have.
        languages: The only languages it serves; empty is all.
        readers: The most ACL ids a prompt may carry; None is no limit. It only saves useless attempts.
        template: What is answered when nothing is left; empty raises instead.
        redact: Redactors to try where a prompt may not leave as it is.
        cache_seconds: How long an identical request of the same rights gets the recorded answer; 0 never.
    """

    task: str
    use: tuple[str, ...]
    needs: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    readers: frozenset[str] | None = None
    template: str = ""
    redact: tuple[str, ...] = ()
    cache_seconds: float = 0.0

    @property
    def version(self) -> str:
        """Hash of everything the route says, first 12 digits."""
        names = ("task", "use", "needs", "languages", "readers", "template", "redact", "cache_seconds")
        return content_hash({name: encode(getattr(self, name)) for name in names})[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an endpoint really is: what its name resolved to, once; nothing else is dialled.

    Attributes:
        host: The name asked for.
        address: The IP address, or the path of a socket.
        local: Whether it is a socket or the loopback of this machine.
    """

    host: str
    address: str
    local: bool
