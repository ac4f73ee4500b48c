"""Owns what reading needs from outside: extractors, an encoder, a generator; joined in the assembly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.documents.claims.types import Candidate, ClaimType
    from pilothouse.documents.types import Text
    from pilothouse.kernel import Json
    from pilothouse.labels import Label

__all__ = ["Encoder", "Extractor", "Generator"]


class Extractor(Protocol):
    """Proposes claims; the reader verifies, calibrates and accepts them."""

    @property
    def version(self) -> str:
        """Name and version, such as ``rules@4f2a91``; stands in every claim."""
        ...

    async def propose(self, text: Text, *, wanted: frozenset[ClaimType]) -> Sequence[Candidate]:
        """Return what the text may say of the wanted types."""
        ...


class Encoder(Protocol):
    """Turns sentences into vectors of length one; the models part has one."""

    @property
    def version(self) -> str:
        """Hash of weights and tokenizer; a head refuses another."""
        ...

    async def encode(
        self, texts: Sequence[str], *, kind: Literal["query", "passage"] = "passage"
    ) -> NDArray[np.float32]:
        """Return one row a text."""
        ...


class Generator(Protocol):
    """A text model behind a promoted adapter or a route; it fills a form, the quotes are checked."""

    @property
    def version(self) -> str:
        """Model and adapter, such as ``smol-port@3``."""
        ...

    @property
    def types(self) -> frozenset[str]:
        """Claim types it was promoted for; it is never asked for others."""
        ...

    async def fill(
        self, instructions: str, text: str, *, schema: Mapping[str, Json], label: Label, language: str
    ) -> Json:
        """Return an object that fits the schema.

        Raises:
            UnavailableError: No model answers now.
        """
        ...
