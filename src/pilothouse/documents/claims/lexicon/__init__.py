"""The lexicon owns words with a meaning: a task's terms, negation around them, and rules that join them."""

from pilothouse.documents.claims.lexicon.rules import Lexicon, Marked, Met
from pilothouse.documents.claims.lexicon.terms import Alternative, Concept, Rule, Term, concepts_of, rules_of

__all__ = [
    "Alternative",
    "Concept",
    "Lexicon",
    "Marked",
    "Met",
    "Rule",
    "Term",
    "concepts_of",
    "rules_of",
]
