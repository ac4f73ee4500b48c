"""Claims own what a text says: typed, with the words that say it, and what nobody could read."""

from __future__ import annotations

from pilothouse.documents.claims import heads
from pilothouse.documents.claims.asking import form, instructions_for
from pilothouse.documents.claims.extractors import HeadExtractor, RuleExtractor, encode_wanted
from pilothouse.documents.claims.heads import Head, load_head, save_head
from pilothouse.documents.claims.judging import Judge, Judgement, Opinion
from pilothouse.documents.claims.language import LANGUAGES, detect, split_quoted
from pilothouse.documents.claims.lexicon import Concept, Marked, Met, Rule, Term
from pilothouse.documents.claims.patterns import KINDS, CodePattern, Locale, mentions
from pilothouse.documents.claims.ports import Encoder, Extractor, Generator
from pilothouse.documents.claims.prepare import Prepared, prepare
from pilothouse.documents.claims.reader import Item, Reader
from pilothouse.documents.claims.task import Task, load_task, task_of
from pilothouse.documents.claims.types import (
    Abstained,
    Candidate,
    Claim,
    ClaimType,
    Mention,
    Reading,
    Slot,
    SlotValue,
    Unread,
    below,
    plain_text,
)

__all__ = [
    "KINDS",
    "LANGUAGES",
    "Abstained",
    "Candidate",
    "Claim",
    "ClaimType",
    "CodePattern",
    "Concept",
    "Encoder",
    "Extractor",
    "Generator",
    "Head",
    "HeadExtractor",
    "Item",
    "Judge",
    "Judgement",
    "Locale",
    "Marked",
    "Mention",
    "Met",
    "Opinion",
    "Prepared",
    "Reader",
    "Reading",
    "Rule",
    "RuleExtractor",
    "Slot",
    "SlotValue",
    "Task",
    "Term",
    "Unread",
    "below",
    "detect",
    "encode_wanted",
    "form",
    "heads",
    "instructions_for",
    "load_head",
    "load_task",
    "mentions",
    "plain_text",
    "prepare",
    "save_head",
    "split_quoted",
    "task_of",
]
