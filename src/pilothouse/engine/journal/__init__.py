"""The journal on PostgreSQL: fenced records, parking and answers, payloads."""

from pilothouse.engine.journal.answers import Answered, Answers
from pilothouse.engine.journal.parking import Parked
from pilothouse.engine.journal.payloads import INLINE_LIMIT, PAYLOAD_LIMIT, PostgresPayloads
from pilothouse.engine.journal.postgres import PostgresJournal
from pilothouse.engine.journal.rows import Q, entry_of, principal_of, principal_text, run_of

__all__ = [
    "INLINE_LIMIT",
    "PAYLOAD_LIMIT",
    "Answered",
    "Answers",
    "Parked",
    "PostgresJournal",
    "PostgresPayloads",
    "Q",
    "entry_of",
    "principal_of",
    "principal_text",
    "run_of",
]
