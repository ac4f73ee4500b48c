"""Owns doubles and the conformance suite of extractors: what every rung must hold to."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pilothouse.documents.claims.ports import Extractor
from pilothouse.documents.claims.reader import Reader
from pilothouse.documents.claims.task import Task
from pilothouse.documents.claims.types import below, plain_text
from pilothouse.kernel import UnavailableError
from pilothouse.labels import Label, unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pilothouse.kernel import Json

__all__ = ["ExtractorSuite", "FakeEncoder", "FakeGenerator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeEncoder:
    """Vectors by hashed words: alike texts are near, nothing is learnt."""

    version: str = "fake-words@1"
    size: int = 64

    async def encode(
        self, texts: Sequence[str], *, kind: Literal["query", "passage"] = "passage"
    ) -> NDArray[np.float32]:
        """Return one row a text, of length one."""
        import numpy as np

        rows = np.zeros((len(texts), self.size), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                rows[row, int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) % self.size] += 1.0
            rows[row] /= max(1e-6, float(np.linalg.norm(rows[row])))
        return rows


@dataclass(slots=True, kw_only=True)
class FakeGenerator:
    """A text model that gives prepared answers; None for an answer means that it is gone.

    Attributes:
        asked: Texts it was asked about.
    """

    answer: Json = None
    version: str = "fake-model@1"
    types: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list[str])

    async def fill(
        self, instructions: str, text: str, *, schema: Mapping[str, Json], label: Label, language: str
    ) -> Json:
        """Return the prepared answer."""
        self.asked.append(text)
        if self.answer is None:
            raise UnavailableError("no model answers; try later", code="models.none")
        return self.answer


class ExtractorSuite:
    """What holds of every extractor; a test class inherits it and gives ``extractor`` and ``task``."""

    texts: Sequence[str] = (
        "",
        "   \n\n ",
        "Please do not release CSQU3054383.\n\nKind regards\nLou",
        "Bitte nicht freigeben! 🚢 CSQU3054383 cafe\u0301",
        "> quoted: do not release\nFine with us.",
        "x" * 5000,
        "e\u0301\u0302" * 50 + " stop 👩‍👩‍👧 hold",
    )

    def task(self) -> Task:
        """Return the task to read for."""
        raise NotImplementedError

    def extractor(self) -> Extractor:
        """Return the extractor under test."""
        raise NotImplementedError

    def test_it_names_its_version(self) -> None:
        """Claims name who made them."""
        assert self.extractor().version

    def test_candidates_are_of_wanted_types_with_chances_and_places(self) -> None:
        """Nothing unasked, nothing outside the text."""
        wanted = frozenset(self.task().types)
        for content in self.texts:
            text = plain_text(content)
            for one in asyncio.run(self.extractor().propose(text, wanted=wanted)):
                assert one.type in {w.name for w in wanted}
                assert 0 <= one.p <= 1
                assert one.quote or 0 <= one.start < one.end <= len(text.content)
            assert not asyncio.run(self.extractor().propose(text, wanted=frozenset()))

    def test_claims_quote_what_stands_there_and_stay_below_their_source(self) -> None:
        """Whatever an extractor proposes, claims are verbatim and keep the label."""
        label = unknown("suite")
        reader = Reader(self.task(), extractors=[self.extractor()])
        for content in self.texts:
            text = plain_text(content)
            reading = asyncio.run(reader.read(text, document="d", label=label))
            for claim in reading.claims:
                assert text.content[claim.span.start : claim.span.end] == claim.span.quote
                assert below(claim.label, label)
                for slot in claim.slots:
                    assert text.content[slot.span.start : slot.span.end] == slot.span.quote

    def test_the_same_text_gives_the_same_candidates(self) -> None:
        """No chance, no clock."""
        wanted = frozenset(self.task().types)
        text = plain_text(self.texts[2])
        first = asyncio.run(self.extractor().propose(text, wanted=wanted))
        assert list(first) == list(asyncio.run(self.extractor().propose(text, wanted=wanted)))
