"""Owns cutting texts into the tokens of XLM-RoBERTa: its normalisation, then the likeliest pieces.

The pieces are a unigram model (Kudo 2018, arXiv 1804.10959), cut by the library ``tokenizers``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from pilothouse.models.adapters.encoding import without_surrogates

if TYPE_CHECKING:
    from pilothouse.models.adapters.e5.weights import Vocabulary

__all__ = ["Words"]

_SPACES = re.compile(" {2,}")
_GAP = "\u2581"


class Words:
    """Cuts texts into tokens.

    Args:
        vocabulary: Of the weight file.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        import tokenizers

        own = cast("Any", tokenizers)
        # Marks such as <s> have score 0, the best of all: written in a text they must not become the mark.
        entries = [
            (f"\0{piece}" if score == 0.0 else piece, score)
            for piece, score in zip(vocabulary.pieces, vocabulary.scores, strict=True)
        ]
        model = own.models.Unigram(entries, vocabulary.unknown, False)
        self._tokenizer = own.Tokenizer(model)
        self._tokenizer.pre_tokenizer = own.pre_tokenizers.Metaspace(_GAP, prepend_scheme="always")
        self._normal = {**vocabulary.normal, 0: ""}

    def normal(self, text: str) -> str:
        """Return a text as the pieces were counted on: compatible characters, single spaces."""
        whole = unicodedata.normalize("NFC", without_surrogates(text))
        return _SPACES.sub(" ", whole.translate(self._normal)).strip(" ")

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, without the marks around it."""
        cut = self._tokenizer.encode_batch([self.normal(text) for text in texts], add_special_tokens=False)
        return [list(one.ids) for one in cut]
