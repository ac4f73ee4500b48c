"""Language owns whose words a text holds, in which sentences and in which languages."""

from pilothouse.documents.claims.language.detect import detect
from pilothouse.documents.claims.language.fold import Folded, fold, folded_word
from pilothouse.documents.claims.language.quoted import split_quoted
from pilothouse.documents.claims.language.sentences import Sentence, sentences
from pilothouse.documents.claims.language.words import LANGUAGES, Words, words

__all__ = [
    "LANGUAGES",
    "Folded",
    "Sentence",
    "Words",
    "detect",
    "fold",
    "folded_word",
    "sentences",
    "split_quoted",
    "words",
]
